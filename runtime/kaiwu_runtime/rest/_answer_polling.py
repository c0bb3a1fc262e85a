"""Process the answers of a busy API server in batches, as a network driver polls its device under load.

A process that wakes up for each answer pays for a context switch and for cold caches each time. While dozens of
requests wait for a busy server, the event loop therefore sleeps for a small part of the time that an answer takes, and
then processes what has arrived. See https://docs.kernel.org/networking/napi.html

A server is busy if answers take several times as long as the fastest one did, because requests queue there. One that is
far away takes as long for each: there the pauses would only hold up what else the event loop waits for.
"""

from __future__ import annotations

import asyncio
import math
import threading
from time import monotonic

from kaiwu_runtime._slots import Slots

BATCH = 2
"""Minimum number of answers that are expected to arrive between two polls; 24 requests in flight make as many."""

PART = 1 / 12
"""Time between two polls, as a part of the time that a fast answer takes: it adds half of this part on average."""

QUEUED = 3
"""Minimum time that an answer takes, as a multiple of the time that the fastest one took."""

REMEMBERED = 1_000_000
"""Number of answers for which the fastest one is remembered; up to twice as many in the end."""

FASTEST = 0.001
"""Seconds that count as the time of the fastest answer if it took less."""

SHORTEST = 0.0005
"""Minimum seconds between two polls: with faster answers a poll costs as much as it saves."""

LONGEST = 0.01
"""Maximum seconds between two polls: other work of the event loop can be delayed by so much."""

MOST_EMPTY = 4
"""Number of polls in a row without an answer after which the server counts as stuck, and polling ends."""

ROUNDS = 4
"""Rounds of the event loop between two pauses: a call that leads to another one does not wait for each of them."""

PAUSED_BY_THREADS = 100
"""Answers without polling after a thread has called in: it would wait for the end of a pause with each call."""

_called_in = threading.Event()


def end_pauses() -> None:
    """Let the event loop continue at once, because a thread is about to call in."""
    _called_in.set()


class AnswerPolling:
    """Decides when the event loop polls for the answers of one API server.

    Args:
        requests: The requests in flight.
    """

    __slots__ = (
        "_answers",
        "_empty",
        "_fastest",
        "_last",
        "_loop",
        "_next_fastest",
        "_remembered",
        "_requests",
        "_rounds",
        "_seconds",
        "_skipped",
    )

    def __init__(self, requests: Slots) -> None:
        self._requests = requests
        self._seconds = 0.0
        self._fastest = self._next_fastest = math.inf
        self._remembered = REMEMBERED
        self._answers = 0
        self._skipped = 0
        self._empty = 0
        self._rounds = 0
        self._last = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def answered(self, seconds: float) -> None:
        """Take note of the answer to a write; reads are faster, whether the server is busy or not.

        Args:
            seconds: How long it took.
        """
        if seconds < self._next_fastest:
            self._next_fastest = max(seconds, FASTEST)
            self._fastest = min(self._fastest, self._next_fastest)
        self._remembered -= 1
        if not self._remembered:
            self._fastest, self._next_fastest, self._remembered = self._next_fastest, math.inf, REMEMBERED
        known = self._seconds
        if seconds < known:
            self._seconds = known + (seconds - known) / 4
        else:
            # Slowly: slow answers must not delay the fast ones.
            self._seconds = min(seconds, known * 1.03) if known else seconds
        self._answers += 1
        if self._loop is None or self._loop.is_closed():
            self._start()

    def _start(self) -> None:
        if self._skipped:
            self._skipped -= 1
        elif self._period:
            self._loop = asyncio.get_running_loop()
            self._empty = self._rounds = 0
            self._last = monotonic()
            _called_in.clear()
            self._loop.call_soon(self._turn)

    @property
    def _period(self) -> float:
        """Seconds between two polls; 0 if it is not worth polling."""
        seconds = self._seconds
        if seconds < self._fastest * QUEUED:
            return 0.0
        period = min(seconds * PART, LONGEST)
        return period if period >= SHORTEST and self._requests.taken * period >= BATCH * seconds else 0.0

    def _turn(self) -> None:
        """Continue with the next round of the event loop, and pause after some of them."""
        self._rounds += 1
        if self._rounds >= ROUNDS:
            self._rounds = 0
            try:
                self._pause()
            except BaseException:  # a signal handler that raises
                self._loop = None
                raise
        if self._loop is not None:
            self._loop.call_soon(self._turn)

    def _pause(self) -> None:
        period = self._period
        self._empty = 0 if self._answers else self._empty + 1
        self._answers = 0
        if not period or self._empty > MOST_EMPTY:
            self._loop = None
            return
        # Nothing is left when processing took longer: answers gather without a pause then.
        left = self._last + period - monotonic()
        if left > 0 and _called_in.wait(left):
            self._loop = None
            self._skipped = PAUSED_BY_THREADS
            return
        self._last = monotonic()
