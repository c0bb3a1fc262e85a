"""Rules of an API server for writes: which part of an object, which version, and what is normalised.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

from kaiwu_runtime._unsigned import unsigned
from kaiwu_runtime.testing._fields import Path, children, flat, item_elements
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._ownership import dotted
from kaiwu_runtime.testing._refusals import invalid, invalid_fields, modified, refusal
from kaiwu_runtime.testing._stored_times import with_stored_times
from kaiwu_runtime.testing._validation import check_metadata, immutable

Object = dict[str, Any]

DELETION = ("deletionTimestamp", "deletionGracePeriodSeconds")
"""What marks an object as deleted."""

_KEPT = ("name", "namespace", "uid", "creationTimestamp", "generation")
_PLAIN = frozenset({"data", "binaryData"})


class WriteOptions(NamedTuple):
    """The options of a request.

    Attributes:
        manager: The field manager.
        dry_run: Answer and store nothing.
        subresource: ``status``, ``scale``, or empty.
        force: For an apply: take over what others own.
    """

    manager: str
    dry_run: bool = False
    subresource: str = ""
    force: bool = False


def folded(kind: FakeKind, obj: Object) -> Object:
    """Return an object as a server stores it: a Secret's ``stringData`` in its ``data``, and times in their form."""
    obj = with_stored_times(kind, obj)
    texts = obj.get("stringData")
    if (kind.identity.group, kind.identity.kind) != ("", "Secret") or not isinstance(texts, dict):
        return obj
    found = {name: part for name, part in obj.items() if name != "stringData"}
    encoded = {name: b64encode(str(text).encode()).decode() for name, text in texts.items()}
    return {**found, "data": {**(obj.get("data") or {}), **encoded}} if encoded else found


def check_type(kind: FakeKind, obj: Mapping[str, Any]) -> None:
    """Reject an object of another kind than its path says."""
    identity = kind.identity
    if (obj.get("apiVersion"), obj.get("kind")) != (identity.api_version, identity.kind):
        raise refusal(400, f"the object is a {obj.get('kind')} of {obj.get('apiVersion')}; {identity} was expected")


def check_versions(kind: FakeKind, old: Object, sent: Mapping[str, Any], options: WriteOptions) -> None:
    """Reject a write whose metadata names another uid or an older resourceVersion than the object has."""
    uid, version = sent.get("uid"), sent.get("resourceVersion")
    _check_version(kind, old, version)
    # The metadata of a custom resource that comes with its status is not looked at, but for its version.
    if uid and uid != old["metadata"]["uid"] and not (options.subresource and kind.custom):
        raise invalid(kind, old["metadata"]["name"], "metadata.uid", f'Invalid value: "{uid}": field is immutable')


def check_version_form(version: str | None) -> None:
    """Reject a resourceVersion that is not a number."""
    if version and unsigned(version) is None:
        raise refusal(500, f'strconv.ParseUint: parsing "{version}": invalid syntax', reason="")


def check_duplicates(config: Mapping[str, Any]) -> None:
    """Reject an applied configuration in which two items of a list have the same key, or a set has a value twice."""

    def visit(path: Path, value: object) -> None:
        elements = item_elements(path, value) if isinstance(value, list) else None
        if elements is not None and len({*elements}) < len(elements):
            twice = next(element for element in elements if elements.count(element) > 1)
            text = f"failed to create typed patch object: {dotted(path)}: duplicate entries for key {twice[2:]}"
            raise refusal(500, text, reason="")
        for element, part in children(path, value):
            visit((*path, element), part)

    visit((), dict(config))


def _check_version(kind: FakeKind, old: Object, version: str | None) -> None:
    check_version_form(version)
    if version in {"", "0"}:
        if kind.custom:
            problem = "Invalid value: 0: must be specified for an update"
            raise invalid(kind, old["metadata"]["name"], "metadata.resourceVersion", problem)
        return  # any version, for Kubernetes' own kinds
    if version and version != old["metadata"]["resourceVersion"]:
        raise modified(kind, old["metadata"]["name"])


