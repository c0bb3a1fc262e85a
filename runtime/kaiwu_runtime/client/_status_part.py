"""The part of a status that its field manager applies, where others apply parts too.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.client._managed_items import (
    Trees,
    by_item,
    has_items,
    has_members,
    has_other_versions,
    inner,
    is_map,
    items_by_name,
    keys_of,
    naming,
    status_fields,
)
from kaiwu_runtime.client._status_merge import removal_patch

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_MISSING: Any = object()


class Part(NamedTuple):
    """What a field manager knows when it applies its part of a status.

    Attributes:
        stored: The status as it is stored.
        managed: The object's managed fields.
        manager: The field manager.
        version: The apiVersion in which it applies.
        described: What the status's type tells of its JSON, in the form of managed fields, where those are of other
            versions, see `naming`. What is managed as a whole stays one: the CRD may be older than the type.
    """

    stored: bytes
    managed: Sequence[Mapping[str, Any]]
    manager: str
    version: str
    described: Sequence[Mapping[str, Any]] = ()

    @property
    def _naming(self) -> Sequence[Mapping[str, Any]]:
        return naming(self.managed, self.version, self.described)

    @property
    def is_whole(self) -> bool:
        """Whether no other manager applies the status."""
        return all(each.get("manager") == self.manager for each in _applies(self.managed))

    def of(self, wanted: bytes) -> msgspec.Raw:
        """Return what the manager applies of a status, so that it does not become an owner of what others apply.

        That is what the manager owns already, and what the apply changes. An apply leaves the rest as it is: only what
        its manager owned before and does not send any more is removed.

        Where the manager has applied another version of the kind before, managed fields have the names of that one, and
        the API server converts them: then it is all that no other manager is known to apply.

        Args:
            wanted: The JSON of the whole status that is wanted.

        Returns:
            All that is wanted, if no other manager applies the status.
        """
        if self.is_whole:
            return msgspec.Raw(wanted)
        applies = _applies(self.managed)
        mine = [each for each in applies if each.get("manager") == self.manager]
        theirs = None
        if has_other_versions(mine, self.version):
            theirs = status_fields([each for each in applies if each not in mine])
        fields = status_fields(self.managed)
        names = status_fields(self._naming) if self.described else fields
        owners = _Owners(status_fields(mine), theirs, fields, names)
        found = _own("status", _decode(wanted), _decode(self.stored), owners)
        return msgspec.Raw(b"{}" if found is _MISSING else _encode(found))

    def changes_nothing(self, part: bytes, wanted: bytes) -> bool:
        """Return whether a write of a status that others apply too would leave it as it is.

        That is so when it is wanted in another order only: an apply orders its own items, but not among those of
        others, and each reconcile would write again.

        Args:
            part: What would be applied, see `of`.
            wanted: The JSON of the whole status that is wanted, as `merged_status` returns it.
        """
        if self.is_whole:
            return False
        there = _decode(self.stored)
        if len(_encode(there)) != len(wanted):  # as after most changes, and quickly compared
            return False
        if not json_equal(_decode(part), _decode(self.of(self.stored))):
            return False
        return not removal_patch(self.stored, wanted, there, self._naming)


class _Owners(NamedTuple):
    """Who owns what at one place.

    Attributes:
        ours: What the manager owns.
        theirs: What others apply, where the manager may own more than `ours` tells; else None.
        fields: What all managers own.
        naming: What tells the names of a list's items, and which objects are maps.
    """

    ours: Trees
    theirs: Trees | None
    fields: Trees
    naming: Trees

    @property
    def may_be_ours(self) -> bool:
        return bool(self.ours) or self.theirs == []

    @property
    def has_members(self) -> bool:
        return has_members(self.fields) or (not self.fields and is_map(self.naming))

    @property
    def items(self) -> Trees:
        """What tells the names of a list's items; nothing of a list that is owned as a whole."""
        return self.naming if has_items(self.fields) or not self.fields else ()

    def inner(self, name: str) -> _Owners:
        return self._each(lambda trees: inner(trees, name))

    def by_item(self) -> _Owners:
        return self._each(by_item)

    def _each(self, change: Callable[[Trees], Trees]) -> _Owners:
        ours, theirs, fields, names = self
        changed = change(fields)
        names = changed if names is fields else change(names)
        return _Owners(change(ours), None if theirs is None else change(theirs), changed, names)


def _applies(managed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for each in managed if (each.get("operation"), each.get("subresource")) == ("Apply", "status")]


def _own(name: str, wanted: Any, stored: Any, owners: _Owners) -> Any:  # noqa: ANN401 - any JSON
    """Return what is applied of a part of a status; nothing if it is all theirs."""
    ours, theirs = owners.ours, owners.theirs
    is_theirs = not ours and json_equal(wanted, stored)
    if is_theirs and theirs is None:
        return _MISSING
    if is_theirs and not theirs:  # of which a manager of another version may be the owner
        return wanted
    found: dict[str, Any] | list[Any]
    if isinstance(wanted, Mapping) and isinstance(stored, Mapping) and owners.has_members:
        found = _own_members(wanted, stored, owners)
    else:
        named = items_by_name((wanted, stored), owners.items)
        if named is None:
            return _MISSING if is_theirs else wanted
        found = _own_items(name, named, owners.by_item())
    # What is owned as a whole too is removed as a whole by an apply without it, with all that others have set in it.
    return found if found or not wanted or any("." in tree for tree in ours) else _MISSING


def _own_members(wanted: Mapping[str, Any], stored: Mapping[str, Any], owners: _Owners) -> dict[str, Any]:
    found = {
        name: _own(name, value, stored.get(name, _MISSING), owners.inner(f"f:{name}")) for name, value in wanted.items()
    }
    return {name: value for name, value in found.items() if value is not _MISSING}


def _own_items(list_name: str, named: Sequence[Mapping[str, Any]], owners: _Owners) -> list[Any]:
    wanted, stored = named
    found = []
    for name, item in wanted.items():
        mine, there = owners.inner(name), stored.get(name, _MISSING)
        if list_name == "conditions" and mine.may_be_ours:
            part = item  # a condition is a whole, as its status and its reason belong together
        elif list_name == "conditions":
            part = item if there is _MISSING or not json_equal(item, there) else _MISSING
        else:
            part = _own("", item, there, mine)
        if part is not _MISSING:
            found.append({**part, **keys_of(name)} if isinstance(part, dict) else part)
    return found
