"""The part of a status that its field manager applies, where others apply parts too.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.client._managed_items import (
    Trees,
    by_item,
    has_members,
    inner,
    items_by_name,
    keys_of,
    status_fields,
)
from kaiwu_runtime.client._status_merge import removal_patch

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_MISSING: Any = object()


def own_part(wanted: bytes, stored: bytes, managed: Sequence[Mapping[str, Any]], manager: str) -> msgspec.Raw:
    """Return what a field manager applies of a status, so that it does not become an owner of what others apply.

    That is what the manager owns already, and what the apply changes. An apply leaves the rest as it is: only what its
    manager owned before and does not send any more is removed.

    Args:
        wanted: The JSON of the whole status that is wanted.
        stored: The status as it is stored.
        managed: The object's managed fields.
        manager: The field manager.

    Returns:
        All that is wanted, if no other manager applies the status.
    """
    applies = _applies(managed)
    if all(each.get("manager") == manager for each in applies):
        return msgspec.Raw(wanted)
    ours = status_fields([each for each in applies if each.get("manager") == manager])
    found = _own("status", _decode(wanted), _decode(stored), ours, status_fields(managed))
    return msgspec.Raw(b"{}" if found is _MISSING else _encode(found))


def changes_nothing(
    part: bytes, wanted: bytes, stored: bytes, managed: Sequence[Mapping[str, Any]], manager: str
) -> bool:
    """Return whether a write of a status that others apply too would leave it as it is.

    That is so when it is wanted in another order only: an apply orders its own items, but not among those of others,
    and each reconcile would write again.

    Args:
        part: What would be applied, see `own_part`.
        wanted: The JSON of the whole status that is wanted, as `merged_status` returns it.
        stored: The status as it is stored.
        managed: The object's managed fields.
        manager: The field manager.
    """
    if all(each.get("manager") == manager for each in _applies(managed)):
        return False
    there = _decode(stored)
    if len(_encode(there)) != len(wanted):  # as after most changes, and quickly compared
        return False
    if not json_equal(_decode(part), _decode(own_part(stored, stored, managed, manager))):
        return False
    return not removal_patch(stored, wanted, there, managed)


def _applies(managed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in managed if (each.get("operation"), each.get("subresource")) == ("Apply", "status")]


def _own(name: str, wanted: Any, stored: Any, ours: Trees, fields: Trees) -> Any:  # noqa: ANN401 - any JSON
    """Return what is applied of a part of a status; nothing if it is all theirs."""
    if not ours and json_equal(wanted, stored):
        return _MISSING
    found: dict[str, Any] | list[Any]
    if isinstance(wanted, Mapping) and isinstance(stored, Mapping) and has_members(fields):
        found = _own_members(wanted, stored, ours, fields)
    else:
        named = items_by_name((wanted, stored), fields)
        if named is None:
            return wanted
        found = _own_items(name, named, by_item(ours), by_item(fields))
    # What is owned as a whole too is removed as a whole by an apply without it, with all that others have set in it.
    return found if found or not wanted or any("." in tree for tree in ours) else _MISSING


def _own_members(wanted: Mapping[str, Any], stored: Mapping[str, Any], ours: Trees, fields: Trees) -> dict[str, Any]:
    found = {
        name: _own(name, value, stored.get(name, _MISSING), inner(ours, f"f:{name}"), inner(fields, f"f:{name}"))
        for name, value in wanted.items()
    }
    return {name: value for name, value in found.items() if value is not _MISSING}


def _own_items(list_name: str, named: Sequence[Mapping[str, Any]], ours: Trees, fields: Trees) -> list[Any]:
    wanted, stored = named
    found = []
    for name, item in wanted.items():
        mine, there = inner(ours, name), stored.get(name, _MISSING)
        if list_name == "conditions" and mine:
            part = item  # a condition is a whole, as its status and its reason belong together
        elif list_name == "conditions":
            part = item if there is _MISSING or not json_equal(item, there) else _MISSING
        else:
            part = _own("", item, there, mine, inner(fields, name))
        if part is not _MISSING:
            found.append({**part, **keys_of(name)} if isinstance(part, dict) else part)
    return found
