"""The status of an object with several writers: the changes of all are made, and what one removes is removed.

The items of a list are named as the API server names them, by their keys, or by their values in a set; ``conditions``
by their type in any case. Other lists are values.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.client._managed_items import Trees, by_item, inner, is_map, items_by_name, status_fields

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_MISSING: Any = object()


def merged_status(base: bytes, wanted: bytes, stored: bytes, managed: Sequence[Mapping[str, Any]] = ()) -> msgspec.Raw:
    """Return the stored status with the changes that lead from a base to what is wanted.

    What both changed becomes as it is wanted.

    Args:
        base: The JSON of the status that was read.
        wanted: What the reader has made of it.
        stored: What other writers have made of it meanwhile.
        managed: The object's managed fields, which tell what kind of list a list is.
    """
    fields = status_fields(managed)
    return msgspec.Raw(_encode(_merged("status", _decode(base), _decode(wanted), _decode(stored), fields)))


class Difference(NamedTuple):
    """What a status makes of another one.

    Attributes:
        changes: Whether they are two; the API server has its own order of the keys of a map, which makes no difference.
        removes: Whether something of the other one is not wanted any more.
    """

    changes: bool
    removes: bool


def difference(base: bytes, wanted: bytes) -> Difference:
    """Return what a wanted status makes of a base.

    Every write of a status asks it. That its field manager alone owns the status does not answer whether it removes
    something: a part may belong to none, as a default of the CRD does.
    """
    # By their bytes at first: most are the same, or the first status of an object.
    if wanted == base:
        return _SAME
    if base == b"{}":
        return _ADDED
    was, now = _decode(base), _decode(wanted)
    return Difference(changes=was != now or not json_equal(was, now), removes=_lacks(now, was))


_SAME = Difference(changes=False, removes=False)
_ADDED = Difference(changes=True, removes=False)


def removal_patch(
    base: bytes, wanted: bytes, stored: object, managed: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the JSON merge patch that takes out what an apply has left, because other managers have set it too.

    Args:
        base: The JSON of the status that was read.
        wanted: What was made of it, and applied.
        stored: The status after that.
        managed: The object's managed fields after that, which tell what kind of list a list is.

    Returns:
        The members of the status to patch; empty if what was removed is gone.
    """
    return _left(_decode(base), _decode(wanted), stored, status_fields(managed))


def _lacks(wanted: Any, base: Any) -> bool:  # noqa: ANN401 - any JSON
    if type(base) is not dict or type(wanted) is not dict:
        return False
    if not base.keys() <= wanted.keys():
        return True
    for name, was in base.items():
        kind = type(was)
        if kind is dict:
            if _lacks(wanted[name], was):
                return True
        elif kind is list and (now := wanted[name]) != was and (name != "conditions" or _lacks_condition(now, was)):
            return True
    return False


def _lacks_condition(wanted: Any, base: list[Any]) -> bool:  # noqa: ANN401 - any JSON
    """Return whether conditions may have lost one, or one of them a member."""
    ours = _by_type(wanted)
    if ours is None or _by_type(base) is None:
        return True
    for was in base:
        now = ours.get(was["type"])
        if now is None or _lacks(now, was):
            return True
    return False


def _left(base: Any, wanted: Any, stored: Any, fields: Trees) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    patch: dict[str, Any] = {}
    if not (isinstance(base, Mapping) and isinstance(wanted, Mapping) and isinstance(stored, Mapping)):
        return patch
    for name, was in base.items():
        if name not in stored:
            continue
        there, trees = stored[name], inner(fields, f"f:{name}")
        kept = _items(was, wanted.get(name, []), there, trees)
        if kept is not None:
            if kept != there:
                patch[name] = kept or (None if name not in wanted else [])
        elif name not in wanted:
            patch[name] = None
        elif found := _left(was, wanted[name], there, trees):
            patch[name] = found
    return patch


def _items(base: Any, wanted: Any, stored: Any, fields: Trees) -> list[Any] | None:  # noqa: ANN401 - any JSON
    """Return the items of a stored list without what was removed; None where items have no names."""
    named = items_by_name((base, wanted, stored), fields)
    if named is None:
        return None
    before, ours, theirs = named
    trees = by_item(fields)
    found = []
    for name, item in theirs.items():
        if name not in before:
            found.append(item)
        elif name in ours:
            found.append(_patched(item, _left(before[name], ours[name], item, inner(trees, name))))
    return found


def _patched(value: Any, patch: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return a value after a merge patch that only removes."""
    if not patch:
        return value
    found = dict(value)
    for name, part in patch.items():
        if part is None:
            del found[name]
        else:
            found[name] = _patched(found[name], part) if isinstance(part, dict) else part
    return found


def _merged(name: str, base: Any, wanted: Any, stored: Any, fields: Trees) -> Any:  # noqa: ANN401 - any JSON
    if wanted is base or (wanted is not _MISSING and base is not _MISSING and json_equal(wanted, base)):
        return stored
    if isinstance(wanted, Mapping) and isinstance(stored, Mapping):
        return _members(base if isinstance(base, Mapping) else {}, wanted, stored, fields)
    if isinstance(base, Mapping) and is_map(fields):
        ours, theirs = ({} if each is _MISSING else each for each in (wanted, stored))
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):  # one has removed it, with what it knew of
            return _members(base, ours, theirs, fields) or (wanted if wanted == {} else _MISSING)
    lists = [[] if each is _MISSING else each for each in (base, wanted, stored)]
    conditions = [each for each in map(_by_type, lists) if each is not None] if name == "conditions" else []
    if len(conditions) == len(lists):
        found = _conditions(*conditions)
    else:
        named = items_by_name(lists, fields)
        if named is None:
            return wanted
        found = _merged_items(named, by_item(fields))
    return found or (_MISSING if wanted is _MISSING else [])


def _members(
    base: Mapping[str, Any], wanted: Mapping[str, Any], stored: Mapping[str, Any], fields: Trees
) -> dict[str, Any]:
    found = {
        name: _merged(
            name,
            base.get(name, _MISSING),
            wanted.get(name, _MISSING),
            stored.get(name, _MISSING),
            inner(fields, f"f:{name}"),
        )
        for name in {**stored, **wanted}
    }
    return {name: value for name, value in found.items() if value is not _MISSING}


def _conditions(base: Mapping[str, Any], wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> list[Any]:
    """Merge conditions by their types; each is a whole, as its status and its reason belong together."""
    found = []
    for type_ in {**stored, **wanted}:
        mine, was = wanted.get(type_), base.get(type_)
        kept = stored.get(type_) if json_equal(mine, was) else mine
        if kept is not None:
            found.append(kept)
    return found


def _merged_items(named: Sequence[Mapping[str, Any]], fields: Trees) -> list[Any]:
    base, wanted, stored = named
    found = [
        _merged(
            "", base.get(name, _MISSING), wanted.get(name, _MISSING), stored.get(name, _MISSING), inner(fields, name)
        )
        for name in {**wanted, **stored}  # in the order that is wanted
    ]
    return [item for item in found if item is not _MISSING]


def _by_type(conditions: Any) -> dict[str, dict[str, Any]] | None:  # noqa: ANN401 - any JSON
    """Return conditions by their types; None where an item has none, or two have the same."""
    found = {}
    if type(conditions) is not list:
        return None
    for each in conditions:
        name = each.get("type") if type(each) is dict else None
        if type(name) is not str:
            return None
        found[name] = each
    return found if len(found) == len(conditions) else None
