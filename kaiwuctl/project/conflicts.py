"""Names that are fine alone, but not beside the ones a project already has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kaiwuctl.errors import InvalidNameError, UsageError
from kaiwuctl.names.python import group_module
from kaiwuctl.names.rule import quoted

if TYPE_CHECKING:
    from kaiwuctl.project.model import Project, Resource


def check_group(project: Project, group: str) -> None:
    """Refuse a second group in a project for one, and groups that Python cannot tell apart.

    Raises:
        UsageError: Names the group that is there.
    """
    for other in project.resources:
        if other.group == group:
            continue
        if not project.multigroup and not other.foreign:
            raise UsageError(
                f"--group {quoted(group)}: this project has the group {quoted(other.group)} and is for one group; "
                "several need another layout: `kaiwuctl edit --multigroup`"
            )
        if project.multigroup and group_module(other.group) == group_module(group):
            raise InvalidNameError(
                f"--group {quoted(group)}: would share the Python package {group_module(group)} with the group "
                f"{quoted(other.group)}; choose a name that differs in more than dots and hyphens, for example "
                f"{group_module(group).replace('_', '')}2"
            )


def check_kind(project: Project, resource: Resource) -> None:
    """Refuse a kind whose names another kind of the same API group has taken.

    The API server keeps kind, list kind, plural and singular unique in a group: the later CRD is not served.

    Raises:
        InvalidNameError: Names the other kind.
    """
    for other in project.resources:
        if other.core or other.qualified_group != resource.qualified_group:
            continue
        if other.kind == resource.kind:
            _check_same_kind(other, resource)
            continue
        taken = {other.plural, other.kind.lower()} & {resource.plural, resource.kind.lower()}
        if taken:
            raise InvalidNameError(
                f"--kind {quoted(resource.kind)}: the name {quoted(min(taken))} belongs to {other.kind} in the same "
                f"group; choose another --kind or --plural, for example --plural {resource.kind.lower()}set"
            )
        if f"{other.kind}List" == resource.kind or f"{resource.kind}List" == other.kind:
            raise InvalidNameError(
                f"--kind {quoted(resource.kind)}: the list of one of {other.kind} and {resource.kind} would be called "
                f"like the other; choose another --kind, for example {resource.kind}Set"
            )


def _check_same_kind(other: Resource, resource: Resource) -> None:
    if not other.api:
        return
    if other.plural != resource.plural:
        raise UsageError(
            f"--plural {quoted(resource.plural)}: {resource.kind} has the plural {quoted(other.plural)} in PROJECT, "
            f"and a kind has one; write --plural {other.plural} or leave it out"
        )
    if other.namespaced != resource.namespaced:
        recorded = "true" if other.namespaced else "false"
        raise UsageError(
            f"--namespaced: {resource.kind} {other.version} has --namespaced={recorded} in PROJECT, and the scope of "
            f"a kind cannot change; write --namespaced={recorded} or leave it out"
        )


def check_controller(project: Project, resource: Resource, name: str) -> None:
    """Refuse a controller's name that is taken, or would give a class or module that is.

    Raises:
        InvalidNameError: Names the other controller.
    """
    module = _module(project, resource, name)
    for other in project.resources:
        for taken in other.controllers:
            same_kind = (other.group, other.kind, other.version) == (
                resource.group,
                resource.kind,
                resource.version,
            )
            if same_kind and taken == name:
                continue
            problem = ""
            if taken == name:
                problem = "is taken"
            elif _letters(taken) == _letters(name):
                problem = f"differs from {quoted(taken)} only in hyphens"
            elif _module(project, other, taken) == module:
                problem = f"would share the module {module} with {quoted(taken)}"
            if problem:
                raise InvalidNameError(
                    f"--controller-name {quoted(name)}: {problem}, which reconciles {other.kind} {other.version}; "
                    f"choose another, for example {resource.kind.lower()}-second"
                )


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name)


def _module(project: Project, resource: Resource, name: str) -> str:
    module = project.controller_module(resource.group, resource.kind, name)
    return f"{project.controller_folder(resource.group)}/{module}"
