"""Changes what a project was started with: what `kaiwuctl edit` does once its flags are read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from kaiwuctl.console import note, say, warn
from kaiwuctl.errors import CollisionError
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.presence import FILE_NAME
from kaiwuctl.scaffold.empty_folders import remove_caches
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.git_state import require_clean
from kaiwuctl.scaffold.header import HEADER_FILE
from kaiwuctl.scaffold.layout import LayoutChange, change_layout
from kaiwuctl.scaffold.licence import Licence, change_headers, changed_licence, licence_of
from kaiwuctl.scaffold.locate import runtime_wheel, template_folder, vendored_wheel
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.merge import ConflictError, take_over
from kaiwuctl.scaffold.moved_references import Reference, rewrite_references
from kaiwuctl.scaffold.namespaced import refuse_cluster_kinds
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.project import init_context
from kaiwuctl.scaffold.record import Record, add_record
from kaiwuctl.scaffold.render import render_file
from kaiwuctl.scaffold.runtime_update import update_runtime
from kaiwuctl.scaffold.tree_edit import TreeEdit

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.edit_request import EditRequest

_SUFFIX: Final = ".jinja"


@dataclass(slots=True)
class _Edit:
    """What a plan was made from.

    Attributes:
        plan: The plan.
        project: What PROJECT says afterwards.
        references: Lines that may have to be changed by hand.
        other_headers: Python files that do not have the project's header.
        webhooks: Whether the webhooks are called for every namespace.
        downgrade: A warning that kaiwu-runtime becomes an older one; empty when it does not.
    """

    plan: Plan
    project: Project
    references: list[Reference] = field(default_factory=list)
    other_headers: list[str] = field(default_factory=list)
    webhooks: bool = False
    downgrade: str = ""


def edit_project(root: Path, request: EditRequest, *, force: bool, make: bool, dry_run: bool, verbose: bool) -> None:
    """Change the project at `root`; without anything to change, print what it was started with.

    Args:
        root: The project's folder.
        request: The values of the flags.
        force: Work with changes that are not committed, and overwrite files that are in the way.
        make: Run the project's generators afterwards.
        dry_run: Print the plan and write nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: It cannot be done; nothing was changed. Or `make` failed, when everything was written.
    """
    request.check()
    if request.is_empty:
        show_values(root)
        return

    def make_plan() -> tuple[Plan, _Edit]:
        edit = _plan(root, request, force=force)
        if not force and not dry_run and any(edit.plan.changes()):
            require_clean(root)
        return edit.plan, edit

    def afterwards(edit: _Edit) -> None:
        remove_caches(root, edit.plan)
        _report(edit)
        if make:
            run_make(root)

    def nothing(_: _Edit) -> str:
        return "the project has these values already"

    edit = execute_plan(root, make_plan, afterwards, dry_run=dry_run, verbose=verbose, nothing=nothing)
    if dry_run:
        _report(edit)


def show_values(root: Path) -> None:
    """Print what a project was started with, one value per line.

    Raises:
        KaiwuctlError: PROJECT or the record cannot be read.
    """
    project = ProjectFile.load(root).project
    licence = licence_of(root, Record.load(root))
    values = {
        "domain": project.domain,
        "license": licence.name,
        "multigroup": str(project.multigroup).lower(),
        "namespaced": str(project.namespaced).lower(),
        "owner": licence.owner,
        "projectName": project.name,
        "repo": project.repo,
    }
    for key, value in values.items():
        say(f"{key}: {value}".rstrip())


def _plan(root: Path, request: EditRequest, *, force: bool) -> _Edit:
    project_file = ProjectFile.load(root)
    before, record = project_file.project, Record.load(root)
    present = licence_of(root, record)
    edit, result = TreeEdit(root), _Edit(Plan(root, force=force), before)
    layout = LayoutChange(before, {}, {})
    if request.multigroup is not None and request.multigroup != before.multigroup:
        layout = change_layout(root, before, record, edit, multigroup=request.multigroup)
        result.references = rewrite_references(root, edit, layout.folders)
    after = layout.project
    if request.namespaced is not None and request.namespaced != before.namespaced:
        after = replace(after, namespaced=request.namespaced)
        if request.namespaced:
            refuse_cluster_kinds(before)
            result.webhooks = before.has_webhooks
    licence = changed_licence(present, request) if request.changes_license else present
    if licence.header != present.header:
        result.other_headers = change_headers(root, present, licence, record, edit)
        edit.change(HEADER_FILE, lambda _: f"{licence.header}\n" if licence.header else "")
    _take_over_templates(root, edit, (before, present), (after, licence))
    if request.runtime:
        result.downgrade = update_runtime(root, edit, result.plan, record)
    edit.fill(result.plan, record, rendered=layout.packages.get)
    if after != before:
        result.plan.merge(FILE_NAME, partial(_project_text, project_file, after))
    if record.init:
        record.init |= {
            "license": licence.name,
            "multigroup": after.multigroup,
            "namespaced": after.namespaced,
            "owner": licence.owner,
        }
    add_record(result.plan, record)
    result.project = after
    return result


def _take_over_templates(
    root: Path, edit: TreeEdit, before: tuple[Project, Licence], after: tuple[Project, Licence]
) -> None:
    """Change the files of `kaiwuctl init` that depend on what is changed.

    Raises:
        CollisionError: Lists files in which the user has changed the same lines.
    """
    wheel = vendored_wheel(root) or runtime_wheel()
    # The headers are changed in all files alike.
    old, new = (
        init_context(project, wheel, license_name=licence.name, owner=licence.owner, header=after[1].header).as_data()
        for project, licence in (before, after)
    )
    if old == new:
        return
    folder, conflicts = template_folder("init"), []
    for template in sorted(folder.rglob(f"*{_SUFFIX}")):
        path = template.relative_to(folder).as_posix().removesuffix(_SUFFIX)
        if path == HEADER_FILE:
            continue
        texts = [render_file(template, path, data).content.decode() for data in (old, new)]
        text = edit.text(path)
        if texts[0] == texts[1] or text is None:
            continue
        try:
            changed = take_over(text, *texts)
        except ConflictError:
            conflicts.append(path)
            continue
        if changed != text:
            edit.write(path, changed)
    if conflicts:
        raise CollisionError(
            "nothing was written, because lines that would change have been changed by you; restore these files, run "
            "the command, and make your changes again:",
            details=conflicts,
        )


def _project_text(project_file: ProjectFile, after: Project, _: str | None) -> str:
    project_file.set_flag("namespaced", value=after.namespaced)
    if project_file.project.multigroup != after.multigroup:
        project_file.set_flag("multigroup", value=after.multigroup)
        for entry in after.resources:
            project_file.record(entry)
    return project_file.dumps()


def _report(edit: _Edit) -> None:
    if edit.references:
        warn("these lines name what has moved and were not changed; look at them:")
        for reference in edit.references:
            note(f"  {reference.path}:{reference.line}: {reference.text}")
    if edit.other_headers:
        warn("these files do not have the project's licence header and were not changed:")
        for path in edit.other_headers:
            note(f"  {path}")
    if edit.downgrade:
        warn(edit.downgrade)
    if edit.webhooks:
        warn(
            "the webhooks are still called for objects in every namespace; restrict them with namespace_selector in "
            "their decorators"
        )
