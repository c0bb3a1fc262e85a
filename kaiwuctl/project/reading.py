"""From the YAML of PROJECT to values: every complaint names the line and what is expected there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

from kaiwuctl.errors import ProjectFileError
from kaiwuctl.names.plural import plural_of
from kaiwuctl.names.rule import quoted
from kaiwuctl.project.model import LAYOUT, VERSION, Project, Resource
from kaiwuctl.roundtrip import line_of


def read_project(root: object) -> Project:
    """Return the values of a loaded PROJECT; keys it does not know are ignored.

    Raises:
        ProjectFileError: A field is missing or has the wrong type, or version or layout are not ours.
    """
    if not isinstance(root, dict):
        raise ProjectFileError("PROJECT:1: must be a YAML mapping; restore it from version control")
    _check_version(root)
    layout = _layout(root)
    project = Project(
        name=_text(root, "projectName", required=True),
        domain=_text(root, "domain"),
        repo=_text(root, "repo"),
        multigroup=_flag(root, "multigroup"),
        namespaced=_flag(root, "namespaced"),
        cli_version=_text(root, "cliVersion"),
        layout=layout,
    )
    entries = root.get("resources")
    if entries is None:
        return project
    if not isinstance(entries, list):
        _refuse(root, "resources", "must be a list")
    return replace(project, resources=tuple(_resource(project, entries, index) for index in range(len(entries))))


def _check_version(root: dict[str, Any]) -> None:
    if "version" not in root:
        raise ProjectFileError(f'PROJECT: has no version; add the line version: "{VERSION}"')
    version = root["version"]
    if str(version) != VERSION:
        _refuse(
            root,
            "version",
            f"{quoted(str(version))} is not supported; this kaiwuctl works with {quoted(VERSION)}",
        )


def _layout(root: dict[str, Any]) -> tuple[str, ...]:
    value = root.get("layout")
    layout = [value] if isinstance(value, str) else value
    if not isinstance(layout, list) or not all(isinstance(item, str) for item in layout):
        if "layout" not in root:
            raise ProjectFileError(f"PROJECT: has no layout; kaiwuctl projects have layout: [{LAYOUT}]")
        _refuse(root, "layout", f"must be a list with {LAYOUT}")
    if LAYOUT not in layout:
        found = quoted(", ".join(layout))
        _refuse(
            root,
            "layout",
            f"{found} is not a kaiwuctl project, which has {LAYOUT}; use the tool that made it",
        )
    return tuple(str(item) for item in layout)


def _resource(project: Project, entries: list[Any], index: int) -> Resource:
    entry = entries[index]
    if not isinstance(entry, dict):
        raise ProjectFileError(f"PROJECT:{line_of(entries, index)}: resources[{index}] must be a mapping")
    kind = _text(entry, "kind", required=True)
    api = entry.get("api")
    if api is not None and not isinstance(api, dict):
        _refuse(entry, "api", "must be a mapping")
    group = _text(entry, "group")
    return Resource(
        group=group,
        domain=_text(entry, "domain"),
        version=_text(entry, "version", required=True),
        kind=kind,
        plural=_text(entry, "plural") or plural_of(kind),
        path=_text(entry, "path"),
        api=api is not None,
        namespaced=_flag(api, "namespaced") if api is not None else False,
        controllers=_controllers(project, entry, group, kind),
        core=_flag(entry, "core"),
    )


def _controllers(project: Project, entry: dict[str, Any], group: str, kind: str) -> tuple[str, ...]:
    if "controllers" not in entry:
        return (project.default_controller_name(group, kind),) if _flag(entry, "controller") else ()
    controllers = entry["controllers"]
    if not isinstance(controllers, list) or not all(isinstance(item, dict) for item in controllers):
        _refuse(entry, "controllers", "must be a list of mappings with a name")
    return tuple(_text(item, "name", required=True) for item in controllers)


def _text(mapping: dict[str, Any], key: str, *, required: bool = False) -> str:
    value = mapping.get(key)
    if value is None or value == "":
        if required:
            raise ProjectFileError(f"PROJECT:{_line(mapping)}: {key} is missing; add it or restore the file")
        return ""
    if not isinstance(value, str):
        _refuse(mapping, key, "must be text; put it in quotes")
    return str(value)


def _flag(mapping: dict[str, Any], key: str) -> bool:
    value = mapping.get(key, False)
    if not isinstance(value, bool):
        _refuse(mapping, key, "must be true or false")
    return value


def _line(mapping: dict[str, Any]) -> int:
    return line_of(mapping, next(iter(mapping), ""))


def _refuse(mapping: dict[str, Any], key: str, problem: str) -> NoReturn:
    raise ProjectFileError(f"PROJECT:{line_of(mapping, key)}: {key} {problem}")
