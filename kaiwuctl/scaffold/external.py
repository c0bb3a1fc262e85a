"""Kinds of other projects: from the flags of `kaiwuctl create api`, and what PROJECT says, to one entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kaiwuctl.errors import UsageError
from kaiwuctl.names import api as rules
from kaiwuctl.names.builtin import find_builtin
from kaiwuctl.names.external import split_group
from kaiwuctl.names.plural import plural_of
from kaiwuctl.names.python import group_module
from kaiwuctl.names.rule import check, quoted
from kaiwuctl.project.conflicts import check_kind
from kaiwuctl.project.model import Resource
from kaiwuctl.scaffold.crd_for_tests import minimal_crd
from kaiwuctl.scaffold.installed_type import read_installed_type

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Project
    from kaiwuctl.scaffold.api_request import APIRequest

EXTERNAL_PACKAGE = "api.external"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalType:
    """The type of another project's kind, and what belongs to it.

    Attributes:
        group: In full, as the API server knows it.
        version: ``v1``.
        kind: ``Certificate``.
        plural: ``certificates``.
        namespaced: Scope.
        path: As PROJECT records it; see `Resource.path`.
        crd: The CRD that the tests of the project install: the kind's own, or one that accepts every object.
        sample: The fields of an object that this CRD accepts, without its metadata.
        requirement: The package to add to requirements.txt; empty for none.
        warning: What a person has to do; empty for nothing.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    path: str
    crd: dict[str, Any]
    sample: dict[str, Any] = field(default_factory=dict)
    requirement: str = ""
    warning: str = ""


def read_external_type(root: Path, request: APIRequest) -> ExternalType | None:
    """Return the type that a request names; None for a request that names none.

    Args:
        root: The project's folder.
        request: The values of the flags, which keep the rules.

    Raises:
        UsageError: The kind is one of Kubernetes itself, or the type is another kind's.
        KaiwuctlError: The type cannot be read.
    """
    request.check()
    if not request.untyped and request.class_name is None:
        return None
    group = ".".join(part for part in split_group(request.group, request.domain) if part)
    _refuse_builtin(request, group)
    if request.class_name is None:
        return _untyped(request, group)
    found = read_installed_type(root, request.class_name)
    asked, is_there = (group, request.version, request.kind), (found.group, found.version, found.kind)
    if asked != is_there:
        raise UsageError(
            f"--from {quoted(str(request.class_name))}: is {found.kind} of {found.group}/{found.version}, not "
            f"{request.kind} of {group}/{request.version}"
        )
    path = request.class_name.module
    if request.class_name.name != request.kind:
        path = str(request.class_name)
    return ExternalType(
        group=found.group,
        version=found.version,
        kind=found.kind,
        plural=found.plural,
        namespaced=found.namespaced,
        path=path,
        sample=_sample(found.crd),
        crd=found.crd or minimal_crd(found.group, found.version, found.kind, found.plural, namespaced=found.namespaced),
        requirement=found.requirement,
        warning=found.warning,
    )


def _sample(crd: dict[str, Any] | None) -> dict[str, Any]:
    if crd is None:
        return {}
    from kaiwuctl.importer.sample import sample_fields  # noqa: PLC0415  (only a type of a package needs it)

    (version,) = crd["spec"]["versions"]
    return sample_fields(version["schema"]["openAPIV3Schema"])


def _refuse_builtin(request: APIRequest, group: str) -> None:
    try:
        builtin = find_builtin(group, request.version, request.kind)
    except UsageError:
        return  # Kubernetes' group, but not a kind that lightkube has a type of
    if builtin is not None:
        flag = "--untyped" if request.untyped else "--from"
        raise UsageError(
            f"{flag}: {builtin.kind} is a kind of Kubernetes itself, whose type is there; write --group "
            f"{builtin.group} --resource=false and leave --domain and {flag} out"
        )


def _untyped(request: APIRequest, group: str) -> ExternalType:
    plural = request.plural or plural_of(request.kind)
    check(plural, rules.PLURAL_RULES, what="--plural")
    namespaced = request.namespaced is not False
    return ExternalType(
        group=group,
        version=request.version,
        kind=request.kind,
        plural=plural,
        namespaced=namespaced,
        path=f"{external_folder(group, request.version).replace('/', '.')}.{request.kind.lower()}_types",
        crd=minimal_crd(group, request.version, request.kind, plural, namespaced=namespaced),
    )


def external_folder(group: str, version: str) -> str:
    """Return the folder of another project's types: ``api/external/cert_manager_io/v1``."""
    return f"{EXTERNAL_PACKAGE.replace('.', '/')}/{group_module(group)}/{version}"


def external_entry(
    request: APIRequest, project: Project, found: ExternalType | None
) -> tuple[Resource, Resource | None]:
    """Return the entry that PROJECT gets for another project's kind, and the one that it has.

    Args:
        request: The values of the flags.
        project: What PROJECT says.
        found: The type that the request names.

    Raises:
        UsageError: The request contradicts PROJECT or itself.
    """
    group, domain = split_group(request.group, request.domain)
    whole = ".".join(part for part in (group, domain) if part)
    before = project.find_external(whole, request.version, request.kind)
    if before is None:
        _refuse_taken(request, project, group)
    if found is None:
        if before is None:
            raise UsageError(
                f"--domain: PROJECT has no {request.kind} of {whole}/{request.version} of another project; add "
                "--untyped, or its type with --from, for example --from acme.cache_types:Cache"
            )
        return before, before
    entry = Resource(
        group=before.group if before else group,
        domain=before.domain if before else domain,
        version=found.version,
        kind=found.kind,
        plural=found.plural,
        path=found.path,
        api=False,
        namespaced=found.namespaced,
        controllers=before.controllers if before else (),
        external=True,
    )
    rules.check_file_names(whole, entry.version, entry.kind, entry.plural)
    if before is None:
        check_kind(project, entry)
    elif before != entry:
        _refuse_other(before, entry)
    return entry, before


def _refuse_taken(request: APIRequest, project: Project, group: str) -> None:
    taken = project.find(group, request.version, request.kind)
    if taken is not None:
        whose = "of another API group" if taken.external else "of its own"
        raise UsageError(
            f"--group {quoted(request.group)}: PROJECT has {taken.kind} {taken.version} {whose}, "
            f"{taken.plural}.{taken.qualified_group}, with the same group; write the group in full with an empty "
            f'domain, for example --group {group}.example.com --domain ""'
        )


def _refuse_other(before: Resource, entry: Resource) -> None:
    what, recorded, asked = next(
        (name, old, new)
        for name, old, new in (
            ("the type", before.path, entry.path),
            ("the plural", before.plural, entry.plural),
            ("the scope", _scope(before), _scope(entry)),
        )
        if old != new
    )
    raise UsageError(
        f"--kind {quoted(entry.kind)}: PROJECT has it with {what} {quoted(recorded)}, not {quoted(asked)}; leave the "
        "flags out that say otherwise"
    )


def _scope(entry: Resource) -> str:
    return "Namespaced" if entry.namespaced else "Cluster"
