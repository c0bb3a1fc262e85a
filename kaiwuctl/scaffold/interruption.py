"""Signals that ask a command to stop: everywhere at once, but while files are written at a moment that suits."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PAUSE = 0.01  # seconds; by then the callback that dropped an exception has ended


class Interruption(KeyboardInterrupt):
    """A signal asked the command to stop.

    Attributes:
        signal: Which.
        written: Whether the files had been written completely by then; otherwise nothing was changed.
    """

    def __init__(self, number: int, *, written: bool) -> None:
        super().__init__(number)
        self.signal = number
        self.written = written


_stopped_by: list[int] = []
_written: list[bool] = []


def stop_cleanly() -> None:
    """Let SIGINT, SIGTERM and SIGHUP end the process through the code that cleans up."""
    _send_dropped_again()
    _written.clear()
    _stopped_by.clear()  # of a command before, in the same process

    def stop(number: int, _frame: FrameType | None) -> NoReturn:
        _stopped_by.append(number)
        raise interrupted(number)

    for number in _SIGNALS:
        # nohup, or a shell's background job: the caller wants the command to continue.
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _send_dropped_again() -> None:
    """Send a signal once more, a little later, when its exception was raised where it has no caller.

    That is in `__del__` and in callbacks of weak references. Python would print a traceback and continue. The runtime's
    command lines do the same (`kaiwu_runtime/_dropped_signals.py`), whose import is too slow for `--help`.
    """
    previous = sys.unraisablehook
    if getattr(previous, "sends_dropped_again", False):
        return

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        if not isinstance(error, Interruption):
            previous(unraisable)
            return
        number = error.signal
        if sys.is_finalizing():
            return  # as if the signal had come after the end
        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(number))
        signal.setitimer(signal.ITIMER_REAL, _PAUSE)

    hook.sends_dropped_again = True  # type: ignore[attr-defined]
    sys.unraisablehook = hook
    # At its end the interpreter takes its handlers away, and an alarm without one kills the process.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)


def end_at_once_on_signals() -> None:
    """Let a signal end the process without an exception: its work is done, and nothing would catch one."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def note_written() -> None:
    """Let interruptions from now on, while the command reports for instance, say that the files were written."""
    _written.append(True)


def interrupted(number: int) -> Interruption:
    """Return the interruption by a signal of now: what was noted as written is written."""
    return Interruption(number, written=is_written())


def is_written() -> bool:
    """Return whether the command has written its files, so that what fails now fails after that."""
    return bool(_written)


@contextmanager
def in_scratch() -> Iterator[None]:
    """Run a block that writes below a temporary folder only: nothing that it writes counts as written.

    Raises:
        Interruption: A signal came; nothing was written.
    """
    try:
        yield
    except Interruption as interruption:
        raise Interruption(interruption.signal, written=False) from None
    finally:
        _written.clear()


def raise_if_interrupted() -> None:
    """Raise the interruption again that a library on the way caught and dropped.

    The exception of a handler is raised in the line that runs, and ruamel.yaml, for one, has bare `except:` lines
    around its comments. What the code made after that may lack something, so it must not be written.

    Raises:
        Interruption: A signal has come.
    """
    if _stopped_by:
        raise interrupted(_stopped_by[-1])


@contextmanager
def deferred() -> Iterator[Callable[[], int]]:
    """Keep signals from stopping the block; yield a function that tells which came, or 0.

    One that came takes effect after the block, unless an exception ends the block. Python runs signal handlers in the
    main thread only; in another thread the block runs as it is.

    Raises:
        Interruption: A signal came.
    """
    received = 0

    def remember(number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received = number

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    # What is ignored stays ignored: see stop_cleanly.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, remember) for number in heeded}
    try:
        yield lambda: received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if received:
        # Not left to the caller, whose last look may have been before the signal came.
        signal.raise_signal(received)
