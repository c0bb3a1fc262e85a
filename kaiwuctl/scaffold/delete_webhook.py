"""Deletes webhooks of a kind: what `kaiwuctl delete webhook` does once its flags are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.presence import FILE_NAME
from kaiwuctl.scaffold.empty_folders import remove_caches
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.importers import check_importers
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.record import Record, add_record
from kaiwuctl.scaffold.webhook_deletion import WebhookDeletion, plan_webhook_deletion, report_webhooks
from kaiwuctl.scaffold.webhook_remainder import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Project, Webhooks
    from kaiwuctl.scaffold.webhook_deletion_request import WebhookDeletionRequest


@dataclass(frozen=True, slots=True)
class _Decided:
    """What a plan was made from: PROJECT as it was, and what goes; None where PROJECT does not have it."""

    plan: Plan
    project: Project
    deletion: WebhookDeletion | None


def delete_webhook(
    root: Path, request: WebhookDeletionRequest, *, force: bool, make: bool, dry_run: bool, verbose: bool
) -> None:
    """Delete the webhooks that are asked for from the project at `root`.

    Args:
        root: The project's folder.
        request: The values of the flags.
        force: Delete files that the user has changed, too.
        make: Run the project's generators afterwards.
        dry_run: Print the plan and delete nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: It cannot be done; nothing was changed. Or `make` failed, when everything was deleted.
    """

    def make_plan() -> tuple[Plan, _Decided]:
        decided = _plan(root, request, force=force)
        return decided.plan, decided

    def afterwards(decided: _Decided) -> None:
        remove_caches(root, decided.plan)
        if decided.deletion is not None:
            report_webhooks(decided.deletion)
        if make:
            run_make(root)

    def nothing(decided: _Decided) -> str:
        listed = [
            " ".join(part for part in (entry.group, entry.version, entry.kind, *_names(entry.webhooks)) if part)
            for entry in decided.project.resources
            if entry.webhooks
        ]
        has = f"it has {'; '.join(listed)}" if listed else "it has no webhook"
        what = " or ".join(request.names) if len(request.names) < len(KINDS) else "webhook"
        return (
            f"PROJECT has no {what} of {request.kind} of {request.group or 'the empty group'}/{request.version}; {has}"
        )

    execute_plan(root, make_plan, afterwards, dry_run=dry_run, verbose=verbose, nothing=nothing)


def _names(webhooks: Webhooks) -> list[str]:
    return [name for name in KINDS if getattr(webhooks, name)]


def _plan(root: Path, request: WebhookDeletionRequest, *, force: bool) -> _Decided:
    project_file = ProjectFile.load(root)
    project, record = project_file.project, Record.load(root)
    entry = project.find(request.group, request.version, request.kind)
    plan = Plan(root, force=force)
    deletion = None if entry is None else WebhookDeletion(project, entry, request.names)
    if deletion is None or not deletion.gone:
        return _Decided(plan, project, None)
    replay, written = plan_webhook_deletion(root, deletion, plan, record)
    plan.check()
    check_importers(root, plan.deleted(), without=written)
    left = deletion.left

    def project_text(_: str | None) -> str:
        if left.core and not left.controllers and not left.webhooks:
            project_file.remove(left)
        else:
            project_file.record(left)
        return project_file.dumps()

    plan.merge(FILE_NAME, project_text)
    add_record(plan, record, replay=replay)
    return _Decided(plan, project, deletion)
