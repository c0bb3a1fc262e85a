"""From what `kaiwuctl create api` was asked for, and what PROJECT says, to one decided resource."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kaiwuctl.errors import UsageError
from kaiwuctl.names import api as rules
from kaiwuctl.names.builtin import BuiltinKind, find_builtin
from kaiwuctl.names.plural import plural_of
from kaiwuctl.names.python import reconciler_class, reconciler_of
from kaiwuctl.names.rule import check, quoted
from kaiwuctl.project.conflicts import check_controller, check_group, check_kind
from kaiwuctl.project.model import Resource, Webhooks
from kaiwuctl.scaffold.api_request import NOTHING_LEFT
from kaiwuctl.scaffold.external import external_entry
from kaiwuctl.scaffold.image import image_of

if TYPE_CHECKING:
    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.api_request import APIRequest
    from kaiwuctl.scaffold.external import ExternalType


@dataclass(frozen=True, slots=True)
class APIDecision:
    """What is to be scaffolded.

    Attributes:
        entry: The entry PROJECT gets.
        before: The entry it has; None when it has none.
        resource: Whether the API type is scaffolded.
        controller: Whether a controller is scaffolded.
        controller_name: Of that controller; of the kind's own when none is.
        reconciler: Its class.
        other_versions: Versions of the kind that PROJECT has beside this one.
        storage: Whether this version is the stored one: the first that was scaffolded.
        external: The type of another project's kind; None where the request does not name one.
    """

    entry: Resource
    before: Resource | None
    resource: bool
    controller: bool
    controller_name: str
    reconciler: str
    other_versions: tuple[str, ...]
    storage: bool
    external: ExternalType | None = None


def decide(request: APIRequest, project: Project, external: ExternalType | None = None) -> APIDecision:
    """Check a request against the rules and the project, and fill in what was not given.

    Args:
        request: The values of the flags.
        project: What PROJECT says.
        external: The type of another project's kind that the request names.

    Raises:
        UsageError: A name breaks a rule, or the request contradicts PROJECT or itself.
    """
    request.check()
    if request.external:
        return _decide_external(request, project, external)
    before = project.find(request.group, request.version, request.kind)
    versions = [entry for entry in project.versions_of(request.group, request.kind) if entry != before]
    resource = not (before is not None and before.foreign) if request.resource is None else request.resource
    controller = _wants_controller(request, before, versions)
    if not resource and not controller:
        raise UsageError(NOTHING_LEFT)
    if resource:
        entry = _own_entry(request, project, before, versions)
        check_group(project, request.group)
        check_kind(project, entry)
    else:
        entry = _foreign_entry(request, before)
    name, reconciler = _names_of_controller(request, project, entry)
    if controller:
        check_controller(project, entry, name)
        if name not in entry.controllers:
            entry = replace(entry, controllers=(*entry.controllers, name))
    return APIDecision(
        entry=entry,
        before=before,
        resource=resource,
        controller=controller,
        controller_name=name,
        reconciler=reconciler,
        other_versions=tuple(other.version for other in versions),
        storage=not versions or before == next(iter(project.versions_of(request.group, request.kind))),
    )


def _decide_external(request: APIRequest, project: Project, external: ExternalType | None) -> APIDecision:
    entry, before = external_entry(request, project, external)
    controller = request.controller is not False
    name, reconciler = _names_of_controller(request, project, entry)
    if controller:
        check_controller(project, entry, name)
        if name not in entry.controllers:
            entry = replace(entry, controllers=(*entry.controllers, name))
    versions = [
        other.version
        for other in project.resources
        if other.external and (other.qualified_group, other.kind) == (entry.qualified_group, entry.kind)
    ]
    return APIDecision(
        entry=entry,
        before=before,
        resource=False,
        controller=controller,
        controller_name=name,
        reconciler=reconciler,
        other_versions=tuple(version for version in versions if version != entry.version),
        storage=False,
        external=external,
    )


def _wants_controller(request: APIRequest, before: Resource | None, versions: list[Resource]) -> bool:
    if request.controller is False:
        return False
    if request.controller_name is not None or (before is not None and before.controllers):
        return True
    for other in versions:
        if other.controllers and request.controller:
            raise UsageError(
                f"--controller: {other.kind} {other.version} has the controller {quoted(other.controllers[0])}, and "
                "one controller serves all versions of a kind; write --controller=false, or name a second one with "
                "--controller-name"
            )
    return not any(other.controllers for other in versions)


def _own_entry(request: APIRequest, project: Project, before: Resource | None, versions: list[Resource]) -> Resource:
    """Return the entry of a type that is scaffolded here."""
    if before is not None and before.foreign:
        whose = "Kubernetes itself" if before.core else f"another project, {before.plural}.{before.qualified_group}"
        raise UsageError(
            f"--resource: PROJECT has {request.kind} {request.version} as a kind of {whose}; write "
            "--resource=false, or another --group"
        )
    recorded = before if before is not None and before.api else next(iter(versions), None)
    domain = project.domain if recorded is None else recorded.domain
    if request.imported and request.domain is not None:
        domain = request.domain
    qualified = rules.qualified_group(request.group, domain)
    plural = request.plural or (recorded.plural if recorded else plural_of(request.kind))
    check(plural, rules.PLURAL_RULES, what="--plural")
    rules.check_file_names(qualified, request.version, request.kind, plural)
    namespaced = request.namespaced
    if namespaced is None:
        namespaced = recorded.namespaced if recorded else True
    return Resource(
        group=request.group,
        domain=domain,
        version=request.version,
        kind=request.kind,
        plural=plural,
        path=project.api_folder(request.group, request.version),
        api=True,
        namespaced=namespaced,
        controllers=before.controllers if before else (),
        webhooks=before.webhooks if before else Webhooks(),
        image=image_of(request, recorded),
    )


def _foreign_entry(request: APIRequest, before: Resource | None) -> Resource:
    """Return the entry of a type that exists already: in this project, or in Kubernetes."""
    entry = before
    if entry is None or entry.core:
        builtin = find_builtin(request.group, request.version, request.kind)
        if builtin is None:
            raise UsageError(
                f"--resource=false: PROJECT has no {request.kind} of "
                f"{request.group or 'the empty group'}/{request.version}, and Kubernetes has none either; leave "
                "--resource=false out to scaffold the type, or, for a kind of another project, add --untyped or its "
                "type with --from"
            )
        entry = builtin_entry(request.group, builtin)
        if before is not None:
            entry = replace(entry, controllers=before.controllers, webhooks=before.webhooks)
    if request.plural not in {None, entry.plural}:
        raise UsageError(f"--plural {quoted(request.plural or '')}: {entry.kind} has the plural {entry.plural}")
    if request.namespaced not in {None, entry.namespaced}:
        scope = "namespaced" if entry.namespaced else "cluster-scoped"
        raise UsageError(f"--namespaced: {entry.kind} is {scope}; leave the flag out")
    return entry


def builtin_entry(group: str, builtin: BuiltinKind) -> Resource:
    """Return the entry of a kind of Kubernetes itself.

    Args:
        group: As it was given with --group.
        builtin: The kind.
    """
    return Resource(
        group=group,
        domain=builtin.group.removeprefix(group).lstrip("."),
        version=builtin.version,
        kind=builtin.kind,
        plural=builtin.plural,
        path=builtin.module,
        api=False,
        namespaced=builtin.namespaced,
        core=True,
    )


def _names_of_controller(request: APIRequest, project: Project, entry: Resource) -> tuple[str, str]:
    """Return the controller's name and class."""
    default = project.default_controller_name(entry.group, entry.kind)
    if default not in entry.controllers:
        # `kaiwuctl edit --multigroup` keeps the names of controllers.
        named = (name for name in entry.controllers if project.is_own_controller(entry.group, entry.kind, name))
        default = next(named, default)
    if request.controller_name is None or request.controller_name == default:
        if request.controller is not False and entry.controllers and default not in entry.controllers:
            names = ", ".join(entry.controllers)
            raise UsageError(
                f"--controller: {entry.kind} {entry.version} has the controller {names}; choose it, or "
                "name another, with --controller-name, or write --controller=false"
            )
        check(default, rules.CONTROLLER_NAME_RULES, what="--controller-name")
        return default, reconciler_of(entry.kind)
    return request.controller_name, reconciler_class(request.controller_name)
