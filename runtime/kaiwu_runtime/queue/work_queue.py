"""The work queue: every key once, one worker per key, nothing lost.

A key is *dirty* from the moment it is added until a worker takes it, and *processing* from then until the worker is
done with it. Added again while dirty, it stays one key; added while processing, it is worked on exactly once more
afterwards. Keys wait in two lines, events before the initial list, and the second line is never starved.

The queue belongs to one event loop; other threads add through ``loop.call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
import enum
import heapq
from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from kaiwu_runtime.queue.rate_limiter import RateLimiter, default_rate_limiter

K = TypeVar("K", bound=Hashable)

_LOW_EVERY = 8
"""While both lines are waited in, one key in so many comes from the second."""


class Priority(enum.IntEnum):
    """Which line a key waits in."""

    LOW = 0
    """Objects of the initial list: all of them will be worked on, none is urgent."""

    NORMAL = 1
    """Everything that happens."""


class QueueMetrics(Protocol):
    """Hears what the queue does; the names follow client-go's workqueue metrics."""

    def added(self, depth: int) -> None:
        """A key was added; `depth` keys wait."""

    def taken(self, depth: int, waited: float) -> None:
        """A worker took a key that had waited so many seconds."""

    def done(self, worked: float) -> None:
        """A worker finished a key after so many seconds."""

    def retried(self) -> None:
        """A key was added with back-off."""


class QueueShutDown(Exception):  # noqa: N818 - no error: the end of the queue
    """The queue gives out no more keys."""


class WorkQueue(Generic[K]):
    """Keys to be worked on.

    Args:
        rate_limiter: Says how long a failed key waits; default is client-go's.
        metrics: Hears of every change.
    """

    def __init__(self, rate_limiter: RateLimiter | None = None, metrics: QueueMetrics | None = None) -> None:
        self._limiter = rate_limiter or default_rate_limiter()
        self.metrics = metrics
        self._lines: dict[Priority, deque[K]] = {priority: deque() for priority in Priority}
        self._dirty: dict[K, Priority] = {}
        self._added_at: dict[K, float] = {}
        self._processing: dict[K, float] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._delayed: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._sequence = 0
        self._taken_in_a_row = 0
        self._shut_down = False

    def __len__(self) -> int:
        """Return how many keys wait for a worker."""
        # Not the lines' lengths: a key that was raised to the first line is in both for a while.
        return len(self._dirty) - sum(key in self._dirty for key in self._processing)

    @property
    def processing(self) -> int:
        """How many keys are being worked on."""
        return len(self._processing)

    def since(self) -> list[float]:
        """Return when work on each key in progress began, in the event loop's monotonic time."""
        return list(self._processing.values())

    @property
    def shutting_down(self) -> bool:
        """Whether the queue has been shut down."""
        return self._shut_down

    def add(self, key: K, priority: Priority = Priority.NORMAL) -> None:
        """Let a key be worked on; does nothing when it waits already, except to raise its priority."""
        if self._shut_down:
            return
        known = self._dirty.get(key)
        if known is not None:
            if priority > known:
                self._dirty[key] = priority
                if key not in self._processing:
                    # Moving it out of the middle of the slow line would cost a search: it waits in both, and the
                    # worker that finds it in the slow line, no longer dirty, passes over it.
                    self._lines[priority].append(key)
            return
        self._dirty[key] = priority
        self._added_at[key] = self._now()
        if key not in self._processing:
            self._lines[priority].append(key)
            self._wake()
        if self.metrics is not None:
            self.metrics.added(self._depth())

    def add_after(self, key: K, seconds: float, priority: Priority = Priority.NORMAL) -> None:
        """Add a key later; of several times the earliest counts."""
        if self._shut_down:
            return
        if seconds <= 0:
            self.add(key, priority)
            return
        due = self._now() + seconds
        known = self._due.get(key)
        if known is not None and known <= due:
            return
        self._due[key] = due
        self._sequence += 1
        heapq.heappush(self._delayed, (due, self._sequence, key))
        self._arm()

    def add_rate_limited(self, key: K, priority: Priority = Priority.NORMAL) -> float:
        """Add a key after its back-off, and return the back-off in seconds."""
        seconds = self._limiter.when(key)
        if self.metrics is not None:
            self.metrics.retried()
        self.add_after(key, seconds, priority)
        return seconds

    def forget(self, key: K) -> None:
        """Start a key's back-off afresh: it succeeded."""
        self._limiter.forget(key)

    def failures(self, key: K) -> int:
        """Return how often a key was added with back-off since it was last forgotten."""
        return self._limiter.failures(key)

    async def get(self) -> K:
        """Return the next key; call `done` when its work is over, whatever came of it.

        Raises:
            QueueShutDown: There will be none.
        """
        while True:
            if self._shut_down:
                raise QueueShutDown
            key = self._next()
            if key is not None:
                break
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                # The wake-up may have been ours: hand it on rather than lose it.
                if waiter.done() and not waiter.cancelled():
                    self._wake()
                raise
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        now = self._now()
        del self._dirty[key]
        self._processing[key] = now
        if self.metrics is not None:
            self.metrics.taken(self._depth(), now - self._added_at[key])
        del self._added_at[key]
        return key

    def done(self, key: K) -> None:
        """Finish a key; it is queued again when it was added in the meantime."""
        started = self._processing.pop(key, None)
        if started is not None and self.metrics is not None:
            self.metrics.done(self._now() - started)
        priority = self._dirty.get(key)
        if priority is not None and not self._shut_down:
            self._lines[priority].append(key)
            self._wake()

    def shut_down(self) -> None:
        """Give out no more keys; work in progress goes on until its `done`."""
        self._shut_down = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            self._wake()

    def _next(self) -> K | None:
        normal, low = self._lines[Priority.NORMAL], self._lines[Priority.LOW]
        while normal or low:
            from_low = bool(low) and (not normal or self._taken_in_a_row >= _LOW_EVERY - 1)
            key = (low if from_low else normal).popleft()
            if key not in self._dirty or key in self._processing:
                continue  # it was raised to the first line and taken from there
            self._taken_in_a_row = 0 if from_low else self._taken_in_a_row + 1
            return key
        return None

    def _depth(self) -> int:
        return len(self._dirty)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _arm(self) -> None:
        """Set the one timer to the earliest delayed key."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._delayed and self._due.get(self._delayed[0][2]) != self._delayed[0][0]:
            heapq.heappop(self._delayed)  # an earlier time replaced it
        if self._delayed:
            self._timer = asyncio.get_running_loop().call_at(self._delayed[0][0], self._release)

    def _release(self) -> None:
        now = self._now()
        self._timer = None
        while self._delayed and self._delayed[0][0] <= now + 1e-6:
            due, _, key = heapq.heappop(self._delayed)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)
        self._arm()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
