"""Plan, validate, write: the order in which every command that writes works, under one lock."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, TypeVar

from kaiwuctl.console import say, warn
from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.interruption import Interruption, deferred, interrupted, raise_if_interrupted
from kaiwuctl.scaffold.journal import FOLDER, Journal
from kaiwuctl.scaffold.lock import exclusive
from kaiwuctl.scaffold.report import show_plan, summary
from kaiwuctl.scaffold.write import recover, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaiwuctl.scaffold.plan import Plan

_Decision = TypeVar("_Decision")


def execute_plan(
    root: Path,
    make_plan: Callable[[], tuple[Plan, _Decision]],
    afterwards: Callable[[_Decision], None],
    *,
    dry_run: bool,
    verbose: bool,
    nothing: Callable[[_Decision], str] | None = None,
) -> _Decision:
    """Make a plan and write what it says.

    Args:
        root: The project's folder.
        make_plan: Return the plan and what it was made from. Called when no other run can change the folder.
        afterwards: Called with the latter when something was written and other runs may change the folder again.
        dry_run: Print the plan with its diffs and write nothing.
        verbose: Print the files that stay as they are, too.
        nothing: Return why there is nothing to do, for a plan that changes no file; by default everything is there.

    Returns:
        What the plan was made from.

    Raises:
        KaiwuctlError: From the plan, or from writing it; nothing was changed. Or from `afterwards`.
        Interruption: A signal came; it says whether the files were written.
    """
    try:
        with exclusive(root):
            _recover(root, dry_run=dry_run)
            plan, decision = make_plan()
            plan.check()
            raise_if_interrupted()
            changes = list(plan.changes())
            if dry_run or not changes:
                reason = "everything is there already" if nothing is None else nothing(decision)
                _show_only(plan, reason, dry_run=dry_run, verbose=verbose)
                return decision
            with deferred():
                raise_if_interrupted()
                write(root, changes)
            show_plan(plan, diffs=False, kept=verbose)
        afterwards(decision)
    except Interruption:
        raise
    except KeyboardInterrupt:
        raise interrupted(signal.SIGINT) from None
    return decision


def _recover(root: Path, *, dry_run: bool) -> None:
    if dry_run and Journal.left_over(root):
        raise WriteError(f"{FOLDER}: a run was interrupted here; run the command without --dry-run to undo it")
    if dry_run:
        return
    # What was undone is told, even when a signal ends this run, too.
    with deferred():
        if recovered := recover(root):
            warn(recovered)


def _show_only(plan: Plan, nothing: str, *, dry_run: bool, verbose: bool) -> None:
    show_plan(plan, diffs=dry_run, kept=dry_run or verbose)
    if any(plan.changes()):
        say(f"Dry run: {summary(plan)}.")
    else:
        say(f"Nothing to do: {nothing}.")
