"""What the user sees: reports on standard output, problems on standard error.

Colours only where a terminal is attached and NO_COLOR is not set (https://no-color.org).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaiwuctl.errors import KaiwuctlError
    from kaiwuctl.scaffold.plan import Plan

_STYLES = {"create": "green", "change": "yellow", "overwrite": "red", "keep": "dim"}


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
    """Whether somebody can be asked: a terminal on both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def show_plan(plan: Plan, *, diffs: bool, kept: bool) -> None:
    """Print what a plan does to each file.

    Args:
        plan: The plan.
        diffs: Print the diff below a file that changes.
        kept: Print also the files that stay as they are.
    """
    for file in plan.files:
        verb = file.action.value
        if verb == "keep" and not kept:
            continue
        _styled(f"  {verb:<10}{file.path}", _STYLES[verb])
        if diffs:
            for line in file.diff():
                _styled(f"    {line}", {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], ""))


def _styled(text: str, style: str) -> None:
    if not style or not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        say(text)
        return
    from rich.console import Console  # noqa: PLC0415  (0.05 s that a pipe does not need)

    Console(highlight=False, soft_wrap=True).print(text, style=style, markup=False)
