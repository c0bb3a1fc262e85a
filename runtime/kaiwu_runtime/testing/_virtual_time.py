"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing else is left to do.

It changes the running loop instead of making another one, so that it works in a test of pytest-asyncio: the loop's
clock, and the call in which the loop waits. See https://docs.python.org/3/library/asyncio-eventloop.html
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from kaiwu_runtime import _clock as clock

T = TypeVar("T")

_START = datetime(2026, 1, 1, tzinfo=UTC)

_BUSY_TURNS = 100_000
"""Turns of the event loop in which no time passes while there is something to do."""

_BUSY_SECONDS = 0.001
"""How long each further one takes, so that what waits for a time limit in a loop does not wait forever."""


class VirtualTime(clock.InstalledClock):
    """The time in a block of `virtual_time`; a :class:`~kaiwu_runtime.Clock`.

    Args:
        start: What time it is at first.
    """

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = time.monotonic()
        self._seconds = 0.0
        self._holds = 0
        self._held_at = 0.0
        self._turns = 0
        self._runner: asyncio.Runner | None = None

    @property
    def elapsed(self) -> float:
        """How many virtual seconds have passed."""
        return self._seconds

    def now(self) -> datetime:
        """Return the virtual time of day, in UTC."""
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Return the time of the event loop, in seconds."""
        return self._began + self._seconds

    async def advance(self, seconds: float | timedelta) -> None:
        """Return when so much virtual time has passed; everything that is due meanwhile has happened then."""
        await asyncio.sleep(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)

    def hold(self) -> Callable[[], None]:
        """Let time pass at its usual speed until the function that is returned is called, in the event loop."""
        if not self._holds:
            self._held_at = time.monotonic()
        self._holds += 1
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._holds -= 1

        return end

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in an event loop with this clock, as :func:`asyncio.run` does.

        Args:
            main: What to run.

        Raises:
            RuntimeError: An event loop runs already, which has the clock: use ``await`` there.
        """
        if self._runner is None:
            main.close()
            raise RuntimeError("the event loop that runs has the virtual clock already: use await instead of run")
        return self._runner.run(main)

    def _advance(self, seconds: float) -> None:
        self._seconds += max(0.0, seconds)

    def _select(self, inner: selectors.BaseSelector, timeout: float | None) -> list[Any]:
        """Wait as an event loop does that has nothing to do for some seconds."""
        ready: list[Any] = inner.select(timeout if self._holds else 0)
        if self._holds:  # also while a task polls: the thread may wait for a timer
            now = time.monotonic()
            self._advance(now - self._held_at)
            self._held_at = now
            return ready
        if ready or (timeout is not None and timeout <= 0):
            self._turns += 1
            if self._turns > _BUSY_TURNS:
                self._advance(_BUSY_SECONDS)
            return ready
        self._turns = 0
        if timeout is None:
            began = time.monotonic()
            ready = inner.select(timeout)
            self._advance(time.monotonic() - began)
            return ready
        self._advance(timeout)
        return ready


class _Selector:
    """A selector that does not wait."""

    def __init__(self, inner: selectors.BaseSelector, virtual: VirtualTime) -> None:
        self._inner = inner
        self._virtual = virtual

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - everything else is the inner one's
        return getattr(self._inner, name)

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready, or let the time pass."""
        return self._virtual._select(self._inner, timeout)  # noqa: SLF001 - two halves of one thing


@contextmanager
def virtual_time(start: datetime = _START) -> Iterator[VirtualTime]:
    """Let the clock jump to the next timer whenever nothing else is left to do: a day takes a moment.

    ::

        async def test_certificates_are_renewed():
            with virtual_time() as time:
                async with run_manager(manager):
                    await time.advance(timedelta(days=60))

    In a coroutine, the event loop that runs it gets the clock until the block ends; elsewhere ``time.run(main())`` runs
    a coroutine in a new event loop. Sleeps, time limits, queues, watches, conditions, events, leases and ``Clock`` are
    on virtual time, and so are the times that a :class:`FakeTransport` writes. Leader election runs in the same event
    loop instead of a thread. While a thread works (a plain ``def reconcile``, ``asyncio.to_thread``), time passes at
    its usual speed. Where a task polls with ``asyncio.sleep(0)``, it passes after 100,000 turns of the event loop, a
    millisecond with each.

    Only for what is in memory: a network answers in real time, after its time limit has passed in virtual time.
    ``datetime.now()`` in a project's own code is the real time; use a ``Clock`` there.

    Args:
        start: The time of day at the start, with a time zone; default is the beginning of 2026.

    Raises:
        RuntimeError: The time is virtual already, or the event loop is not asyncio's own.
        ValueError: `start` has no time zone.
    """
    if start.tzinfo is None:
        raise ValueError("start has no time zone: use datetime(..., tzinfo=UTC)")
    virtual = VirtualTime(start.astimezone(UTC))
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            virtual._runner = runner  # noqa: SLF001 - only set where it may be used
            with clock.install(virtual), _changed(runner.get_loop(), virtual):
                yield virtual
        return
    with clock.install(virtual), _changed(loop, virtual):
        yield virtual


@contextmanager
def _changed(loop: Any, virtual: VirtualTime) -> Iterator[None]:  # noqa: ANN401 - its inner attributes are not typed
    inner = getattr(loop, "_selector", None)
    if not isinstance(inner, selectors.BaseSelector) or not hasattr(loop, "_scheduled"):
        raise RuntimeError(f"virtual_time() needs asyncio's own event loop, not {type(loop).__module__}'s")
    executor = loop.run_in_executor

    def run_in_executor(*args: Any) -> asyncio.Future[Any]:  # noqa: ANN401 - as the loop's own
        end = virtual.hold()
        try:
            future: asyncio.Future[Any] = executor(*args)
        except BaseException:
            end()
            raise
        future.add_done_callback(lambda _: end())
        return future

    virtual._began = loop.time()  # noqa: SLF001 - timers that are set already keep their time
    loop._selector = _Selector(inner, virtual)  # noqa: SLF001 - there is no other way to a loop that runs
    loop.time, loop.run_in_executor = virtual.monotonic, run_in_executor
    try:
        yield
    finally:
        loop._selector = inner  # noqa: SLF001
        del loop.time, loop.run_in_executor
        passed = virtual.monotonic() - loop.time()
        for timer in loop._scheduled:  # noqa: SLF001 - an equal shift keeps the heap's order
            timer._when -= passed  # noqa: SLF001
