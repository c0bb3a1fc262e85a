"""Plan, validate, write: what every command that writes does, in this order and under one lock."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from kaiwuctl.console import say, show_plan, warn
from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.interruption import Interruption, deferred, insist
from kaiwuctl.scaffold.journal import FOLDER, Journal
from kaiwuctl.scaffold.lock import exclusive
from kaiwuctl.scaffold.write import recover, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kaiwuctl.scaffold.plan import Plan


def carry_out(
    root: Path,
    make_plan: Callable[[], Plan],
    afterwards: Callable[[], None],
    *,
    dry_run: bool,
    verbose: bool,
) -> None:
    """Make a plan and carry it out.

    Args:
        root: The project's folder.
        make_plan: Called when no other run can change the folder any more.
        afterwards: Called when something was written and other runs may change the folder again.
        dry_run: Print the plan with its diffs and write nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: From the plan, or from writing it; nothing was changed. Or from `afterwards`.
        Interruption: A signal came; it says whether the files were written.
    """
    written = False
    try:
        with exclusive(root):
            plan = _plan(root, make_plan, dry_run=dry_run)
            insist()
            changes = list(plan.changes())
            if dry_run or not changes:
                _show_only(plan, len(changes), dry_run=dry_run, verbose=verbose)
                return
            with deferred() as signal_received:
                insist()
                write(root, changes)
                written = True
            if number := signal_received():
                raise Interruption(number, written=True)
            show_plan(plan, diffs=False, kept=verbose)
        afterwards()
    except Interruption as interruption:
        raise Interruption(interruption.signal, written=interruption.written or written) from None
    except KeyboardInterrupt:
        raise Interruption(signal.SIGINT, written=written) from None


def _plan(root: Path, make_plan: Callable[[], Plan], *, dry_run: bool) -> Plan:
    if dry_run and Journal.left_over(root):
        raise WriteError(f"{FOLDER}: a run was interrupted here; run the command without --dry-run to undo it")
    if not dry_run and (recovered := recover(root)):
        warn(recovered)
    plan = make_plan()
    plan.check()
    return plan


def _show_only(plan: Plan, changes: int, *, dry_run: bool, verbose: bool) -> None:
    show_plan(plan, diffs=dry_run, kept=dry_run or verbose)
    if not changes:
        say("Nothing to do: everything is there already.")
    else:
        say(f"Dry run: {_count(changes)} would be written.")


def _count(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
