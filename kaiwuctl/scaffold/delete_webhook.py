"""Deletes webhooks of a kind: what `kaiwuctl delete webhook` does once its flags are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kaiwuctl.console import say
from kaiwuctl.errors import CollisionError
from kaiwuctl.project.contents import read_regular
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.presence import FILE_NAME
from kaiwuctl.scaffold.empty_folders import is_left_empty, remove_caches
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.files import Owner, Policy
from kaiwuctl.scaffold.generated_files import generated_content
from kaiwuctl.scaffold.importers import importers
from kaiwuctl.scaffold.kustomize import remove_resources
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.plan import Action, Plan
from kaiwuctl.scaffold.python_files import module_of
from kaiwuctl.scaffold.record import Answers, Record, add_record
from kaiwuctl.scaffold.webhook_files import WebhookFileRow, webhook_files
from kaiwuctl.scaffold.webhook_remainder import KINDS, WebhookModules, rendered

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Project, Resource, Webhooks
    from kaiwuctl.scaffold.webhook_deletion_request import WebhookDeletionRequest

_CLASSES: Final = {"defaulting": "Defaults", "validation": "Rules", "conversion": "with_spoke"}


@dataclass(slots=True)
class _Deletion:
    """What a plan was made from.

    Attributes:
        plan: The plan.
        before: What PROJECT says.
        entry: The kind; None where PROJECT does not have it.
        gone: The webhooks that go.
        after: What PROJECT says afterwards.
    """

    plan: Plan
    before: Project
    entry: Resource | None
    gone: tuple[str, ...]
    after: Project


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

    def make_plan() -> tuple[Plan, _Deletion]:
        deletion = _plan(root, request, force=force)
        return deletion.plan, deletion

    def afterwards(deletion: _Deletion) -> None:
        remove_caches(root, deletion.plan)
        _report(deletion)
        if make:
            run_make(root)

    def nothing(deletion: _Deletion) -> str:
        listed = [
            " ".join(part for part in (entry.group, entry.version, entry.kind, *_names(entry.webhooks)) if part)
            for entry in deletion.before.resources
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


def _plan(root: Path, request: WebhookDeletionRequest, *, force: bool) -> _Deletion:
    project_file = ProjectFile.load(root)
    project, record = project_file.project, Record.load(root)
    entry = project.find(request.group, request.version, request.kind)
    plan = Plan(root, force=force)
    gone = tuple(name for name in request.names if entry is not None and getattr(entry.webhooks, name))
    if entry is None or not gone:
        return _Deletion(plan, project, None, (), project)
    after = _without(entry, gone)
    resources = tuple(after if each == entry else each for each in project.resources)
    deletion = _Deletion(plan, project, entry, gone, replace(project, resources=resources))
    files = _Files(root, record, deletion)
    replay = files.delete_modules()
    if not deletion.after.has_webhooks:
        files.delete_configuration()
    plan.check()
    files.check_imports()

    def project_text(_: str | None) -> str:
        if after.core and not after.controllers and not after.webhooks:
            project_file.remove(entry)
        else:
            project_file.record(after)
        return project_file.dumps()

    plan.merge(FILE_NAME, project_text)
    add_record(plan, record, replay=replay)
    return deletion


def _without(entry: Resource, gone: tuple[str, ...]) -> Resource:
    """Return an entry without some webhooks, and what belongs to them."""
    webhooks = entry.webhooks
    return replace(
        entry,
        webhooks=replace(
            webhooks,
            **dict.fromkeys(gone, False),
            spokes=() if "conversion" in gone else webhooks.spokes,
            defaulting_path="" if "defaulting" in gone else webhooks.defaulting_path,
            validation_path="" if "validation" in gone else webhooks.validation_path,
        ),
    )


class _Files:
    """Plans what happens to files.

    Args:
        root: The project's folder.
        record: The record of the project.
        deletion: What goes.
    """

    def __init__(self, root: Path, record: Record, deletion: _Deletion) -> None:
        self._root = root
        self._record = record
        self._deletion = deletion
        self._plan = deletion.plan
        self._written: set[str] = set()
        entry = self._entry()
        self._modules = WebhookModules(root, deletion.before, entry, record)

    def delete_modules(self) -> list[Answers]:
        """Plan the modules of the webhooks, their tests and the conversions.

        Returns:
            The options of every `create` that still count.
        """
        entry, gone, replay = self._entry(), self._deletion.gone, list[Answers]()
        for options in self._record.create:
            identity = (options["group"], options["version"], options["kind"])
            if "certificates" not in options or identity != (entry.group, entry.version, entry.kind):
                replay.append(options)
                continue
            left: Answers = {**options, **dict.fromkeys(gone, False)}
            if any(left[name] for name in KINDS):
                replay.append(left)
                if left != options and options["module"]:
                    self._write_remainder(options, left)
            elif options["module"]:
                context = self._modules.context(options)
                self._delete(context.webhook_path)
                self._delete(f"tests/{context.webhook_test}.py")
                package = f"{context.controller_folder}/__init__.py"
                if context.controller_folder != "controllers" and is_left_empty(self._root, package, self._deleted()):
                    self._delete(package)
        if "conversion" in gone:
            for other in self._deletion.before.versions_of(entry.group, entry.kind):
                if other.version in entry.webhooks.spokes:
                    self._delete(f"{other.path}/{entry.kind.lower()}_conversion.py")
        return replay

    def delete_configuration(self) -> None:
        """Plan what the last webhook of a project takes with it: config/webhook, and its place in config/default."""
        options = next((each for each in self._record.webhooks if each["module"]), None)
        if options is None:
            return
        context = self._modules.context(options)
        rows: dict[str, list[WebhookFileRow]] = {}
        for file in webhook_files(context):
            if file.row.policy is Policy.MERGE:
                rows.setdefault(file.path, []).append(file.row)
            elif file.row.owner is Owner.PROJECT:
                self._delete(file.path, rendered(context, file.row.template, file.path))
        for path, listed in rows.items():
            if read_regular(self._root, path) is not None:
                self._plan.merge(path, partial(_unlisted, path, listed))

    def check_imports(self) -> None:
        """Reject the deletion of what another file of the project imports.

        Raises:
            CollisionError: Lists the lines.
        """
        deleted = {path for path in self._deleted() if path.endswith(".py")}
        lines = importers(self._root, {module_of(path) for path in deleted}, without={*deleted, *self._written})
        if lines:
            raise CollisionError(
                "nothing was deleted, because other files of the project import what would be; change these lines:",
                details=lines,
            )

    def _write_remainder(self, options: Answers, left: Answers) -> None:
        """Plan a module without some of its webhooks."""
        module, entry = str(options["module"]), self._entry()
        content = read_regular(self._root, module)
        if content is None:
            return
        files = None
        if self._record.is_unchanged(module, content):
            files = self._modules.remainder(options, left, content)
        if files is None:
            if self._plan.force:
                # The user has taken them out.
                return
            classes = [_CLASSES[name] for name in self._deletion.gone if options[name]]
            shown = ", ".join(name if name[0].islower() else f"{entry.kind}{name}" for name in classes)
            raise CollisionError(
                f"{module}: has changes of yours and other webhooks, which stay; remove {shown} there, then pass "
                "--force, and nothing was written"
            )
        for path, text in files.items():
            present = read_regular(self._root, path)
            if present is None or (path != module and not self._record.is_unchanged(path, present)):
                continue
            self._written.add(path)
            self._plan.merge(path, partial(_text, text.decode()))

    def _delete(self, path: str, rendering: bytes | None = None) -> None:
        content = read_regular(self._root, path)
        if content is None:
            return
        as_written = (
            self._record.is_unchanged(path, content)
            or content == rendering
            or generated_content(self._root, path) is not None
        )
        self._plan.delete(path, recorded=hashlib.sha256(content).hexdigest() if as_written else None)

    def _deleted(self) -> set[str]:
        return {file.path for file in self._plan.files if file.action is Action.DELETE}

    def _entry(self) -> Resource:
        if self._deletion.entry is None:
            raise ValueError
        return self._deletion.entry


def _text(text: str, _: str | None) -> str:
    return text


def _unlisted(path: str, rows: list[WebhookFileRow], text: str | None) -> str:
    for row in rows:
        text = remove_resources(path, text or "", row.entries, key=row.key)
    return text or ""


def _report(deletion: _Deletion) -> None:
    name, after = deletion.before.name, deletion.after
    lines = [
        f"  kubectl delete {verb}webhookconfiguration {name}-{verb}-webhook-configuration"
        for verb, webhook in (("mutating", "defaulting"), ("validating", "validation"))
        if webhook in deletion.gone and not any(getattr(entry.webhooks, webhook) for entry in after.resources)
    ]
    if not after.has_webhooks:
        lines.append(f"  kubectl delete service --namespace {name}-system {name}-webhook-service")
    say()
    if "conversion" in deletion.gone and deletion.entry is not None:
        crd = f"{deletion.entry.plural}.{deletion.entry.qualified_group}"
        say(f"Clusters convert {crd} until the CRD is applied without it: make install, before make deploy.")
    if lines:
        say("Clusters keep what is applied, and a configuration that nothing serves rejects every write:")
        for line in lines:
            say(line)
