"""What SIGUSR1 and SIGUSR2 do: show what the manager is doing, and switch its log level."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from kaiwu_runtime.manager._log_level import LogLevel


def debug_signals(describe: Callable[[], str], level: LogLevel) -> dict[int, Callable[[], None]]:
    """Return what to do for each of the signals, where there are such signals.

    Args:
        describe: Returns what the manager is doing.
        level: The log level.
    """
    actions = {"SIGUSR1": lambda: _write_error(describe()), "SIGUSR2": level.toggle}
    return {getattr(signal, name): action for name, action in actions.items() if hasattr(signal, name)}


def _write_error(text: str) -> None:
    # Not through the log: the text has many lines, and the thread that is stuck may hold the log's lock.
    os.write(2, text.encode(errors="replace"))
