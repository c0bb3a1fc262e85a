"""Plan, validate, write: what every command that writes does, in this order and under one lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwuctl.console import say, show_plan, warn
from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.journal import FOLDER, Journal
from kaiwuctl.scaffold.lock import exclusive
from kaiwuctl.scaffold.write import recover, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaiwuctl.scaffold.plan import Plan


def carry_out(root: Path, make_plan: Callable[[], Plan], *, dry_run: bool, verbose: bool) -> bool:
    """Make a plan and carry it out.

    Args:
        root: The project's folder.
        make_plan: Called when no other run can change the folder any more.
        dry_run: Print the plan with its diffs and write nothing.
        verbose: Print the files that stay as they are, too.

    Returns:
        Whether anything was written.

    Raises:
        KaiwuctlError: From the plan, or from writing it; nothing was changed.
    """
    with exclusive(root):
        if dry_run and Journal.left_over(root):
            raise WriteError(
                f"{FOLDER}: a run was interrupted here; run the command without --dry-run to undo it"
            )
        if not dry_run and (recovered := recover(root)):
            warn(recovered)
        plan = make_plan()
        plan.check()
        changes = list(plan.changes())
        if dry_run:
            show_plan(plan, diffs=True, kept=True)
            say(
                f"Dry run: {_count(len(changes))} would be written." if changes else "Dry run: nothing to do."
            )
            return False
        if not changes:
            show_plan(plan, diffs=False, kept=verbose)
            say("Nothing to do: everything is there already.")
            return False
        write(root, changes)
        show_plan(plan, diffs=False, kept=verbose)
        return True


def _count(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
