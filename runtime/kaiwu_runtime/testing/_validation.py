"""Validate what an API server validates for every kind: metadata, and the options of a write.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/,
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set and
https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from kaiwu_runtime._names import is_dns_label, is_dns_subdomain, is_label_value, is_qualified_name
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._refusals import invalid_fields, invalid_options

GENERATED_LENGTH = 63
"""A generated name is cut so that it has this length with its suffix."""

_MANAGER_BYTES = 128
_ANNOTATION_BYTES = 256 * 1024
# As Kubernetes 1.37 has it; before 1.36 a Service's name began with a letter.
_LABEL_KINDS = frozenset({("", "Namespace"), ("", "Service"), ("apps", "StatefulSet")})
_SHORTER = {("batch", "CronJob"): 52, ("batch", "Job"): 63}
"""Maximum length of a name, where Pods or Jobs get names from it."""
_STANDARD_FINALIZERS = frozenset({"foregroundDeletion", "kubernetes", "orphan"})
_OWNER = ("apiVersion", "kind", "name", "uid")


class _Owner(msgspec.Struct, rename="camel"):
    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    """The types of the fields of metadata; as for the server, each may be missing."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    self_link: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None
    finalizers: list[str] | None = None


class Problem(NamedTuple):
    """A field that the server rejects.

    Attributes:
        field: Its path.
        text: What is wrong.
    """

    field: str
    text: str


def check_options(options: str, params: Mapping[str, str], *, apply: bool) -> None:
    """Reject options of a write that the API server rejects.

    Args:
        options: ``CreateOptions`` or ``PatchOptions``.
        params: The query of the request.
        apply: Whether it is a server-side apply.

    Raises:
        InvalidError: An option is missing or has a value that it may not have.
    """
    if problems := list(_options(options, params, apply=apply)):
        raise invalid_options(options, problems)


def _options(options: str, params: Mapping[str, str], *, apply: bool) -> Iterator[Problem]:
    manager = params.get("fieldManager", "")
    if apply and not manager:
        yield Problem("fieldManager", "Required value: is required for apply patch")
    if options == "PatchOptions" and not apply and "force" in params:
        yield Problem("force", "Forbidden: may not be specified for non-apply patch")
    if len(manager.encode()) > _MANAGER_BYTES:
        yield Problem("fieldManager", f"Too long: may not be more than {_MANAGER_BYTES} bytes")
    bad = next((index for index, character in enumerate(manager) if not character.isprintable()), None)
    if bad is not None:
        text = f"invalid character U+{ord(manager[bad]):04X} (at position {bad})"
        yield Problem("fieldManager", f"Invalid value: {text}")
    if params.get("dryRun", "All") != "All":
        yield Problem("dryRun", f'Unsupported value: "{params["dryRun"]}": supported values: "All"')
    if params.get("fieldValidation", "") not in {"", "Ignore", "Warn", "Strict"}:
        yield Problem("fieldValidation", f'Unsupported value: "{params["fieldValidation"]}"')


def metadata_mistake(obj: Mapping[str, Any]) -> str:
    """Return what of an object's metadata has another type than the field; the empty string if nothing has."""
    sent = obj.get("metadata")
    if isinstance(sent, Mapping):
        # The server reads a null in a mapping as an empty string, and managedFields it reads apart.
        sent = {name: _without_nulls(part) for name, part in sent.items() if name != "managedFields"}
    try:
        msgspec.convert(sent, _Metadata | None)
    except msgspec.ValidationError as error:
        return f"metadata: {error}"
    return ""


def _without_nulls(part: Any) -> Any:  # noqa: ANN401 - JSON
    return {name: value for name, value in part.items() if value is not None} if isinstance(part, Mapping) else part


