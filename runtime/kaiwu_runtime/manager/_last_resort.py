"""The end of a process whose code does not end: it exits anyway, before the kubelet kills it.

A Go program exits when its main function returns, whatever else runs. Python joins every thread that is not a daemon,
every worker of concurrent.futures and every child process, and waits for each function of ``atexit``. An event loop
that is blocked never gets as far as that.

See https://docs.python.org/3/library/threading.html#thread-objects
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import threading
from contextlib import suppress

logger = logging.getLogger("kaiwu_runtime.manager.last_resort")

EXIT_SECONDS = 5.0
"""What threads and ``atexit`` functions get once the main thread has returned."""


class Deadline:
    """Ends the process with status 1 when the time is over, unless it is cancelled before.

    Args:
        seconds: The time, counted from :meth:`start`.
        message: Logged before the process ends.
    """

    def __init__(self, seconds: float, message: str) -> None:
        self._seconds = seconds
        self._message = message
        self._cancelled = threading.Event()
        self._started = False

    def start(self) -> None:
        """Count the time; only the first call does anything."""
        if self._started or self._cancelled.is_set():
            return
        self._started = True
        threading.Thread(target=self._wait, name="deadline", daemon=True).start()

    def cancel(self) -> None:
        """Let the process live."""
        self._cancelled.set()

    def _wait(self) -> None:
        if not self._cancelled.wait(self._seconds):
            _exit(self._message, 1)


_exit_status: int | None = None
"""The exit status of the manager that ended last, or None while none has ended."""

_ending = threading.Event()
"""Set when the main thread has returned."""

_watching: threading.Thread | None = None
"""Waits for that; a forked process has no such thread."""


def exit_with(status: int) -> None:
    """End the process with this status when it does not end by itself after the main thread has returned.

    The last call decides. Nothing happens as long as the main thread runs, whatever it does.
    """
    global _exit_status, _watching  # noqa: PLW0603 - facts about the process
    _exit_status = status
    # The interpreter collects garbage twice while it ends, which takes longer than stopping the operator, and frees
    # what the kernel is about to free: let it find nothing.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    # The workers of concurrent.futures are joined while the main thread still counts as running. What is registered
    # last is called first, so that each call has to register it.
    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        with suppress(RuntimeError):  # the interpreter is ending
            register(_ending.set)
    if _watching is not None and _watching.is_alive():
        return
    if register is None:
        threading.Thread(target=_tell, daemon=True).start()
    _watching = threading.Thread(target=_end_after, name="exit", daemon=True)
    _watching.start()


def _tell() -> None:
    threading.main_thread().join()
    _ending.set()


def _end_after() -> None:
    _ending.wait()
    threading.Event().wait(EXIT_SECONDS)
    main = threading.main_thread()
    left = [thread for thread in threading.enumerate() if not thread.daemon and thread is not main]
    names = ", ".join(sorted(thread.name for thread in left))
    _exit(f"Threads do not end; abandoning them: {names}" if names else "The process does not end; ending it", None)


def _exit(message: str, status: int | None) -> None:
    said = threading.Thread(target=logger.warning, args=("%s", message), daemon=True)
    try:
        # In a separate thread: the blocked thread may hold the log's lock.
        said.start()
        said.join(1.0)
    except RuntimeError:  # no thread can be started so late
        logger.warning("%s", message)
    _end_children()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue
    os._exit(status if status is not None else _exit_status or 0)


def _end_children() -> None:
    """Terminate the workers of process pools, which would wait for work forever."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        for child in multiprocessing.active_children():
            child.terminate()
