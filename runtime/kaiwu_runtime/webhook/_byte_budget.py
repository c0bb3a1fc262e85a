"""Limit the bytes of large requests that a webhook server holds at the same time to a share of the pod's memory.

A LIST of custom resources arrives as one ConversionReview, and several of them would take the memory of the pod and
end it. Requests wait for their share, and are rejected when it does not come in time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from kaiwu_runtime.errors import KaiwuError

MIB = 1024 * 1024
SMALL = 64 * 1024
"""Bytes of a request that needs no share: the number of connections bounds these."""

MAX_BYTES = 256 * MIB
_MIN_BYTES = 8 * MIB
_SHARE = 6
"""A converted review takes about three times its size for a while, and may use half of the pod's memory."""


class BudgetExhaustedError(KaiwuError):
    """Other requests hold the bytes that this one needs."""


def budget_bytes(limit: int | None) -> int:
    """Return the bytes of request bodies that fit in a container.

    Args:
        limit: Bytes that the container may use; None for no limit.
    """
    return MAX_BYTES if limit is None else max(_MIN_BYTES, min(MAX_BYTES, limit // _SHARE))


class ByteBudget:
    """Shares of a number of bytes, given in the order in which they are asked for.

    Args:
        total: The bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """The bytes that are held now."""
        return self._used

    @property
    def is_wanted(self) -> bool:
        """Whether a request waits for bytes that others hold."""
        return any(not share.done() for _, share in self._waiting)

    async def reserve(self, size: int, seconds: float) -> None:
        """Wait for a share.

        Args:
            size: Bytes, at most `total`.
            seconds: How long to wait.

        Raises:
            BudgetExhaustedError: The share did not become free in time.
        """
        if not self._waiting and self._used + size <= self.total:
            self._used += size
            return
        share: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (size, share)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                await share
        except BaseException as error:
            if share.done() and not share.cancelled():
                self.release(size)  # it came just now, too late
            else:
                with suppress(ValueError):  # another one that gave up in the same moment has removed it
                    self._waiting.remove(entry)
                self._give()
            if isinstance(error, TimeoutError):
                raise BudgetExhaustedError("too many large requests at the same time; try again later") from None
            raise

    def release(self, size: int) -> None:
        """Give a share back."""
        self._used -= size
        self._give()

    def _give(self) -> None:
        while self._waiting:
            size, share = self._waiting[0]
            if not share.done():
                if self._used + size > self.total:
                    return
                self._used += size
                share.set_result(None)
            self._waiting.popleft()


class Share:
    """What one request holds of a budget; given back at the end of the block.

    Args:
        budget: The budget.
        seconds: How long to wait for a share.
    """

    def __init__(self, budget: ByteBudget, seconds: float) -> None:
        self._budget = budget
        self._seconds = seconds
        self._held = 0
        self._needed = 0

    @property
    def is_wanted(self) -> bool:
        """Whether another request waits for what this one holds."""
        return self._held > 0 and self._budget.is_wanted

    async def add(self, size: int) -> None:
        """Hold more bytes; the first `SMALL` ones are free.

        Raises:
            BudgetExhaustedError: They did not become free in time.
        """
        self._needed += size
        missing = self._needed - self._held
        if self._needed > SMALL and missing > 0:
            missing = max(missing, min(SMALL, self._budget.total - self._held))  # not for each chunk of 4 KiB
            await self._budget.reserve(missing, self._seconds)
            self._held += missing

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held:
            self._budget.release(self._held)
            self._held = 0
