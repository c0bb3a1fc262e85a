"""The keys of a work queue that wait for a time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from kaiwu_runtime.queue._priority import Priority

K = TypeVar("K", bound=Hashable)


class DelayedKeys(Generic[K]):
    """Hands each key on when its time has come, with one timer for all of them.

    Args:
        release: Called with a key whose time has come, and its priority; it removes the key from `due`.

    Attributes:
        due: When each key is due, in the event loop's time, and the line it waits for. Removing a key is enough.
    """

    __slots__ = ("_heap", "_release_key", "_sequence", "_timer", "_timer_due", "due")

    def __init__(self, release: Callable[[K, Priority], None]) -> None:
        self._release_key = release
        self.due: dict[K, tuple[float, Priority]] = {}
        self._heap: list[tuple[float, int, K]] = []  # the times of `due`, and some that no longer count
        self._timer: asyncio.Handle | None = None
        self._timer_due = 0.0  # kept here: for a time that is all but now, uvloop's handle does not know it
        self._sequence = 0

    def add(self, key: K, due: float, priority: Priority) -> None:
        """Let a key wait; of two times the earlier counts, and of two priorities the higher."""
        known = self.due.get(key)
        if known is not None:
            priority = max(priority, known[1])
            if known[0] <= due:
                self.due[key] = (known[0], priority)
                return
        self.due[key] = (due, priority)
        self._sequence += 1
        heapq.heappush(self._heap, (due, self._sequence, key))
        if len(self._heap) > 2 * len(self.due) + 64:
            # Keys that ran before their time left theirs behind; often enough, and the heap would only grow.
            self._heap = [(when, number, key) for number, (key, (when, _)) in enumerate(self.due.items())]
            self._sequence = len(self._heap)
            heapq.heapify(self._heap)
        if self._timer is None or self._heap[0][0] < self._timer_due:
            self._arm()

    def stop(self) -> None:
        """Release nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """Set the one timer to the earliest time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer_due = self._heap[0][0]
            self._timer = asyncio.get_running_loop().call_at(self._timer_due, self._release)

    def _release(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer = None
        while self._heap and self._heap[0][0] <= now + 1e-6:
            due, _, key = heapq.heappop(self._heap)
            waits = self.due.get(key)
            if waits is not None and waits[0] == due:
                self._release_key(key, waits[1])
        while self._heap and self._heap[0][2] not in self.due:
            heapq.heappop(self._heap)
        self._arm()
