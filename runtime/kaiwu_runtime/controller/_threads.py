"""Threads for reconcilers that are written as plain functions.

Not asyncio's own pool: that has as many threads as the machine has processors and a few, whatever a controller's
number of workers, and the process cannot end while one of them hangs.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, ParamSpec, TypeVar

from kaiwu_runtime import _clock as clock
from kaiwu_runtime import _fork as fork
from kaiwu_runtime.rest._answer_polling import end_pauses

P = ParamSpec("P")
R = TypeVar("R")

IDLE_SECONDS = 60.0


class Outcome(Generic[R]):
    """What a function returned or raised."""

    __slots__ = ("_error", "_value")

    def __init__(self, function: Callable[[], R]) -> None:
        self._value: R | None = None
        self._error: BaseException | None = None
        try:
            self._value = function()
        except BaseException as error:  # noqa: BLE001 - SystemExit too belongs to the caller
            self._error = error

    @property
    def error(self) -> BaseException | None:
        """What it raised."""
        return self._error

    def get(self) -> R:
        """Return it or raise it."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class WorkerThreads:
    """Daemon threads that are started when they are needed and end when they have been idle.

    Args:
        name: Beginning of their names.
        idle: Seconds without work after which a thread ends.
        on_settled: Called in the event loop whenever a function has returned or raised.
    """

    def __init__(self, name: str, *, idle: float = IDLE_SECONDS, on_settled: Callable[[], None] | None = None) -> None:
        self._name = name
        self._idle = idle
        self._on_settled = on_settled
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0
        self._busy = 0

    def submit(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[Outcome[R]]:
        """Run a function in a thread, with the caller's context variables; call from the event loop.

        Returns:
            A future; cancelling it leaves the function running.

        Raises:
            RuntimeError: The process may start no further thread.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome[R]] = loop.create_future()
        context = contextvars.copy_context()
        end = clock.hold()

        def settle(outcome: Outcome[R]) -> None:
            self._busy -= 1
            end()
            if self._on_settled is not None:
                self._on_settled()
            if not future.done():
                future.set_result(outcome)

        def job() -> None:
            outcome = Outcome(lambda: context.run(function, *args, **kwargs))
            fork.leave_child(outcome.error)
            end_pauses()
            try:
                loop.call_soon_threadsafe(settle, outcome)
            except RuntimeError:
                return  # the loop is closed: the process is ending, and no caller waits any longer

        with self._lock:
            if self._busy >= self._threads:
                try:
                    self._start()
                except BaseException:
                    end()
                    raise
            self._busy += 1
            self._jobs.put(job)
        return future

    def _start(self) -> None:
        threading.Thread(target=self._main, name=f"{self._name} {self._threads + 1}", daemon=True).start()
        self._threads += 1

    def _main(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._idle)
            except Empty:
                with self._lock:
                    if self._jobs.empty():
                        self._threads -= 1
                        return
                continue
            job()
            del job  # and with it what the function was given
