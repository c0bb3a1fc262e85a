"""Moves the files of a project between the layouts with and without a folder for each API group.

Which file goes where follows from the table of `create api`: each row of it has a path in both layouts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import UsageError
from kaiwuctl.names.rule import quoted
from kaiwuctl.scaffold.api_context import api_context
from kaiwuctl.scaffold.api_files import API_FILES
from kaiwuctl.scaffold.decision import APIDecision
from kaiwuctl.scaffold.empty_folders import is_left_empty
from kaiwuctl.scaffold.files import FileRow, Owner, Policy
from kaiwuctl.scaffold.kustomize import rename_resources
from kaiwuctl.scaffold.locate import template_folder
from kaiwuctl.scaffold.python_files import project_files
from kaiwuctl.scaffold.render import render_file

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Project, Resource
    from kaiwuctl.scaffold.context import APIContext
    from kaiwuctl.scaffold.record import Record
    from kaiwuctl.scaffold.tree_edit import TreeEdit

_PACKAGES_OF_INIT: Final = frozenset({"api/__init__.py", "controllers/__init__.py"})
_CONTROLLER_PACKAGE: Final = replace(
    next(row for row in API_FILES if row.target == "{controller_folder}/__init__.py"), when=lambda _: True
)


@dataclass(frozen=True, slots=True)
class LayoutChange:
    """What a change of the layout does beside the moves.

    Attributes:
        project: PROJECT in the new layout.
        folders: Folders that move as a whole, by their present paths.
        packages: What kaiwuctl writes for the packages that are deleted.
    """

    project: Project
    folders: dict[str, str]
    packages: dict[str, bytes]


def change_layout(root: Path, project: Project, record: Record, edit: TreeEdit, *, multigroup: bool) -> LayoutChange:
    """Move the files of a project into the other layout.

    Args:
        root: The project's folder.
        project: What PROJECT says.
        record: The record of the project.
        edit: Gets the moves.
        multigroup: Whether the new layout has a folder for each API group.

    Raises:
        UsageError: A project for one group would have several, or has files elsewhere.
    """
    if not multigroup:
        _refuse_groups(project)
    new = in_layout(project, multigroup=multigroup)
    change = LayoutChange(new, {}, {})
    renamed: dict[str, dict[str, str]] = {}
    for old_entry, new_entry in zip(project.resources, new.resources, strict=True):
        if old_entry.api and old_entry.path != project.api_folder(old_entry.group, old_entry.version):
            raise UsageError(
                f"PROJECT: {old_entry.kind} {old_entry.version} has the path {quoted(old_entry.path)}, and kaiwuctl "
                f"writes its types to {project.api_folder(old_entry.group, old_entry.version)}; move them there first"
            )
        if old_entry.path != new_entry.path:
            change.folders[old_entry.path] = new_entry.path
        for name in old_entry.controllers or ("",):
            old = _context(root, project, old_entry, name, record)
            _move_rows(old, _context(root, new, new_entry, name, record), edit, change, renamed)
    _move_webhooks(root, (project, new), record, edit, change)
    for path, entries in renamed.items():
        text = edit.text(path)
        if text is not None:
            edit.write(path, rename_resources(path, text, entries))
    for folder, target in change.folders.items():
        for path in project_files(root):
            if path.startswith(f"{folder}/") and path not in edit.moved:
                edit.move(path, f"{target}{path.removeprefix(folder)}")
    for path in sorted(change.packages, key=lambda path: -path.count("/")):
        if is_left_empty(root, path, edit.gone()):
            edit.delete(path)
    return change


def _move_webhooks(
    root: Path, projects: tuple[Project, Project], record: Record, edit: TreeEdit, change: LayoutChange
) -> None:
    """Move the modules of webhooks and their tests, which the record names, and the packages that they are in."""
    project, new = projects
    for options in record.webhooks:
        group, version, kind, module = (str(options[key]) for key in ("group", "version", "kind", "module"))
        if not module:
            continue
        name = module.rpartition("/")[2]
        target = f"{new.controller_folder(group)}/{name}"
        edit.move(module, target)
        options["module"] = target
        old_test, new_test = (f"tests/test_{each.role_prefix(group)}{version}_{name}" for each in projects)
        edit.move(old_test, new_test)
        before, after = (
            each.find(group, version, kind) or each.find_external(group, version, kind) for each in projects
        )
        if before is not None and after is not None:
            # A kind without a controller has none of the rows of `create api` for it.
            contexts = _context(root, project, before, "", record), _context(root, new, after, "", record)
            _move_package(_CONTROLLER_PACKAGE, contexts, edit, change)


def in_layout(project: Project, *, multigroup: bool) -> Project:
    """Return what PROJECT says in another layout: controllers keep their names."""
    new = replace(project, multigroup=multigroup)
    entries = [
        replace(entry, path=new.api_folder(entry.group, entry.version)) if entry.api else entry
        for entry in project.resources
    ]
    return replace(new, resources=tuple(entries))


def _refuse_groups(project: Project) -> None:
    groups = sorted({entry.group for entry in project.resources if not entry.foreign})
    if len(groups) > 1:
        listed = ", ".join(group or "the empty group" for group in groups)
        raise UsageError(
            f"--no-multigroup: PROJECT has the groups {listed}, and a project for one group has one; delete the APIs "
            "of the others first: kaiwuctl delete api"
        )


def _context(root: Path, project: Project, entry: Resource, name: str, record: Record) -> APIContext:
    decision = APIDecision(
        entry=entry,
        before=entry,
        resource=entry.api,
        controller=bool(name),
        controller_name=name or project.default_controller_name(entry.group, entry.kind),
        reconciler="",
        other_versions=(),
        storage=True,
    )
    # The new places have no types yet that could say it, and it changes no path.
    return replace(api_context(root, project, decision, record), imported=False)


def _move_rows(
    old: APIContext, new: APIContext, edit: TreeEdit, change: LayoutChange, renamed: dict[str, dict[str, str]]
) -> None:
    before, after = old.as_data(), new.as_data()
    for row in API_FILES:
        path = row.target.format_map(before) if row.when(old) else ""
        target = row.target.format_map(after) if row.when(new) else ""
        if path == target and (row.policy is not Policy.MERGE or not path):
            continue
        if row.policy is Policy.MERGE:
            entries = [(each.format_map(before), each.format_map(after)) for each in row.entries]
            renamed.setdefault(path, {}).update({each: to for each, to in entries if each != to})
            continue
        if row.owner is Owner.GROUP and (not path or not target or {path, target} & _PACKAGES_OF_INIT):
            _move_package(row, (old, new), edit, change)
        else:
            edit.move(path, target)


def _move_package(row: FileRow, contexts: tuple[APIContext, APIContext], edit: TreeEdit, change: LayoutChange) -> None:
    """Create the package of a group in the new layout, and note the one of the old layout, which may be left empty."""
    before, after = (context.as_data() for context in contexts)
    path, target = (
        row.target.format_map(data) if row.when(context) else ""
        for context, data in zip(contexts, (before, after), strict=True)
    )
    template = template_folder("api") / row.template
    if target and target not in _PACKAGES_OF_INIT:
        edit.create(target, render_file(template, target, after).content)
    if path and path not in _PACKAGES_OF_INIT:
        change.packages[path] = render_file(template, path, before).content
