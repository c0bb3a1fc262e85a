"""Output for the user: reports on standard output, problems on standard error.

Colours only where a terminal is attached and NO_COLOR is not set (https://no-color.org).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kaiwuctl.errors import KaiwuctlError

# What a terminal acts on, what changes the order of the characters, and what makes two names look alike: a file of a
# cloned repository may have it in its name or in a line that is shown.
_HIDDEN: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"} | {
    code: f"\\u{code:04x}"
    for code in (0xAD, 0x061C, 0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
}
_LINE_BREAKS: Final = {ord("\n"): "\\n", ord("\t"): "\\t"}
_LINE_LIMIT: Final = 2000
"""Characters of an error, of which the first say what is wrong and the last what to do."""


def say(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(f"{text.translate(_HIDDEN)}\n")


def note(text: str) -> None:
    """Print a remark on standard error, where a script that reads the output does not see it."""
    sys.stderr.write(f"{text.translate(_HIDDEN)}\n")


def warn(text: str) -> None:
    """Print a warning on standard error."""
    sys.stderr.write(f"warning: {_line(text)}\n")


def fail(error: KaiwuctlError) -> None:
    """Print an error on standard error: one line, and the list that belongs to it."""
    sys.stderr.write(f"error: {_line(error.message)}\n")
    for detail in error.details:
        sys.stderr.write(f"  {_line(detail)}\n")


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

    Console(highlight=False, soft_wrap=True).print(text.translate(_HIDDEN), style=style, markup=False)


def _line(text: str) -> str:
    line = text.translate(_HIDDEN | _LINE_BREAKS)
    if len(line) <= _LINE_LIMIT:
        return line
    half = _LINE_LIMIT // 2
    return f"{line[:half]}... ({len(line) - 2 * half} characters) ...{line[-half:]}"
