"""From what `kaiwuctl create webhook` was asked for, and what PROJECT says, to what is scaffolded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kaiwuctl.errors import UsageError
from kaiwuctl.names.builtin import find_builtin
from kaiwuctl.names.rule import quoted
from kaiwuctl.project.model import Resource, Webhooks
from kaiwuctl.scaffold.decision import builtin_entry
from kaiwuctl.scaffold.webhook_request import SELF_SIGNED

if TYPE_CHECKING:
    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.webhook_request import WebhookRequest


@dataclass(frozen=True, slots=True)
class WebhookDecision:
    """What is to be scaffolded.

    Attributes:
        entry: The entry PROJECT gets.
        before: The entry it has; None when it has none.
        new: The webhooks that PROJECT does not have yet.
        wanted: Those that were asked for.
        spokes: The entries of the versions that are converted, by what was asked for or by PROJECT.
        certificates: ``self-signed``, ``cert-manager`` or ``none``.
        operations: In lower case.
    """

    entry: Resource
    before: Resource | None
    new: Webhooks
    wanted: Webhooks
    spokes: tuple[Resource, ...]
    certificates: str
    operations: tuple[str, ...]


def decide_webhook(request: WebhookRequest, project: Project, recorded_certificates: str) -> WebhookDecision:
    """Check a request against the project, and fill in what was not given.

    Args:
        request: The flags.
        project: What PROJECT says.
        recorded_certificates: Where the certificates of this project come from; empty when it has no webhooks yet.

    Raises:
        UsageError: The request contradicts PROJECT or itself.
    """
    request.check()
    before = project.find(request.group, request.version, request.kind)
    entry = _entry(request, before)
    present = entry.webhooks
    asked = _spokes(request, project, entry) if request.conversion else ()
    versions = project.versions_of(entry.group, entry.kind)
    spokes = asked or tuple(other for other in versions if other.version in present.spokes)
    wanted = Webhooks(
        defaulting=request.defaulting,
        validation=request.validation,
        conversion=request.conversion,
        spokes=tuple(spoke.version for spoke in asked),
        defaulting_path=request.defaulting_path or "",
        validation_path=request.validation_path or "",
    )
    _check_paths(request, project, entry)
    new = replace(
        wanted,
        defaulting=wanted.defaulting and not present.defaulting,
        validation=wanted.validation and not present.validation,
        conversion=wanted.conversion and not present.conversion,
        spokes=tuple(spoke for spoke in wanted.spokes if spoke not in present.spokes),
    )
    after = Webhooks(
        defaulting=present.defaulting or wanted.defaulting,
        validation=present.validation or wanted.validation,
        conversion=present.conversion or wanted.conversion,
        spokes=wanted.spokes or present.spokes,
        defaulting_path=present.defaulting_path or wanted.defaulting_path,
        validation_path=present.validation_path or wanted.validation_path,
    )
    certificates = request.certificates or recorded_certificates or SELF_SIGNED
    if recorded_certificates and certificates != recorded_certificates:
        raise UsageError(
            f"--certificates {certificates}: the certificates of this project are {recorded_certificates}; leave the "
            "flag out, or delete the webhooks first"
        )
    return WebhookDecision(
        entry=replace(entry, webhooks=after),
        before=before,
        new=new,
        wanted=wanted,
        spokes=spokes,
        certificates=certificates,
        operations=request.operations or ("create", "update"),
    )


def _entry(request: WebhookRequest, before: Resource | None) -> Resource:
    if before is not None:
        if request.conversion and not before.api:
            raise UsageError(
                f"--conversion: {before.kind} is not a type of this project, and its CRD is not yours to change"
            )
        return before
    builtin = find_builtin(request.group, request.version, request.kind)
    if builtin is None:
        raise UsageError(
            f"--kind {quoted(request.kind)}: PROJECT has no {request.kind} of "
            f"{request.group or 'the empty group'}/{request.version}; create it first: kaiwuctl create api "
            f'--group "{request.group}" --version {request.version} --kind {request.kind}'
        )
    if request.conversion:
        raise UsageError(f"--conversion: {request.kind} is a kind of Kubernetes itself, which converts its versions")
    return builtin_entry(request.group, builtin)


def _spokes(request: WebhookRequest, project: Project, entry: Resource) -> tuple[Resource, ...]:
    hub = project.hub_of(entry.group, entry.kind)
    if hub is not None and hub.version != entry.version:
        raise UsageError(
            f"--conversion: the hub of {entry.kind} is {hub.version} in PROJECT, and a kind has one; write --version "
            f"{hub.version}"
        )
    others = {other.version: other for other in project.versions_of(entry.group, entry.kind)}
    others.pop(entry.version, None)
    if not others:
        raise UsageError(
            f"--conversion: {entry.kind} has one version; create a second one first: kaiwuctl create api "
            f'--group "{entry.group}" --version {_next_version(entry.version)} --kind {entry.kind}'
        )
    for spoke in request.spokes or ():
        if spoke not in others:
            raise UsageError(f"--spoke {spoke}: PROJECT has no {entry.kind} {spoke}; it has {', '.join(others)}")
    missing = [version for version in others if request.spokes is not None and version not in request.spokes]
    if missing:
        raise UsageError(
            f"--spoke: lacks {', '.join(missing)}, and the API server converts every version; name all, "
            "or leave the flag out"
        )
    return tuple(others.values())


def _next_version(version: str) -> str:
    return "v2" if version == "v1" else "v1"


def _check_paths(request: WebhookRequest, project: Project, entry: Resource) -> None:
    taken: dict[str, str] = {}
    for other in project.resources:
        owner = "the same kind" if _same(other, entry) else f"{other.kind} {other.version}"
        taken |= {path: owner for path in _paths(other) if path}
    asked = (("--defaulting-path", request.defaulting_path), ("--validation-path", request.validation_path))
    for (flag, path), present in zip(asked, _paths(entry), strict=True):
        if path is None:
            continue
        if present and path != present:
            raise UsageError(
                f"{flag} {path}: it is {present} in PROJECT; leave the flag out, or change path= in the decorator"
            )
        if not present and path in taken:
            raise UsageError(f"{flag} {path}: is a path of {taken[path]}; choose another")


def _same(one: Resource, other: Resource) -> bool:
    return (one.group, one.version, one.kind) == (other.group, other.version, other.kind)


def _paths(entry: Resource) -> tuple[str, str]:
    """Return where the defaulter and the validator of an entry are served; empty where there is none."""
    webhooks = entry.webhooks
    return (
        (webhooks.defaulting_path or default_path("mutate", entry)) if webhooks.defaulting else "",
        (webhooks.validation_path or default_path("validate", entry)) if webhooks.validation else "",
    )


def default_path(verb: str, entry: Resource) -> str:
    """Return controller-runtime's path of a webhook: ``/validate-kaiwu-inspur-com-v1-kaiwucluster``.

    Args:
        verb: ``mutate`` or ``validate``.
        entry: The kind.
    """
    group = "" if entry.core and entry.group == "core" else entry.qualified_group
    return f"/{verb}-{group.replace('.', '-')}-{entry.version}-{entry.kind.lower()}"
