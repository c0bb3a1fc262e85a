"""Deletes one API or its controllers: what `kaiwuctl delete api` does once its flags are read.

It is the reverse of `create api`: what that would write for the same API is deleted, as far as it is still as it was
written. The webhooks of the version can go in the same plan.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from kaiwuctl.errors import UsageError
from kaiwuctl.names.rule import quoted
from kaiwuctl.project.contents import read_regular
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.presence import FILE_NAME
from kaiwuctl.scaffold.api_context import api_context
from kaiwuctl.scaffold.api_files import IMAGE_PATCH, APIFile, files_of
from kaiwuctl.scaffold.class_names import with_free_class
from kaiwuctl.scaffold.crd_for_tests import remove_version
from kaiwuctl.scaffold.deletion import APIDeletion, decide_deletion
from kaiwuctl.scaffold.deletion_report import report_deletion
from kaiwuctl.scaffold.empty_folders import is_left_empty, remove_caches
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.files import Owner, Policy
from kaiwuctl.scaffold.generated_files import generated_content
from kaiwuctl.scaffold.importers import check_importers
from kaiwuctl.scaffold.kustomize import remove_resources, resources_of
from kaiwuctl.scaffold.kustomize_patches import remove_patches
from kaiwuctl.scaffold.locate import template_folder
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.record import Record, add_record
from kaiwuctl.scaffold.render import render_file
from kaiwuctl.scaffold.webhook_deletion import WebhookDeletion, plan_webhook_deletion, report_webhooks

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.context import APIContext
    from kaiwuctl.scaffold.deletion_request import APIDeletionRequest

_DEFAULT = "config/default/kustomization.yaml"
_CRD = "config/crd/kustomization.yaml"
_PACKAGES_OF_INIT = frozenset({"api/__init__.py", "controllers/__init__.py"})


def delete_api(
    root: Path, request: APIDeletionRequest, *, force: bool, make: bool, dry_run: bool, verbose: bool
) -> None:
    """Delete the API that is asked for, or its controllers, from the project at `root`.

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
        project_file = ProjectFile.load(root)
        project = project_file.project
        deletion = decide_deletion(root, request, project)
        decided = _Decided(Plan(root, force=force), project, deletion)
        if deletion is not None:
            record = Record.load(root)
            if request.with_webhooks and deletion.entry.webhooks:
                decided.webhooks = WebhookDeletion(project, deletion.entry)
                record.create, _ = plan_webhook_deletion(root, decided.webhooks, decided.plan, record)
            _Deletion(root, project_file, deletion, decided.plan, record).fill()
        return decided.plan, decided

    def afterwards(decided: _Decided) -> None:
        remove_caches(root, decided.plan)
        if decided.webhooks is not None and decided.deletion is not None:
            report_webhooks(decided.webhooks, kept=bool(decided.deletion.other_versions))
        if decided.deletion is not None:
            report_deletion(decided.project, decided.deletion, decided.plan)
        if make:
            run_make(root)

    def nothing(decided: _Decided) -> str:
        return _nothing(decided.project, request)

    execute_plan(root, make_plan, afterwards, dry_run=dry_run, verbose=verbose, nothing=nothing)


@dataclass(slots=True)
class _Decided:
    """What a plan was made from: PROJECT as it was, and what goes."""

    plan: Plan
    project: Project
    deletion: APIDeletion | None
    webhooks: WebhookDeletion | None = None


def _nothing(project: Project, request: APIDeletionRequest) -> str:
    """Return why nothing is deleted, with what could be: the name may be mistyped."""
    what = f"controller {quoted(request.controller_name)} of " if request.controller_name is not None else ""
    what = "controller of " if request.controller_only else what
    listed = [
        " ".join(part for part in (entry.group, entry.version, entry.kind, *entry.controllers) if part)
        for entry in project.resources
    ]
    has = f"it has {'; '.join(listed)}" if listed else "it has no API"
    return f"PROJECT has no {what}{request.kind} of {request.group or 'the empty group'}/{request.version}; {has}"


