"""A limit of how much is in progress at once: requests of a transport, functions in threads."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress


class Slots:
    """A semaphore that is taken without a coroutine while there is a free slot, as nearly always.

    asyncio's has a coroutine and two more calls each time. Those that wait get slots in turn: a slot that is released
    is handed over, so that a later caller cannot take it.

    Args:
        count: How many may be taken.

    Attributes:
        free: How many may be taken now.

    Raises:
        ValueError: The count is negative.
    """

    def __init__(self, count: int) -> None:
        if count < 0:
            raise ValueError(f"invalid limit {count}: use 0 or more")
        self.free = self._count = count
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        """How many are taken now."""
        return self._count - self.free

    def take(self) -> bool:
        """Take a slot if one is free; otherwise `wait` for one."""
        if self.free > 0:
            self.free -= 1
            return True
        return False

    async def wait(self) -> None:
        """Return when a slot has been taken."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.cancel() or waiter.cancelled():
                with suppress(ValueError):
                    self._waiters.remove(waiter)
            else:
                self.release()  # the slot was handed over right before
            raise

    def release(self) -> None:
        """Give a slot back."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self.free += 1
