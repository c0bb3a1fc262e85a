"""From webhooks that are to be deleted to what happens to files: for `delete webhook` and for `delete api`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kaiwuctl.console import say
from kaiwuctl.errors import CollisionError
from kaiwuctl.project.contents import read_regular
from kaiwuctl.scaffold.empty_folders import is_left_empty
from kaiwuctl.scaffold.files import Owner, Policy
from kaiwuctl.scaffold.generated_files import generated_content
from kaiwuctl.scaffold.kustomize import remove_resources
from kaiwuctl.scaffold.record import RECORD_FILE, Answers, Record
from kaiwuctl.scaffold.webhook_files import WebhookFileRow, webhook_files
from kaiwuctl.scaffold.webhook_remainder import KINDS, WebhookModules, rendered

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from kaiwuctl.project.model import Project, Resource
    from kaiwuctl.scaffold.plan import Plan

_CLASSES: Final = {"defaulting": "Defaults", "validation": "Rules", "conversion": "with_spoke"}


@dataclass(frozen=True, slots=True)
class WebhookDeletion:
    """Which webhooks are to be deleted.

    Attributes:
        before: What PROJECT says.
        entry: The kind, with the webhooks that PROJECT has.
        names: Those that go, of `KINDS`; PROJECT need not have them.
    """

    before: Project
    entry: Resource
    names: tuple[str, ...] = KINDS

    @property
    def gone(self) -> tuple[str, ...]:
        """Those that PROJECT has and that go."""
        return tuple(name for name in self.names if getattr(self.entry.webhooks, name))

    @property
    def left(self) -> Resource:
        """The entry without them, and without what belongs to them."""
        webhooks, names = self.entry.webhooks, self.names
        return replace(
            self.entry,
            webhooks=replace(
                webhooks,
                **dict.fromkeys(names, False),
                spokes=() if "conversion" in names else webhooks.spokes,
                defaulting_path="" if "defaulting" in names else webhooks.defaulting_path,
                validation_path="" if "validation" in names else webhooks.validation_path,
            ),
        )

    @property
    def after(self) -> Project:
        """What PROJECT says about webhooks afterwards."""
        resources = tuple(self.left if each == self.entry else each for each in self.before.resources)
        return replace(self.before, resources=resources)


def plan_webhook_deletion(
    root: Path, deletion: WebhookDeletion, plan: Plan, record: Record
) -> tuple[list[Answers], Collection[str]]:
    """Plan what happens to the files of webhooks; PROJECT and the record are the caller's.

    Args:
        root: The project's folder.
        deletion: What goes.
        plan: The plan.
        record: The record of the project; it is not changed.

    Returns:
        The options of every `create` that still count, and the modules that stay without some of their webhooks.

    Raises:
        CollisionError: A module with other webhooks, which stay, has changes of the user; or the record, which names
            the modules, does not have these webhooks.
    """
    _require_record(deletion, plan, record)
    files = _Files(root, record, deletion, plan)
    replay = files.delete_modules()
    if not deletion.after.has_webhooks:
        files.delete_configuration()
    return replay, files.written


def _require_record(deletion: WebhookDeletion, plan: Plan, record: Record) -> None:
    """Refuse to change PROJECT alone, because the files are not known."""
    entry = deletion.entry
    identity = (entry.group, entry.version, entry.kind)
    recorded = [each for each in record.webhooks if (each["group"], each["version"], each["kind"]) == identity]
    lacking = [name for name in deletion.gone if not any(each[name] for each in recorded)]
    if lacking and not plan.force:
        raise CollisionError(
            f"{RECORD_FILE}: does not have the webhooks of {entry.kind} {entry.version} ({', '.join(lacking)}), so "
            "their files are not known; restore it from version control, or delete the files of the webhooks yourself "
            "and pass --force, which takes them out of PROJECT"
        )


class _Files:
    """Plans what happens to files.

    Args:
        root: The project's folder.
        record: The record of the project.
        deletion: What goes.
        plan: The plan.

    Attributes:
        written: The modules that stay without some of their webhooks, and their tests.
    """

    def __init__(self, root: Path, record: Record, deletion: WebhookDeletion, plan: Plan) -> None:
        self._root = root
        self._record = record
        self._deletion = deletion
        self._plan = plan
        self.written: set[str] = set()
        self._modules = WebhookModules(root, deletion.before, deletion.entry, record)

    def delete_modules(self) -> list[Answers]:
        """Plan the modules of the webhooks, their tests and the conversions.

        Returns:
            The options of every `create` that still count.
        """
        entry, gone, replay = self._deletion.entry, self._deletion.names, list[Answers]()
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
                if context.controller_folder != "controllers" and is_left_empty(
                    self._root, package, self._plan.deleted()
                ):
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

    def _write_remainder(self, options: Answers, left: Answers) -> None:
        """Plan a module without some of its webhooks."""
        module, entry = str(options["module"]), self._deletion.entry
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
            classes = [_CLASSES[name] for name in self._deletion.names if options[name]]
            shown = ", ".join(name if name[0].islower() else f"{entry.kind}{name}" for name in classes)
            raise CollisionError(
                f"{module}: has changes of yours and other webhooks, which stay; remove {shown} there, then pass "
                "--force, and nothing was written"
            )
        for path, text in files.items():
            present = read_regular(self._root, path)
            if present is None or (path != module and not self._record.is_unchanged(path, present)):
                continue
            self.written.add(path)
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


def _text(text: str, _: str | None) -> str:
    return text


def _unlisted(path: str, rows: list[WebhookFileRow], text: str | None) -> str:
    for row in rows:
        text = remove_resources(path, text or "", row.entries, key=row.key)
    return text or ""


def report_webhooks(deletion: WebhookDeletion, *, kept: bool = True) -> None:
    """Print what stays in clusters of webhooks that were deleted.

    Args:
        deletion: What was deleted.
        kept: Whether the kind stays, and so its CRD.
    """
    name, after = deletion.before.name, deletion.after
    lines = [
        f"  kubectl delete {verb}webhookconfiguration {name}-{verb}-webhook-configuration"
        for verb, webhook in (("mutating", "defaulting"), ("validating", "validation"))
        if webhook in deletion.gone and not any(getattr(entry.webhooks, webhook) for entry in after.resources)
    ]
    if not after.has_webhooks:
        lines.append(f"  kubectl delete service --namespace {name}-system {name}-webhook-service")
    say()
    if kept and "conversion" in deletion.gone:
        crd = f"{deletion.entry.plural}.{deletion.entry.qualified_group}"
        say(f"Clusters convert {crd} until the CRD is applied without it: make install, before make deploy.")
    if lines:
        say("Clusters keep what is applied, and a configuration that nothing serves rejects every write:")
        for line in lines:
            say(line)
