"""SIGTERM and SIGHUP end a command line as Ctrl-C does: through the code that removes half-written files.

What they raise is a `KeyboardInterrupt`, because everything that has to let Ctrl-C through does so by that class. A
`SystemExit`, for one, is an error of the project's where its modules are imported.

See https://docs.python.org/3/library/signal.html#note-on-signal-handlers-and-exceptions
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ENDED_BY_SIGNAL = 128


class Interruption(KeyboardInterrupt):
    """A signal asked the program to stop.

    Attributes:
        signal: Which.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


def raise_on_signals() -> None:
    """Raise an interruption for SIGTERM and SIGHUP from now on; those that the caller has ignored stay ignored.

    SIGINT keeps Python's own handler, which asyncio replaces with its own where it finds that one.
    """

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        raise Interruption(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)


def ignore_signals() -> None:
    """Let no further signal end the report of the first, and the exit status with it."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def end_at_once_on_signals() -> None:
    """Let a signal end the process without an exception: its work is done, and nothing would catch one."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def exit_status(interruption: KeyboardInterrupt) -> int:
    """Return the exit status of a program that a signal has ended, as shells report it."""
    return _ENDED_BY_SIGNAL + int(getattr(interruption, "signal", signal.SIGINT))
