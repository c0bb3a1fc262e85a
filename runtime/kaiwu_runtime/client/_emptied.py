"""Maps and lists that an apply would leave empty: the API server makes them null, which the schema rejects.

That is so for custom resources, when the last members of a map are removed and the map itself is still owned, by the
apply that has it empty or by another manager, such as one that has once updated it to be empty. The same holds for a
list whose items have names. Each further apply would be rejected as well.

See https://github.com/kubernetes-sigs/structured-merge-diff
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from kaiwu_runtime._status_response import causes_in
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.client._apply_body import version_in
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._request_options import PatchType
from kaiwu_runtime.errors import InvalidError
from kaiwu_runtime.rest._answers import read_answer

EMPTIED_ATTEMPTS = 5
"""How often an apply is sent: when a map is removed, the one that it was in may be empty."""

_APPLY, _MERGE = PatchType.APPLY.value, PatchType.MERGE.value
_NULLS = ('Invalid value: "null"', "Invalid value: null")
_MEMBERS = ("f:", "k:", "v:")
_MISSING: Any = object()
_json = msgspec.json.Encoder()


class _Entry(msgspec.Struct, rename="camel"):
    manager: str = ""
    operation: str = ""
    subresource: str = ""
    fields_v1: dict[str, Any] = {}

    @property
    def owner(self) -> tuple[str, str, str]:
        return (self.manager, self.operation, self.subresource)


class _Metadata(msgspec.Struct, rename="camel"):
    managed_fields: list[_Entry] | None = None


class _Owned(msgspec.Struct):
    metadata: _Metadata


_owned = msgspec.json.Decoder(_Owned)
_document = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class RejectedApply:
    """An apply that the API server has rejected.

    Attributes:
        paths: Request paths of the object and of what was applied, which may be its status.
        body: What was sent.
        params: Its query.
    """

    paths: tuple[str, str]
    body: bytes
    params: Mapping[str, str]

    @property
    def owner(self) -> tuple[str, str, str]:
        """What its entry in managed fields is called."""
        return (self.params["fieldManager"], "Apply", "" if self.paths[0] == self.paths[1] else "status")


async def remove_emptied(
    client: BaseClient, kind: type[Any], key: ObjectKey, rejected: RejectedApply, error: InvalidError
) -> bool:
    """Remove the maps and lists that an apply would leave empty, so that it can be sent again.

    In the items of lists, that is done by an apply without them.

    Args:
        client: Sends the requests.
        kind: What was applied.
        key: The object's.
        rejected: The apply.
        error: Why it was rejected.

    Returns:
        Whether there were any, or another writer has filled or removed them meanwhile; False if the apply was rejected
        for another reason.

    Raises:
        ConflictError: The object has changed meanwhile.
        APIError: Any other failure.
    """
    fields = null_fields(error)
    path, sent_to = rejected.paths
    stored = await client.transport.request("GET", path) if fields else b"{}"
    content = read_answer(_document, stored, "object")
    readings = [[*_readings(content, names)] for names in fields]
    outside = [found for each in readings for found in each]
    manager = rejected.params["fieldManager"]
    applied = read_answer(_document, rejected.body, "apply")
    sent = False
    if outside and (patch := emptied_maps(outside, rejected, stored)):
        with client._attempt(kind, key):  # noqa: SLF001 - of this package
            answer = await client.transport.request(
                "PATCH", sent_to, params={"fieldManager": manager}, body=_json.encode(patch), content_type=_MERGE
            )
        if "resourceVersion" in applied["metadata"]:
            applied["metadata"]["resourceVersion"] = version_in(answer)
        sent = True
    # A merge patch does not reach into lists; but what is sent empty there is rarely owned by others too.
    if not all(readings) and (less := _without_empty(applied)) != applied:
        with client._attempt(kind, key, begun=sent):  # noqa: SLF001 - of this package
            await client.transport.request(
                "PATCH", sent_to, params=rejected.params, body=_json.encode(less), content_type=_APPLY
            )
        sent = True
    return sent or any(
        _is_outdated(names, found, rejected, stored) for names, found in zip(fields, readings, strict=True)
    )


def null_fields(error: InvalidError) -> list[list[str]]:
    """Return the names of the fields that a rejection says are null."""
    fields = [
        str(cause.get("field") or "")
        for cause in causes_in(error.details)
        if str(cause.get("message") or "").startswith(_NULLS)
    ]
    return [field.split(".") for field in dict.fromkeys(fields) if field]


def emptied_maps(fields: Sequence[Sequence[str]], rejected: RejectedApply, stored: bytes) -> dict[str, Any]:
    """Return the merge patch that removes those of the fields that are maps or lists of which an apply keeps nothing.

    Args:
        fields: Their names, from the object on.
        rejected: The apply.
        stored: The object, with its managedFields.
    """
    applied, content = read_answer(_document, rejected.body, "apply"), read_answer(_document, stored, "object")
    others = _others(rejected, stored)
    patch: dict[str, Any] = {}
    for names in fields:
        value, wanted = _at(content, names), _at(applied, names)
        if not isinstance(value, Mapping | list) or (wanted is not _MISSING and wanted not in ({}, [])):
            continue
        if _have_members(others, names):
            continue  # they stay, so that it is not empty any more
        inner = patch
        for name in names[:-1]:
            inner = inner.setdefault(name, {})
        inner[names[-1]] = None
    return {**patch, "metadata": {"resourceVersion": content["metadata"]["resourceVersion"]}} if patch else {}


def _is_outdated(names: Sequence[str], found: Sequence[Sequence[str]], rejected: RejectedApply, stored: bytes) -> bool:
    """Return whether an apply would not leave a field empty any more, as another writer has changed it meanwhile."""
    if any("[" in name for name in names):  # in a list, where it is not looked for
        return False
    if _at(read_answer(_document, rejected.body, "apply"), names) not in (_MISSING, {}, []):
        return False
    others = _others(rejected, stored)
    return not found or any(_have_members(others, each) for each in found)


def _others(rejected: RejectedApply, stored: bytes) -> list[dict[str, Any]]:
    """Return what other managers own."""
    managed = read_answer(_owned, stored, "object").metadata.managed_fields
    return [each.fields_v1 for each in managed or () if each.owner != rejected.owner]


def _readings(content: object, names: Sequence[str]) -> Iterator[list[str]]:
    """Yield each way to read the names of a field as those of its object, none of one in a list: a key may have dots.

    With the keys ``a`` and ``a.b`` in one map there may be several.
    """
    if not isinstance(content, Mapping):
        return
    for count in range(1, len(names)):
        key = ".".join(names[:count])
        if key in content:
            yield from ([key, *found] for found in _readings(content[key], names[count:]))
    if (key := ".".join(names)) in content:
        yield [key]


def _without_empty(value: Any, *, in_list: bool = False) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON without the empty maps and lists in the items of its lists."""
    if isinstance(value, list):
        return [_without_empty(each, in_list=True) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_empty(part, in_list=in_list)
        for name, part in value.items()
        if not (in_list and part in ({}, []))
    }


def _at(content: object, names: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON
    for name in names:
        if not isinstance(content, Mapping) or name not in content:
            return _MISSING
        content = content[name]
    return content


def _have_members(trees: Sequence[Mapping[str, Any]], names: Sequence[str]) -> bool:
    """Return whether managed fields have anything in a field."""
    found = [_at(tree, [f"f:{name}" for name in names]) for tree in trees]
    return any(name.startswith(_MEMBERS) for tree in found if isinstance(tree, Mapping) for name in tree)