class _Deletion:
    """Fills a plan with what goes.

    Args:
        root: The project's folder.
        project_file: PROJECT; it is changed.
        deletion: What goes.
        plan: The plan; it may have the deletion of webhooks.
        record: The record of the project, without the options of webhooks that go; it is changed.
    """

    def __init__(
        self, root: Path, project_file: ProjectFile, deletion: APIDeletion, plan: Plan, record: Record
    ) -> None:
        self._root = root
        self._project_file = project_file
        self._deletion = deletion
        self._plan = plan
        self._record = record
        self._contexts = [
            with_free_class(api_context(root, project_file.project, scaffold, self._record))
            for scaffold in deletion.scaffolds(project_file.project)
        ]
        self._files = {file.path: (file, context) for context in self._contexts for file in files_of(context)}
        without_controller = replace(self._contexts[0], controller=False)
        self._for_controllers = self._files.keys() - {file.path for file in files_of(without_controller)}

    def fill(self) -> None:
        """Plan everything.

        Raises:
            KaiwuctlError: Something else in the project needs what would go.
        """
        packages = []
        for path, (file, context) in self._files.items():
            if file.row.policy is Policy.VERSIONS and self._deletion.resource and self._deletion.other_versions:
                self._plan.merge(path, partial(_without_version, path, self._deletion.entry.version))
            if not self._goes(file) or file.row.policy is Policy.MERGE:
                continue
            if file.row.owner is Owner.GROUP:
                packages.append(path)
            else:
                self._delete(path, context)
        if self._deletion.resource:
            self._delete_documents()
        for path in sorted(packages, key=lambda path: -path.count("/")):
            if path not in _PACKAGES_OF_INIT and is_left_empty(self._root, path, self._plan.deleted()):
                self._delete(path, self._files[path][1])
        # A file that a user has changed stays, so what it imports is not the point.
        self._plan.check()
        check_importers(self._root, self._plan.deleted())
        for file, context in self._files.values():
            if file.row.policy is Policy.MERGE and self._goes(file):
                self._unlist(file, context)
        self._plan.merge(FILE_NAME, lambda _: self._project_text())
        add_record(self._plan, self._record, replay=self._deletion.replay(self._record.create))

    def _goes(self, file: APIFile) -> bool:
        """Whether what a file belongs to goes."""
        deletion = self._deletion
        if file.row.owner is Owner.CONTROLLER:
            return bool(deletion.controllers) and not (file.row.template == IMAGE_PATCH and self._image_stays())
        if not deletion.resource:
            # The test of a version runs its controllers; it goes with the last of them.
            left = deletion.after is not None and deletion.after.controllers
            return file.path in self._for_controllers and (file.row.owner is Owner.GROUP or not left)
        return file.row.owner is not Owner.KIND or not deletion.other_versions

    def _image_stays(self) -> bool:
        """Whether a controller of another version runs the image, too: there is one patch for all of them."""
        entry = self._deletion.entry
        versions = self._project_file.project.versions_of(entry.group, entry.kind)
        return any(other.image is not None and other.controllers for other in versions if other != entry)

    def _delete(self, path: str, context: APIContext) -> None:
        self._plan.delete(path, recorded=self._as_written(path, context))

    def _as_written(self, path: str, context: APIContext) -> str | None:
        """Return the digest of the content that a file has as long as the user has not changed it."""
        content = read_regular(self._root, path)
        if content is None:
            return None
        template = self._files[path][0].row.template
        if (
            generated_content(self._root, path) is not None
            or self._record.is_unchanged(path, content)
            or (template and self._rendered(path, template, context) == content)
        ):
            return hashlib.sha256(content).hexdigest()
        return None

    def _rendered(self, path: str, template: str, context: APIContext) -> bytes:
        return render_file(template_folder("api") / template, path, context.as_data()).content

    def _delete_documents(self) -> None:
        """Plan the documents that `make generate` wrote, which it would remove at its next run."""
        entry = self._deletion.entry
        context = self._contexts[0]
        paths = [f"docs/api/{context.qualified_group}_{entry.version}_{context.kind_lower}.schema.json"]
        if not any(other.api and other != entry for other in self._project_file.project.resources):
            paths.append("docs/api/reference.md")
        for path in paths:
            content = generated_content(self._root, path)
            if content is not None:
                self._plan.delete(path, recorded=hashlib.sha256(content).hexdigest())

    def _unlist(self, file: APIFile, context: APIContext) -> None:
        """Plan a kustomization without the entries of what goes; one that was scaffolded for them goes, too."""
        content = read_regular(self._root, file.path)
        if content is None:
            return
        entries = [entry for entry in file.entries if self._is_unlisted(file.path, entry)]
        if file.row.template:
            start = self._rendered(file.path, file.row.template, context)
            if remove_resources(file.path, content.decode(errors="replace"), entries).encode() == start:
                self._plan.delete(file.path, recorded=hashlib.sha256(content).hexdigest())
                return
        self._plan.merge(file.path, partial(_without, file, entries))

    def _is_unlisted(self, path: str, entry: str) -> bool:
        if path == _DEFAULT and entry == "../crd":
            text = (read_regular(self._root, _CRD) or b"").decode(errors="replace")
            gone = {entry for file, _ in self._files.values() if file.path == _CRD for entry in file.entries}
            return self._last_of_kind() and not set(resources_of(_CRD, text)) - gone
        in_folder = f"{path.rpartition('/')[0]}/{entry}"
        return in_folder in self._plan.deleted() or not (self._root / in_folder).exists()

    def _last_of_kind(self) -> bool:
        return self._deletion.resource and not self._deletion.other_versions

    def _project_text(self) -> str:
        if self._deletion.heir is not None:
            self._project_file.record(self._deletion.heir)
        if self._deletion.after is not None:
            self._project_file.record(self._deletion.after)
        else:
            self._project_file.remove(self._deletion.entry)
        return self._project_file.dumps()


def _without_version(path: str, version: str, text: str | None) -> str:
    if text is None:
        raise UsageError(f"{path}: is missing; restore it from version control")
    return remove_version(path, text, version)


def _without(file: APIFile, entries: Collection[str], text: str | None) -> str:
    if text is None:
        raise UsageError(f"{file.path}: was removed meanwhile; run the command again")
    remove = remove_patches if file.row.key == "patches" else remove_resources
    return remove(file.path, text, list(entries))
