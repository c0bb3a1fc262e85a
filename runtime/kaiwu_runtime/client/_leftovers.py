"""Fields that no manager owns, which an apply leaves: the API server filled them in.

A default of another member of a union (``rollingUpdate`` beside ``type: Recreate``) makes the server reject the apply
at every try, and the old name of a field (``serviceAccount``) brings the new one back. A null in an apply does not take
out a field of a built-in kind; what does is to own the field and to apply without it.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import msgspec

from kaiwu_runtime._status_response import causes_in
from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.errors import InvalidError
from kaiwu_runtime.rest._answers import read_answer

_TEMPLATES = {
    ("apps", "DaemonSet"): "spec.template.spec",
    ("apps", "Deployment"): "spec.template.spec",
    ("apps", "ReplicaSet"): "spec.template.spec",
    ("apps", "StatefulSet"): "spec.template.spec",
    ("batch", "CronJob"): "spec.jobTemplate.spec.template.spec",
    ("", "ReplicationController"): "spec.template.spec",
}
_ALIASES = ("serviceAccount", "serviceAccountName")


class _ManagedFields(msgspec.Struct, rename="camel"):
    fields_v1: dict[str, Any] = {}


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str
    managed_fields: list[_ManagedFields] = []


class _Owned(msgspec.Struct):
    metadata: _Metadata


_owned = msgspec.json.Decoder(_Owned)
_document = msgspec.json.Decoder(dict[str, Any])


def forbidden_fields(error: InvalidError) -> list[str]:
    """Return the fields that a rejection says may not be there; those inside lists are left out."""
    fields = [
        str(cause.get("field") or "")
        for cause in causes_in(error.details)
        if cause.get("reason") == "FieldValueForbidden"
    ]
    return [field for field in dict.fromkeys(fields) if field.startswith("spec.") and "[" not in field]


def unowned(paths: Sequence[str], stored: bytes) -> list[str]:
    """Return those of the fields that an object has and no manager owns.

    Args:
        paths: Names joined by dots.
        stored: The object, with its managedFields.
    """
    content, metadata = _read(stored)
    owners = [entry.fields_v1 for entry in metadata.managed_fields]
    return [
        path
        for path in paths
        if _has(content, path.split(".")) and not any(_has(owner, _owned_path(path)) for owner in owners)
    ]


def aliases(identity: ResourceIdentity, body: bytes, answer: bytes) -> list[str]:
    """Return the fields of an old name that an apply has left, though it sets neither of the names.

    Args:
        identity: What was applied.
        body: The apply.
        answer: The object after it.
    """
    template = _TEMPLATES.get((identity.group, identity.kind))
    if template is None or b'"serviceAccount' in body or b'"serviceAccount":' not in answer:
        return []
    found = unowned([f"{template}.{name}" for name in _ALIASES], answer)
    return found if len(found) == len(_ALIASES) else []


def claim(stored: bytes, paths: Sequence[str], *, manager: str, api_version: str) -> list[dict[str, Any]]:
    """Return the JSON patch that makes a manager the only owner of fields; empty when the object has none of them.

    Args:
        stored: The object, with its managedFields.
        paths: Names joined by dots; lists are not entered.
        manager: The field manager that applies.
        api_version: What it applies.
    """
    content, checked = _read(stored)
    present = [path for path in paths if _has(content, path.split("."))]
    if not present:
        return []
    entries = deepcopy(content["metadata"].get("managedFields") or [])
    for entry in entries:
        for path in present:
            _drop(entry.get("fieldsV1") or {}, _owned_path(path))
    own = next((entry for entry in entries if _is_apply_of(entry, manager)), None)
    if own is None:
        own = {"manager": manager, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1"}
        entries.append(own)
    fields = own.setdefault("fieldsV1", {})
    for path in present:
        parent, value = fields, content
        for name in path.split("."):
            value = value[name]
            inner = parent.get(f"f:{name}")
            parent[f"f:{name}"] = parent = inner if isinstance(inner, dict) else {}
        parent.update(_fields_of(value))
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": entries},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": checked.resource_version},
    ]


def _read(stored: bytes) -> tuple[dict[str, Any], _Metadata]:
    """Return the content of an object, and of its metadata what is needed here, with the types that it must have."""
    return read_answer(_document, stored, "object"), read_answer(_owned, stored, "object").metadata


def _is_apply_of(entry: Mapping[str, Any], manager: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource")


def _fields_of(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    return {".": {}, **{f"f:{name}": _fields_of(part) for name, part in value.items()}}


def _drop(fields: dict[str, Any], path: list[str]) -> None:
    for name in path[:-1]:
        inner = fields.get(name)
        fields = inner if isinstance(inner, dict) else {}
    fields.pop(path[-1], None)


def _has(content: Mapping[str, Any], path: list[str]) -> bool:
    current: Any = content
    for name in path:
        if not isinstance(current, Mapping) or name not in current:
            return False
        current = current[name]
    return True


def _owned_path(path: str) -> list[str]:
    return [f"f:{name}" for name in path.split(".")]
