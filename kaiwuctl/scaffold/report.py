"""Prints a plan: what happens to each file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaiwuctl.console import say_styled
from kaiwuctl.scaffold.plan import Action
from kaiwuctl.scaffold.record import RECORD_FILE

if TYPE_CHECKING:
    from kaiwuctl.scaffold.plan import Plan

_STYLES: Final = {
    "create": "green",
    "change": "yellow",
    "overwrite": "red",
    "keep": "dim",
    "move": "yellow",
    "delete": "red",
}
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
        path = f"{file.source} -> {file.path}" if file.source else file.path
        say_styled(f"  {verb:<10}{path}", _STYLES[verb])
        if diffs and file.path != RECORD_FILE:  # its digests follow from the other files
            for line in file.diff():
                say_styled(f"    {line}", _DIFF_STYLES.get(line[:1], ""))


def summary(plan: Plan) -> str:
    """Return how many files a plan touches: ``2 files would be written, 1 moved, 1 deleted``."""
    actions = [file.action for file in plan.changes()]
    moved, deleted = actions.count(Action.MOVE), actions.count(Action.DELETE)
    counts = {"written": len(actions) - moved - deleted, "moved": moved, "deleted": deleted}
    parts = [f"{count} {what}" for what, count in counts.items() if count]
    number, _, what = parts[0].partition(" ")
    parts[0] = f"{number} {'file' if number == '1' else 'files'} would be {what}"
    return ", ".join(parts)
