"""Prints a plan: what happens to each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaiwuctl.console import say_styled

if TYPE_CHECKING:
    from kaiwuctl.scaffold.plan import Plan

_STYLES: Final = {"create": "green", "change": "yellow", "overwrite": "red", "keep": "dim"}
_DIFF_STYLES: Final = {"+": "green", "-": "red", "@": "cyan"}


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
        say_styled(f"  {verb:<10}{file.path}", _STYLES[verb])
        if diffs:
            for line in file.diff():
                say_styled(f"    {line}", _DIFF_STYLES.get(line[:1], ""))
