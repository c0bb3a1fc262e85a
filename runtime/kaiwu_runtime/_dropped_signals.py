"""Signals whose exception Python dropped are sent again.

The exception of a signal handler is raised in the line that runs. In a `__del__` method or in the callback of a weak
reference, the import system has some, no caller can receive it: Python prints "Exception ignored in" with a traceback
and continues as if no signal had come. See https://docs.python.org/3/library/sys.html#sys.unraisablehook
"""

from __future__ import annotations

import atexit
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

PAUSE = 0.01
"""Seconds until a signal is sent again: by then the callback has ended."""


def send_dropped_signals_again() -> None:
    """From now on, send a signal again when its exception was dropped, and print nothing about it.

    Concerns `KeyboardInterrupt`, with the number of the signal in its attribute `signal` or else SIGINT. To be called
    in the main thread.
    """
    previous = sys.unraisablehook
    if getattr(previous, "sends_dropped_signals_again", False):
        return

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        if isinstance(error, KeyboardInterrupt):
            _send_soon(int(getattr(error, "signal", signal.SIGINT)))
        else:
            previous(unraisable)

    hook.sends_dropped_signals_again = True  # type: ignore[attr-defined]
    sys.unraisablehook = hook
    # At its end the interpreter takes its handlers away, and an alarm without one kills the process.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)


def _send_soon(number: int) -> None:
    if sys.is_finalizing():
        return  # as if the signal had come after the end
    # A timer rather than a thread: at the end of the interpreter no thread can be started.
    before: Callable[[int, FrameType | None], object] | int | None = signal.getsignal(signal.SIGALRM)
    before = getattr(before, "before", before)  # of an alarm that has not come yet

    def send(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)
        signal.raise_signal(number)

    send.before = before  # type: ignore[attr-defined]
    signal.signal(signal.SIGALRM, send)
    signal.setitimer(signal.ITIMER_REAL, PAUSE)
