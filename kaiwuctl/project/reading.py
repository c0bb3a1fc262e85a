"""From the YAML of PROJECT to values: every complaint names the line and what is expected there.

A value becomes part of code, YAML and file names, whether it came from a flag or from PROJECT, which may be a
stranger's. So every one that is used passes the rules of the flag it stands for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from kaiwuctl.errors import InvalidNameError, ProjectFileError
from kaiwuctl.names import api as rules
from kaiwuctl.names.external import (
    EXTERNAL_DOMAIN_RULES,
    EXTERNAL_KIND_RULES,
    EXTERNAL_PATH_RULES,
    EXTERNAL_VERSION_RULES,
)
from kaiwuctl.names.plural import plural_of
from kaiwuctl.names.project import CLI_VERSION_RULES, DOMAIN_RULES, PROJECT_NAME_RULES, REPO_RULES
from kaiwuctl.names.rule import Rule, quoted
from kaiwuctl.project.deploy_image import read_images
from kaiwuctl.project.model import LAYOUT, VERSION, Project, Resource, Webhooks
from kaiwuctl.roundtrip import line_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCOPE_RULES = (Rule("scope", lambda scope: scope in {"Cluster", "Namespaced"}, "must be a scope", "Cluster"),)

WEBHOOK_KEYS = frozenset({"conversion", "defaulting", "defaultingPath", "spoke", "validation", "validationPath"})
"""The keys of `webhooks` in an entry, except the one that says what version the configurations have."""


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
        name=_text(root, "projectName", PROJECT_NAME_RULES, required=True),
        domain=_text(root, "domain", DOMAIN_RULES),
        repo=_text(root, "repo", REPO_RULES),
        multigroup=_flag(root, "multigroup"),
        namespaced=_flag(root, "namespaced"),
        cli_version=_text(root, "cliVersion", CLI_VERSION_RULES),
        layout=layout,
    )
    entries = root.get("resources")
    if entries is None:
        return project
    if not isinstance(entries, list):
        _refuse(root, "resources", "must be a list")
    resources = [_resource(project, entries, index) for index in range(len(entries))]
    images = read_images(root)
    return replace(
        project,
        resources=tuple(
            replace(each, image=images.get((each.group, each.version, each.kind)) if each.api else None)
            for each in resources
        ),
    )


def _check_version(root: dict[str, Any]) -> None:
    if "version" not in root:
        raise ProjectFileError(f'PROJECT: has no version; add the line version: "{VERSION}"')
    version = root["version"]
    if not isinstance(version, str | int | float):
        _refuse(root, "version", f"must be {quoted(VERSION)}")
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
    core, external = _flag(entry, "core"), _flag(entry, "external")
    kind = _text(entry, "kind", EXTERNAL_KIND_RULES if external else rules.KIND_RULES, required=True)
    api = entry.get("api")
    if api is not None and not isinstance(api, dict):
        _refuse(entry, "api", "must be a mapping")
    group = _text(entry, "group", rules.GROUP_RULES)
    resource = Resource(
        group=group,
        # The domain of a kind that is not the project's own may be one that is reserved for Kubernetes itself.
        domain=_text(entry, "domain", EXTERNAL_DOMAIN_RULES if core or external else DOMAIN_RULES),
        version=_text(entry, "version", EXTERNAL_VERSION_RULES if external else rules.VERSION_RULES, required=True),
        kind=kind,
        plural=_text(entry, "plural", rules.PLURAL_RULES) or plural_of(kind),
        path=_text(entry, "path", _path_rules(core=core, external=external)),
        api=api is not None,
        namespaced=_text(entry, "scope", _SCOPE_RULES) != "Cluster" if external else _is_namespaced(api),
        controllers=_controllers(project, entry, group, kind),
        core=core,
        external=external,
        webhooks=_webhooks(entry),
    )
    if not resource.foreign:
        _check_together(entry, resource)
    return resource


def _path_rules(*, core: bool, external: bool) -> Sequence[Rule]:
    if external:
        return EXTERNAL_PATH_RULES
    return rules.MODULE_RULES if core else rules.FOLDER_RULES


def _is_namespaced(api: dict[str, Any] | None) -> bool:
    return api is not None and _flag(api, "namespaced")


def _check_together(entry: dict[str, Any], resource: Resource) -> None:
    """Check what must hold for several values of an entry together."""
    try:
        qualified = resource.qualified_group
        if "." in qualified:
            rules.qualified_group(resource.group, resource.domain)
        rules.check_file_names(qualified, resource.version, resource.kind, resource.plural)
    except InvalidNameError as error:
        raise ProjectFileError(f"PROJECT:{_line(entry)}: {error.message.replace('--', '')}") from None


def _controllers(project: Project, entry: dict[str, Any], group: str, kind: str) -> tuple[str, ...]:
    if "controllers" not in entry:
        return (project.default_controller_name(group, kind),) if _flag(entry, "controller") else ()
    controllers = entry["controllers"]
    if not isinstance(controllers, list) or not all(isinstance(item, dict) for item in controllers):
        _refuse(entry, "controllers", "must be a list of mappings with a name")
    return tuple(_text(item, "name", rules.CONTROLLER_NAME_RULES, required=True) for item in controllers)


def _webhooks(entry: dict[str, Any]) -> Webhooks:
    found = entry.get("webhooks")
    if found is None:
        return Webhooks()
    if not isinstance(found, dict):
        _refuse(entry, "webhooks", "must be a mapping")
    spokes = found.get("spoke")
    if spokes is not None and not isinstance(spokes, list):
        _refuse(found, "spoke", "must be a list of versions")
    return Webhooks(
        defaulting=_flag(found, "defaulting"),
        validation=_flag(found, "validation"),
        conversion=_flag(found, "conversion"),
        spokes=tuple(_version(found, version) for version in spokes or ()),
        defaulting_path=_text(found, "defaultingPath", rules.WEBHOOK_PATH_RULES),
        validation_path=_text(found, "validationPath", rules.WEBHOOK_PATH_RULES),
    )


def _version(webhooks: dict[str, Any], version: object) -> str:
    if not isinstance(version, str) or not all(rule.holds(version) for rule in rules.VERSION_RULES):
        _refuse(webhooks, "spoke", f"{quoted(str(version))} is not a version; for example v1")
    return version


def _text(mapping: dict[str, Any], key: str, rules_: Sequence[Rule], *, required: bool = False) -> str:
    value = mapping.get(key)
    if value is None or value == "":
        if required:
            raise ProjectFileError(f"PROJECT:{_line(mapping)}: {key} is missing; add it or restore the file")
        return ""
    if not isinstance(value, str):
        _refuse(mapping, key, "must be text; put it in quotes")
    for rule in rules_:
        if not rule.holds(value):
            _refuse(mapping, key, f"{quoted(value)}: {rule.message}; for example {rule.example}")
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