def check_metadata(kind: FakeKind, obj: Mapping[str, Any], *, new: bool) -> None:
    """Reject an object whose metadata the API server rejects.

    Args:
        kind: The resource.
        obj: The object as it would be stored.
        new: Whether it is created by this write; its name is looked at then.

    Raises:
        InvalidError: A field of the metadata has a value that it may not have.
    """
    metadata = obj["metadata"]
    problems = [*(_names(kind, metadata) if new else ()), *_maps(metadata), *_finalizers(kind, metadata)]
    if problems := [*problems, *_owners(metadata)]:
        raise invalid_fields(kind, metadata.get("name", ""), problems)


def _names(kind: FakeKind, metadata: Mapping[str, Any]) -> Iterator[Problem]:
    generated = metadata.get("generateName", "")
    if generated and not _is_name(kind, generated[:-2] + "a" if generated.endswith("-") else generated):
        yield Problem("metadata.generateName", f'Invalid value: "{generated}"')
    name = metadata.get("name", "")
    if not name:
        yield Problem("metadata.name", "Required value: name or generateName is required")
    elif not _is_name(kind, name) or len(name) > _SHORTER.get((kind.identity.group, kind.identity.kind), len(name)):
        yield Problem("metadata.name", f'Invalid value: "{name}"')
    if metadata.get("generation", 0) < 0:
        yield Problem("metadata.generation", "Invalid value: must be greater than or equal to 0")


def _is_name(kind: FakeKind, name: str) -> bool:
    identity = kind.identity
    if identity.group == "rbac.authorization.k8s.io":
        return name not in {".", ".."} and "/" not in name and "%" not in name
    if (identity.group, identity.kind) in _LABEL_KINDS:
        return is_dns_label(name)
    return is_dns_subdomain(name)


def _maps(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in (metadata.get("labels") or {}).items():
        if not is_qualified_name(key):
            yield Problem("metadata.labels", f'Invalid value: "{key}": not a valid label key')
        if value and not is_label_value(value):
            yield Problem("metadata.labels", f'Invalid value: "{value}": not a valid label value')
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if not is_qualified_name(key.lower()):
            yield Problem("metadata.annotations", f'Invalid value: "{key}": not a valid annotation key')
    if sum(len(key.encode()) + len((value or "").encode()) for key, value in annotations.items()) > _ANNOTATION_BYTES:
        yield Problem("metadata.annotations", f"Too long: may not be more than {_ANNOTATION_BYTES} bytes")


def _finalizers(kind: FakeKind, metadata: Mapping[str, Any]) -> Iterator[Problem]:
    finalizers = metadata.get("finalizers") or ()
    for index, name in enumerate(finalizers):
        if not is_qualified_name(name):
            yield Problem("metadata.finalizers", f'Invalid value: "{name}": not a valid finalizer name')
        elif not kind.custom and "/" not in name and name not in _STANDARD_FINALIZERS:
            text = "name is neither a standard finalizer name nor is it fully qualified"
            yield Problem(f"metadata.finalizers[{index}]", f'Invalid value: "{name}": {text}')
    if {"orphan", "foregroundDeletion"} <= {*finalizers}:
        yield Problem("metadata.finalizers", "Invalid value: orphan and foregroundDeletion cannot be both set")


def _owners(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    field = "metadata.ownerReferences"
    references = metadata.get("ownerReferences") or ()
    for index, reference in enumerate(references):
        for name in _OWNER:
            value = reference.get(name) or ""
            if not value or (name == "apiVersion" and value.count("/") > 1):
                yield Problem(f"{field}[{index}].{name}", f'Invalid value: "{value}": must not be empty')
        if (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Event"):
            yield Problem(f"{field}[{index}]", "Invalid value: /v1, Kind=Event is disallowed from being an owner")
    if sum(reference.get("controller") is True for reference in references) > 1:
        yield Problem(field, "Invalid value: Only one reference can have Controller set to true")


def immutable(kind: FakeKind, name: str, field: str, value: object) -> APIStatusError:
    """Return the error for a change of a field that cannot change."""
    return invalid_fields(kind, name, [Problem(field, f'Invalid value: "{value}": field is immutable')])
