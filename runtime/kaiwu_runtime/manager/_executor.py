"""Threads for ``asyncio.to_thread`` that do not keep the process.

The threads of concurrent.futures are joined when the interpreter ends, so one call that hangs, a request without a
timeout for instance, would keep an operator that has stopped until the kubelet kills it.

See https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.set_default_executor
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from kaiwu_runtime import _fork as fork

P = ParamSpec("P")
R = TypeVar("R")


class DaemonExecutor(ThreadPoolExecutor):
    """The event loop's default executor, on daemon threads.

    Args:
        workers: Maximum number of threads; default is asyncio's.
    """

    def __init__(self, workers: int = 0) -> None:
        self._limit = workers or min(32, (os.cpu_count() or 1) + 4)
        super().__init__(self._limit)
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._started = 0
        self._busy = 0
        self._closed = False

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run a function in a thread.

        Raises:
            RuntimeError: The executor was shut down, or the process may start no further thread.
        """
        future: Future[R] = Future()

        def job() -> None:
            try:
                if future.set_running_or_notify_cancel():
                    _settle(future, fn, args, kwargs)
            finally:
                with self._guard:
                    self._busy -= 1

        with self._guard:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._busy >= self._started and self._started < self._limit:
                # Counted only when it has started: the process may be at its limit of threads for a moment.
                threading.Thread(target=self._main, name=f"asyncio_{self._started + 1}", daemon=True).start()
                self._started += 1
            self._busy += 1
        self._jobs.put(job)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Take no more functions; those that run are left to themselves, whatever is asked for."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
            for _ in range(self._started):
                self._jobs.put(None)

    def _main(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # or what it returned would live until the next one


def _settle(future: Future[Any], function: Callable[..., Any], args: Any, kwargs: Any) -> None:  # noqa: ANN401
    try:
        result = function(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - belongs to the caller
        fork.leave_child(error)
        future.set_exception(error)
    else:
        fork.leave_child()
        future.set_result(result)