def check_nulls(kind: FakeKind, old: Object, new: Object) -> None:
    """Reject what an API server rejects too: an object or list of a custom resource that an apply has emptied.

    A manager that sends it empty, and owned what was in it, leaves a null there, which no schema allows.
    """
    if kind.custom:
        nulls = [path for path, value in flat(new).items() if value is None and path[0] != "f:metadata"]
        added = [path for path in nulls if flat(old).get(path, path) is not None]
        if added:
            problems = [(dotted(path).lstrip("."), "Invalid value: null") for path in added]
            raise invalid_fields(kind, old["metadata"]["name"], problems)


def constrained(kind: FakeKind, old: Object, wanted: Object, options: WriteOptions) -> Object:
    """Return what a write may make of an object: the status by its subresource, everything else without it."""
    if options.subresource == "scale":
        return {**wanted, "metadata": {**old["metadata"]}}  # all but the number of replicas comes from the object
    if options.subresource:
        new = {**old, "status": wanted.get("status")}
        if _is_deployment(kind):  # whose controller writes its revision with the status
            metadata = {**old["metadata"], "annotations": (wanted.get("metadata") or {}).get("annotations")}
            new["metadata"] = {name: part for name, part in metadata.items() if part or name != "annotations"}
    else:
        new = {**wanted, "status": old.get("status")} if kind.status else dict(wanted)
    if new.get("status") is None:
        new.pop("status", None)
    if options.subresource:
        return {**new, "metadata": {**new["metadata"]}}
    before, metadata = old["metadata"], dict(wanted.get("metadata") or {})
    _check_deletion(kind, before, metadata)
    for name in (*_KEPT, *DELETION, "managedFields", "resourceVersion", "selfLink"):
        metadata.pop(name, None)
        if name in before:
            metadata[name] = before[name]
    if wanted.get("metadata", {}).get("name", before["name"]) != before["name"]:
        raise refusal(400, "the name of the object does not match the name on the URL")
    if before.get("namespace") and (wanted.get("metadata") or {}).get("namespace") not in {None, before["namespace"]}:
        raise refusal(400, "the namespace of the provided object does not match the namespace sent on the request")
    added = {*(metadata.get("finalizers") or ())} - {*(before.get("finalizers") or ())}
    if "deletionTimestamp" in before and added:
        text = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        raise invalid(kind, before["name"], "metadata.finalizers", text + ", ".join(sorted(added)))
    new = {**new, "metadata": metadata}
    tidy(kind, new)
    check_metadata(kind, new, new=False)
    return new


def _check_deletion(kind: FakeKind, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Reject a write that sets or changes the deletion timestamp; one that leaves it out keeps it."""
    for name in DELETION:
        value = wanted.get(name)
        if value is not None and value != before.get(name) and not (name in before and name == DELETION[0]):
            raise immutable(kind, before["name"], f"metadata.{name}", value)


def tidy(kind: FakeKind, obj: Object) -> None:
    """Drop what a typed object does not keep: nulls, and the empty collections of metadata and of plain data."""
    metadata = obj["metadata"]
    if owners := metadata.get("ownerReferences"):
        metadata["ownerReferences"] = [owner for index, owner in enumerate(owners) if owner not in owners[:index]]
    for name in ("labels", "annotations", "finalizers", "ownerReferences"):
        if not metadata.get(name):
            metadata.pop(name, None)
    if not kind.custom:
        for name in [name for name, part in obj.items() if part is None or (name in _PLAIN and not part)]:
            del obj[name]
        for name, part in obj.items():
            obj[name] = _without_nulls(part)


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if not _has_null(value):
        return value
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value


def _has_null(value: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return any(part is None or _has_null(part) for part in value.values())
    return isinstance(value, list) and any(_has_null(part) for part in value)


def counted(kind: FakeKind, obj: Object) -> Object:
    """Return the part of an object whose changes make a new generation."""
    if _is_deployment(kind):  # annotations are copied to its ReplicaSets
        return {"spec": obj.get("spec"), "annotations": obj["metadata"].get("annotations") or None}
    if not kind.custom:
        return {"spec": obj.get("spec")}
    return {name: part for name, part in obj.items() if name != "metadata" and not (name == "status" and kind.status)}


def _is_deployment(kind: FakeKind) -> bool:
    return (kind.identity.group, kind.identity.kind) == ("apps", "Deployment")
