"""The status of an object with several writers: the changes of all are made, and what one removes is removed.

Lists are values, except ``conditions``, whose items are named by their type. What is removed from a list is named as
the API server names it: by the keys of its items, or by their values in a set.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kaiwu_runtime._json_equality import json_equal

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_MISSING: Any = object()

_Trees = Sequence[Mapping[str, Any]]
"""What managed fields have at one place, a tree for each manager."""


def merged_status(base: bytes, wanted: bytes, stored: bytes) -> msgspec.Raw:
    """Return the stored status with the changes that lead from a base to what is wanted.

    What both changed becomes as it is wanted.

    Args:
        base: The JSON of the status that was read.
        wanted: What the reader has made of it.
        stored: What other writers have made of it meanwhile.
    """
    return msgspec.Raw(_encode(_merged("status", _decode(base), _decode(wanted), _decode(stored))))


def removes(base: bytes, wanted: bytes) -> bool:
    """Return whether something of a base is not wanted any more.

    Every write of a status asks it. That its field manager alone owns the status does not answer it: a part may belong
    to none, as a default of the CRD does.
    """
    return _lacks(_decode(wanted), _decode(base))


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
    trees = [each.get("fieldsV1") or {} for each in managed]
    return _left(_decode(base), _decode(wanted), stored, _inner(trees, "f:status"))


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
    applies = [each for each in managed if (each.get("operation"), each.get("subresource")) == ("Apply", "status")]
    if all(each.get("manager") == manager for each in applies):
        return msgspec.Raw(wanted)
    ours = _inner([each.get("fieldsV1") or {} for each in applies if each.get("manager") == manager], "f:status")
    fields = _inner([each.get("fieldsV1") or {} for each in managed], "f:status")
    there = _decode(stored)
    found = {
        name: _own(value, there.get(name, _MISSING), _inner(ours, f"f:{name}"), _inner(fields, f"f:{name}"))
        for name, value in _decode(wanted).items()
    }
    return msgspec.Raw(_encode({name: value for name, value in found.items() if value is not _MISSING}))


def _own(wanted: Any, stored: Any, ours: _Trees, fields: _Trees) -> Any:  # noqa: ANN401 - any JSON
    """Return a member of a status as it is applied: of a list whose items have names, some of the items."""
    if not ours and json_equal(wanted, stored):
        return _MISSING
    named = _named_lists((wanted, stored), fields)
    if named is None:
        return wanted
    now, there = named
    found = [
        item
        for name, item in now.items()
        if _inner(ours, name) or name not in there or not json_equal(item, there[name])
    ]
    return found if found or not wanted else _MISSING


def _lacks(wanted: Any, base: Any) -> bool:  # noqa: ANN401 - any JSON
    if type(base) is not dict or type(wanted) is not dict:
        return False
    if not base.keys() <= wanted.keys():
        return True
    for name, was in base.items():
        kind = type(was)
        if (kind is dict and _lacks(wanted[name], was)) or (kind is list and _loses(name, wanted[name], was)):
            return True
    return False


def _loses(name: str, wanted: Any, base: list[Any]) -> bool:  # noqa: ANN401 - any JSON
    """Return whether a list may lose an item, or a condition a member."""
    if name == "conditions" and _has_types(base) and _has_types(wanted):
        ours = {each["type"]: each for each in wanted}
        return any(each["type"] not in ours or _lacks(ours[each["type"]], each) for each in base)
    return bool(wanted != base)


def _left(base: Any, wanted: Any, stored: Any, fields: _Trees) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    patch: dict[str, Any] = {}
    if not (isinstance(base, Mapping) and isinstance(wanted, Mapping) and isinstance(stored, Mapping)):
        return patch
    for name, was in base.items():
        if name not in stored:
            continue
        there, inner = stored[name], _inner(fields, f"f:{name}")
        kept = _items(was, wanted.get(name, []), there, inner)
        if kept is not None:
            if kept != there:
                patch[name] = kept or (None if name not in wanted else [])
        elif name not in wanted:
            patch[name] = None
        elif found := _left(was, wanted[name], there, inner):
            patch[name] = found
    return patch


def _items(base: Any, wanted: Any, stored: Any, fields: _Trees) -> list[Any] | None:  # noqa: ANN401 - any JSON
    """Return the items of a stored list without what was removed; None where items have no names."""
    named = _named_lists((base, wanted, stored), fields)
    if named is None:
        return None
    before, ours, theirs = named
    found = []
    for name, item in theirs.items():
        if name not in before:
            found.append(item)
        elif name in ours:
            found.append(_patched(item, _left(before[name], ours[name], item, _inner(fields, name))))
    return found


def _named_lists(lists: Sequence[Any], fields: _Trees) -> list[dict[str, Any]] | None:
    """Return the items of lists by what managed fields call them; None if there is a list with items without names."""
    if not all(isinstance(each, list) for each in lists):
        return None
    elements = [element for tree in fields for element in tree]
    keys = next((tuple(_decode(each[2:])) for each in elements if each.startswith("k:")), None)
    if keys is None and not any(each.startswith("v:") for each in elements):
        return None
    found = [named for each in lists if (named := _named(each, keys)) is not None]
    return found if len(found) == len(lists) else None


def _named(items: list[Any], keys: tuple[str, ...] | None) -> dict[str, Any] | None:
    """Return items by what managed fields call them; None if two have one name, or one none.

    A key that is left to its default is none.
    """
    try:
        parts = items if keys is None else [{key: item[key] for key in keys} for item in items]
    except (KeyError, TypeError):
        return None
    prefix = "v:" if keys is None else "k:"
    found = {prefix + _encode(part).decode(): item for part, item in zip(parts, items, strict=True)}
    return found if len(found) == len(items) else None


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


def _inner(fields: _Trees, name: str) -> _Trees:
    return [tree[name] for tree in fields if name in tree]


def _merged(name: str, base: Any, wanted: Any, stored: Any) -> Any:  # noqa: ANN401 - any JSON
    if wanted is base or (wanted is not _MISSING and base is not _MISSING and json_equal(wanted, base)):
        return stored
    if isinstance(wanted, Mapping) and isinstance(stored, Mapping):
        return _members(base if isinstance(base, Mapping) else {}, wanted, stored)
    if name == "conditions":
        lists = [[] if each is _MISSING else each for each in (base, wanted, stored)]
        if all(_has_types(each) for each in lists):
            return _conditions(*lists) or (_MISSING if wanted is _MISSING else [])
    return wanted


def _members(base: Mapping[str, Any], wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: _merged(name, base.get(name, _MISSING), wanted.get(name, _MISSING), stored.get(name, _MISSING))
        for name in {**stored, **wanted}
    }
    return {name: value for name, value in found.items() if value is not _MISSING}


def _conditions(base: list[Any], wanted: list[Any], stored: list[Any]) -> list[Any]:
    """Merge conditions by their types; each is a whole, as its status and its reason belong together."""
    before, ours, theirs = ({each["type"]: each for each in items} for items in (base, wanted, stored))
    found = []
    for type_ in {**theirs, **ours}:
        mine, was = ours.get(type_), before.get(type_)
        kept = theirs.get(type_) if json_equal(mine, was) else mine
        if kept is not None:
            found.append(kept)
    return found


def _has_types(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return whether each item is named by its type; there are lists with several items of a type."""
    return (
        isinstance(value, list)
        and all(isinstance(each, dict) and isinstance(each.get("type"), str) for each in value)
        and len({each["type"] for each in value}) == len(value)
    )
