"""The work queue: every key once, one worker per key, nothing lost.

A key waits in one place only: in a line until a worker is free, or until a time; whichever comes first wins. Added
while it is worked on, it is worked on exactly once more afterwards. There are two lines, events before the initial
list, and the second is never starved.

An event ends a back-off early, for a user who repairs an object does not want to wait for a quarter of an hour. But a
reconciler that fails and writes a status each time causes an event each time: such a key runs once a second at most.

A key that is added again by its worker, with back-off or for later, stays in the line it came from: ten thousand
objects that fail at the start do not get in the way of what happens meanwhile.

The queue belongs to one event loop; other threads add through ``loop.call_soon_threadsafe``.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from kaiwu_runtime._callback import contained, forget_stack
from kaiwu_runtime.queue._delayed_keys import DelayedKeys
from kaiwu_runtime.queue._metrics import QueueMetrics
from kaiwu_runtime.queue._priority import Priority
from kaiwu_runtime.queue._rate_limiter import RateLimiter, default_rate_limiter

logger = logging.getLogger("kaiwu_runtime.queue.work_queue")

K = TypeVar("K", bound=Hashable)

_LOW_EVERY = 8
"""While both lines are waited in, one key in so many comes from the second."""

_EVENT_FLOOR = 1.0
"""Minimum seconds between a failure and the next attempt after an event, if the back-off is longer than that."""


class QueueShutDown(Exception):  # noqa: N818 - no error: the end of the queue
    """The queue is shut down and returns no more keys."""


class WorkQueue(Generic[K]):
    """Keys to be worked on.

    Args:
        rate_limiter: Decides how long a failed key waits; default: client-go's.
        metrics: Observes every change.
    """

    def __init__(self, rate_limiter: RateLimiter | None = None, metrics: QueueMetrics | None = None) -> None:
        self._limiter = rate_limiter or default_rate_limiter()
        self.metrics = metrics
        self._normal: OrderedDict[K, float] = OrderedDict()  # since when each key waits for a worker
        self._low: OrderedDict[K, float] = OrderedDict()
        self._again: dict[K, tuple[Priority, float]] = {}  # added while it is being worked on
        self._processing: dict[K, tuple[float, Priority]] = {}  # since when, and from which line
        self._delayed = DelayedKeys(self._enqueue)
        self._due = self._delayed.due
        self._not_before: dict[K, float] = {}  # failed keys: an event does not bring them back sooner
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._taken_in_a_row = 0
        self._shut_down = False

    def __len__(self) -> int:
        """Return how many keys wait for a worker."""
        return len(self._normal) + len(self._low)

    @property
    def depths(self) -> dict[Priority, int]:
        """How many keys wait for a worker in each line."""
        return {Priority.NORMAL: len(self._normal), Priority.LOW: len(self._low)}

    @property
    def processing(self) -> int:
        """How many keys are being worked on."""
        return len(self._processing)

    @property
    def delayed(self) -> int:
        """How many keys wait for a time."""
        return len(self._due)

    def in_progress(self) -> list[tuple[K, float]]:
        """Return the keys that are worked on, and when that began, in the event loop's monotonic time."""
        return [(key, since) for key, (since, _) in list(self._processing.items())]

    def since(self) -> list[float]:
        """Return when work on each key in progress began, in the event loop's monotonic time."""
        return [since for since, _ in self._processing.values()]

    @property
    def shutting_down(self) -> bool:
        """Whether the queue has been shut down."""
        return self._shut_down

    def add(self, key: K, priority: Priority = Priority.NORMAL) -> None:
        """Add a key; if it is waiting already, only raise its priority."""
        if self._shut_down:
            return
        if self._not_before:
            floor = self._not_before.get(key)
            if floor is not None and floor > self._now() and not self._is_queued(key):
                self._delayed.add(key, floor, priority)
                return
        self._enqueue(key, priority)

    def add_after(self, key: K, seconds: float, priority: Priority | None = None) -> None:
        """Add a key later; of several times the earliest counts, and one that waits for a worker is early enough.

        Args:
            key: The key.
            seconds: How much later.
            priority: Default None is the one that a key which is being worked on was taken with, else `NORMAL`.

        Raises:
            ValueError: The seconds are not a number; the times of the other keys could not be compared with it.
        """
        if math.isnan(seconds):
            raise ValueError(f"add_after: {key}: seconds={seconds!r} is not a number of seconds")
        if self._shut_down:
            return
        if priority is None:
            processing = self._processing.get(key)
            priority = Priority.NORMAL if processing is None else processing[1]
        if seconds <= 0:
            self.add(key, priority)
            return
        if self.metrics is not None:
            self.metrics.retried()
        if self._is_queued(key):
            self._enqueue(key, priority)  # for its priority
        else:
            self._delayed.add(key, self._now() + seconds, priority)

    def add_rate_limited(self, key: K, priority: Priority | None = None) -> float:
        """Add a key after its back-off, and return the back-off in seconds; see `add_after`."""
        seconds = self._back_off(key)
        self._not_before[key] = self._now() + min(seconds, _EVENT_FLOOR)
        self.add_after(key, seconds, priority)
        return seconds

    def forget(self, key: K) -> None:
        """Reset a key's back-off: it succeeded."""
        self._not_before.pop(key, None)
        try:
            self._limiter.forget(key)
        except BaseException as error:  # noqa: BLE001 - see callback
            self._complain(error)

    def failures(self, key: K) -> int:
        """Return how often a key was added with back-off since it was last forgotten."""
        try:
            return self._limiter.failures(key)
        except BaseException as error:  # noqa: BLE001 - see callback
            self._complain(error)
            return 0

    async def get(self) -> K:
        """Return the next key; call `done` when its work has ended, whatever the result.

        Raises:
            QueueShutDown: The queue was shut down.
        """
        while True:
            if self._shut_down:
                raise QueueShutDown
            if self._normal or self._low:
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
        key, since, priority = self._next()
        now = self._now()
        self._processing[key] = now, priority
        if self.metrics is not None:
            self.metrics.taken(now - since)
        return key

    def done(self, key: K) -> None:
        """Finish a key; it is queued again when it was added in the meantime."""
        started = self._processing.pop(key, None)
        if started is not None and self.metrics is not None:
            self.metrics.done(self._now() - started[0])
        again = self._again.pop(key, None)
        if again is None or self._shut_down:
            return
        priority, since = again
        floor = self._not_before.get(key)
        if floor is not None and floor > self._now():
            self._delayed.add(key, floor, priority)
            return
        self._line(priority)[key] = since
        self._wake()

    def shut_down(self) -> None:
        """Return no more keys; work in progress continues until its `done`."""
        self._shut_down = True
        self._delayed.stop()
        while self._waiters:
            self._wake()

    def _line(self, priority: Priority) -> OrderedDict[K, float]:
        return self._normal if priority is Priority.NORMAL else self._low

    def _is_queued(self, key: K) -> bool:
        return key in self._normal or key in self._low or key in self._again

    def _enqueue(self, key: K, priority: Priority) -> None:
        due = self._due.pop(key, None)
        if due is not None:
            priority = max(priority, due[1])
        if key in self._processing:
            again = self._again.get(key)
            if again is not None:
                self._again[key] = (max(priority, again[0]), again[1])
                return
            self._again[key] = (priority, self._now())
        elif key in self._normal:
            return
        elif key in self._low:
            if priority is Priority.NORMAL:
                self._normal[key] = self._low.pop(key)
            return
        else:
            self._line(priority)[key] = self._now()
            self._wake()
        if self.metrics is not None:
            self.metrics.added()

    def _next(self) -> tuple[K, float, Priority]:
        from_low = bool(self._low) and (not self._normal or self._taken_in_a_row >= _LOW_EVERY - 1)
        self._taken_in_a_row = 0 if from_low else self._taken_in_a_row + 1
        key, since = (self._low if from_low else self._normal).popitem(last=False)
        return key, since, Priority.LOW if from_low else Priority.NORMAL

    def _back_off(self, key: K) -> float:
        """Return what the rate limiter says, which may be a user's own."""
        try:
            seconds = float(self._limiter.when(key))
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{type(self._limiter).__name__}.when returned {seconds}: return seconds, 0 or more")
        except BaseException as error:  # noqa: BLE001 - see callback
            self._complain(error)
            return _EVENT_FLOOR
        return seconds

    @staticmethod
    def _complain(error: BaseException) -> None:
        logger.error("A rate limiter failed", exc_info=contained(error))
        forget_stack(error)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
