"""The time, for reconcilers and for the runtime itself, so that a test can say what time it is.

Everything in the runtime that compares times asks here or its event loop: a test that installs a clock and an event
loop with that clock decides the time of conditions, events, queues and leases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class Clock:
    """Tells the time; a parameter of this type in a reconciler's constructor gets one."""

    def now(self) -> datetime:
        """Return the present time, in UTC."""
        return now()

    def monotonic(self) -> float:
        """Return seconds since some moment in the past, which never go back."""
        return monotonic()


class InstalledClock(Clock):
    """A clock that can take the place of the system's, with an event loop that follows it."""

    def hold(self) -> Callable[[], None]:
        """Let time pass at its usual speed, because a thread works; the function that is returned ends that."""
        raise NotImplementedError


_installed: InstalledClock | None = None


def now() -> datetime:
    """Return the present time, in UTC."""
    return datetime.now(UTC) if _installed is None else _installed.now()


def monotonic() -> float:
    """Return seconds on the clock that the event loop has."""
    return time.monotonic() if _installed is None else _installed.monotonic()


def is_installed() -> bool:
    """Return whether a test decides the time; everything has to run in its event loop then."""
    return _installed is not None


def hold() -> Callable[[], None]:
    """Say that a thread works for the event loop, and return a function to call in the loop when it is done."""
    return _nothing if _installed is None else _installed.hold()


@contextmanager
def install(clock: InstalledClock) -> Iterator[None]:
    """Use a clock instead of the system's in this process, while the block runs.

    Raises:
        RuntimeError: There is one already.
    """
    global _installed  # noqa: PLW0603 - there is one time
    if _installed is not None:
        raise RuntimeError("the time is virtual already: virtual_time() cannot be nested")
    _installed = clock
    try:
        yield
    finally:
        _installed = None


def _nothing() -> None:
    """Do nothing: the system's clock does not wait."""
