"""Show the steps of a set-up on a terminal, or as plain lines without one."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from kaiwu_runtime.envtest._progress import Step

_BAR = 24
_REDRAW = 0.1
_QUIET = 15.0


class TerminalProgress:
    """A progress line that is redrawn in place; without a terminal a line per step and one every 15 seconds.

    A context manager: leaving it ends the line.

    Args:
        stream: Where to write, usually standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._text = ""
        self._begin = self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live and self._text:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, step: Step) -> None:
        """Show a step."""
        now = time.monotonic()
        if step.text != self._text:
            if self._live and self._text:
                self._stream.write("\n")
            self._text, self._begin, self._shown = step.text, now, 0.0
        elif now - self._shown < (_REDRAW if self._live else _QUIET):
            return
        self._shown = now
        line = describe(step, now - self._begin)
        if self._live:
            self._stream.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()


def describe(step: Step, elapsed: float) -> str:
    """Return one line that says what is done, how much of it, and for how long already.

    Args:
        step: The step.
        elapsed: Seconds since it began.
    """
    clock = f"{int(elapsed) // 60}:{int(elapsed) % 60:02d}"
    if not step.unit:
        return f"{step.text} ({clock})" if elapsed >= 1 else step.text
    if not step.total:
        return f"{step.text}: {_amount(step.done, step.unit)} ({clock})"
    filled = _BAR * min(step.done, step.total) // step.total
    bar = "#" * filled + "-" * (_BAR - filled)
    share = 100 * min(step.done, step.total) // step.total
    return f"{step.text} [{bar}] {share}% of {_amount(step.total, step.unit)} ({clock})"


def _amount(count: int, unit: str) -> str:
    return f"{count / 1e6:.1f} MB" if unit == "bytes" else f"{count} {unit}"
