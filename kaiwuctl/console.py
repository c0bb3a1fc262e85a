"""Output for the user: reports on standard output, problems on standard error.

Colours only where a terminal is attached and NO_COLOR is not set (https://no-color.org).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaiwuctl.errors import KaiwuctlError


def say(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Print a remark on standard error, where a script that reads the output does not see it."""
    sys.stderr.write(f"{text}\n")


def warn(text: str) -> None:
    """Print a warning on standard error."""
    sys.stderr.write(f"warning: {text}\n")


def fail(error: KaiwuctlError) -> None:
    """Print an error on standard error: one line, and the list that belongs to it."""
    sys.stderr.write(f"error: {error.message}\n")
    for detail in error.details:
        sys.stderr.write(f"  {detail}\n")


def is_interactive() -> bool:
    """Whether the user can be asked: standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say_styled(text: str, style: str) -> None:
    """Print a line on standard output, in colour where that is a terminal.

    Args:
        text: The line.
        style: A style of rich, such as ``green``; empty for none.
    """
    if not style or not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        say(text)
        return
    from rich.console import Console  # noqa: PLC0415  (0.05 s that a pipe does not need)

    Console(highlight=False, soft_wrap=True).print(text, style=style, markup=False)
