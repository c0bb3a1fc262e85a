"""Scaffolds webhooks: what `kaiwuctl create webhook` does once its flags are read."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from kaiwuctl.console import say, warn
from kaiwuctl.names.python import reconciler_of
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.presence import FILE_NAME
from kaiwuctl.scaffold.api_context import api_context
from kaiwuctl.scaffold.class_names import is_taken, with_other_class
from kaiwuctl.scaffold.decision import APIDecision
from kaiwuctl.scaffold.discovery import undiscovered
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.files import Owner, Policy
from kaiwuctl.scaffold.kustomize import add_resources
from kaiwuctl.scaffold.locate import template_folder
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.record import Answers, Record, add_record
from kaiwuctl.scaffold.render import RenderedFile, render_file
from kaiwuctl.scaffold.requirements import add_requirements
from kaiwuctl.scaffold.webhook_code import webhook_code
from kaiwuctl.scaffold.webhook_decision import WebhookDecision, decide_webhook
from kaiwuctl.scaffold.webhook_files import SPOKE_FILE, Spoke, WebhookContext, WebhookFileRow, webhook_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.webhook_request import WebhookRequest

_DEV_REQUIREMENTS = "requirements-dev.txt"
_HYPOTHESIS = "hypothesis>=6.100,<7"
_CONFTEST = "tests/conftest.py"


def scaffold_webhook(
    root: Path, request: WebhookRequest, *, force: bool, make: bool, dry_run: bool, verbose: bool
) -> None:
    """Scaffold the webhooks that are asked for into the project at `root`.

    Args:
        root: The project's folder.
        request: The values of the flags.
        force: Overwrite files that differ.
        make: Run the project's generators afterwards.
        dry_run: Print the plan and write nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: It cannot be done; nothing was changed. Or `make` failed, when everything was written.
    """

    def make_plan() -> tuple[Plan, tuple[WebhookDecision, WebhookContext]]:
        project_file = ProjectFile.load(root)
        written = Record.load(root)
        certificates = next((str(each["certificates"]) for each in written.webhooks), "")
        decision = decide_webhook(request, project_file.project, certificates)
        context = webhook_context(root, project_file.project, decision, written, force=force)
        return _plan(root, project_file, decision, context, written, force=force), (decision, context)

    def afterwards(decided: tuple[WebhookDecision, WebhookContext]) -> None:
        _report(root, *decided)
        if make:
            run_make(root)

    _, context = execute_plan(root, make_plan, afterwards, dry_run=dry_run, verbose=verbose)
    if problem := undiscovered(root, context.controller_folder.replace("/", ".")):
        warn(problem)


def _plan(
    root: Path,
    project_file: ProjectFile,
    decision: WebhookDecision,
    context: WebhookContext,
    written: Record,
    *,
    force: bool,
) -> Plan:
    plan = Plan(root, force=force)
    folder, data = template_folder("webhook"), asdict(context)
    merges: dict[str, list[WebhookFileRow]] = {}
    for file in webhook_files(context):
        if file.row.policy is Policy.MERGE:
            merges.setdefault(file.path, []).append(file.row)
            continue
        # What belongs to the project was written with its first webhook.
        recorded = file.row.owner is not Owner.WEBHOOK and bool(written.webhooks)
        rendered = render_file(folder / file.row.template, file.path, data)
        plan.add(rendered, recorded=recorded, policy=file.row.policy)
    for spoke in context.spokes:
        if spoke.version in (decision.wanted.spokes if force else decision.new.spokes):
            plan.add(_conversion(context, spoke), recorded=False)
    for path, rows in merges.items():
        plan.merge(path, lambda text, path=path, rows=rows: _merged(path, text, rows))  # type: ignore[misc]

    if context.spokes and read_regular(root, _DEV_REQUIREMENTS, limit=TEXT_LIMIT) is not None:
        # The test of the conversions needs it; a project from before lacks it.
        plan.merge(_DEV_REQUIREMENTS, lambda text: add_requirements(text, [_HYPOTHESIS]))

    def record(text: str | None) -> str:
        if decision.entry == decision.before and text is not None:
            return text
        project_file.record(decision.entry)
        return project_file.dumps()

    plan.merge(FILE_NAME, record)
    add_record(plan, written, create=_options(decision, context))
    return plan


def _conversion(context: WebhookContext, spoke: Spoke) -> RenderedFile:
    data = asdict(context) | {
        "spoke_version": spoke.version,
        "spoke_package": spoke.package,
        "spoke_folder": spoke.folder,
    }
    return render_file(template_folder("webhook") / SPOKE_FILE.template, SPOKE_FILE.target.format_map(data), data)


def _modules(context: WebhookContext) -> Iterator[RenderedFile]:
    """Return the modules that import the type."""
    data = asdict(context)
    for file in webhook_files(context):
        if file.row.owner is Owner.WEBHOOK:
            yield render_file(template_folder("webhook") / file.row.template, file.path, data)
    for spoke in context.spokes:
        yield _conversion(context, spoke)


def _merged(path: str, text: str | None, rows: list[WebhookFileRow]) -> str:
    for row in rows:
        text = add_resources(path, text, row.entries, key=row.key)
    return text or ""


def _options(decision: WebhookDecision, context: WebhookContext) -> Answers:
    """Return the options of the command as they were decided, and the file that it wrote."""
    return {
        "certificates": decision.certificates,
        "conversion": context.conversion,
        "defaulting": context.defaulting,
        "group": decision.entry.group,
        "kind": decision.entry.kind,
        "module": context.webhook_path if context.has_classes else "",
        "validation": context.validation,
        "version": decision.entry.version,
    }


def webhook_context(
    root: Path, project: Project, decision: WebhookDecision, written: Record, *, force: bool
) -> WebhookContext:
    """Return the variables of the templates for the webhooks of a kind.

    Args:
        root: The project's folder.
        project: What PROJECT says.
        decision: What is scaffolded.
        written: The record of the project.
        force: Write again what PROJECT has.
    """
    entry = decision.entry
    base = api_context(
        root,
        project,
        APIDecision(
            entry=entry,
            before=decision.before,
            resource=False,
            controller=False,
            controller_name=project.default_controller_name(entry.group, entry.kind),
            reconciler=reconciler_of(entry.kind),
            other_versions=(),
            storage=True,
        ),
        written,
    )
    context = webhook_code(root, base, decision, written, force=force)
    if is_taken(context.class_name, _modules(context)):
        return webhook_code(root, with_other_class(base), decision, written, force=force)
    return context


def _report(root: Path, decision: WebhookDecision, context: WebhookContext) -> None:
    say()
    if context.has_classes:
        say(f"Next: write the webhooks in {context.webhook_path}, then run")
    else:
        say(f"Next: add these versions to the class with @converting({context.class_name}, ...):")
        for spoke in context.spokes:
            if spoke.version in decision.new.spokes:
                say(f"  from {spoke.package}.{context.kind_lower}_conversion import from_hub, to_hub")
                say(f"  from {spoke.package}.{context.kind_lower}_types import {context.kind} as {spoke.type}")
                say(f"  .with_spoke({spoke.type}, to_hub, from_hub)")
        say("then run")
    say("  make generate manifests run")
    conftest = read_regular(root, _CONFTEST, limit=TEXT_LIMIT)
    if context.has_classes and (conftest is None or b"install_webhooks" not in conftest):
        warn(
            f"{_CONFTEST}: the manager of the tests does not serve webhooks; add ControlPlane.install_webhooks to its "
            "fixture"
        )
