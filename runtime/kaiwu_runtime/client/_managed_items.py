"""What managed fields say of the lists in an object: which have items with names, and what these names are.

See https://github.com/kubernetes-sigs/structured-merge-diff
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Trees = Sequence[Mapping[str, Any]]
"""What managed fields have at one place, a tree for each manager."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode
_NAMED = ("k:", "v:")

MAP = "map"
"""Marks an object whose keys are data, which managed fields do not tell: each of its members may be missing."""


def has_other_versions(managed: Sequence[Mapping[str, Any]], version: str) -> bool:
    """Return whether some managed fields have the names of another version of the kind: they are not converted."""
    return any(each.get("apiVersion", version) != version for each in managed)


def naming(
    managed: Sequence[Mapping[str, Any]], version: str, described: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return what tells how items are named in a version of the kind.

    What is managed in another version may have other keys, which need not be unique in this one: it counts only where
    nothing is known of the type.

    Args:
        managed: An object's managed fields.
        version: The apiVersion.
        described: What the type tells, in the form of managed fields; empty ones of a type that tells nothing.
    """
    here = [each for each in managed if each.get("apiVersion", version) == version]
    if len(here) == len(managed) or any(described):
        return [*here, *described]
    return [*here, *(each for each in managed if each not in here)]


def status_fields(managed: Sequence[Mapping[str, Any]]) -> Trees:
    """Return what an object's managed fields have of its status."""
    return inner([each.get("fieldsV1") or {} for each in managed], "f:status")


def inner(fields: Trees, name: str) -> Trees:
    """Return what managed fields have of a member, ``f:name``, or of an item of a list, as `items_by_name` names it."""
    return [tree[name] for tree in fields if name in tree]


def has_members(fields: Trees) -> bool:
    """Return whether an object's members have owners of their own; an atomic one is a whole."""
    return any(name.startswith("f:") for tree in fields for name in tree)


def has_items(fields: Trees) -> bool:
    """Return whether a list's items have owners of their own; another list is a whole."""
    return any(name.startswith(_NAMED) for tree in fields for name in tree)


def is_map(fields: Trees) -> bool:
    """Return whether an object is known to be a map, see `MAP`."""
    return any(MAP in tree for tree in fields)


def by_item(fields: Trees) -> Trees:
    r"""Return what managed fields have of a list, by the names that `items_by_name` gives to items.

    An API server writes ``<`` as ``\u003c``, and 1e20 with all its digits.
    """
    return [
        {_canonical(name) if name.startswith(_NAMED) else name: part for name, part in tree.items()} for tree in fields
    ]


def items_by_name(lists: Sequence[Any], fields: Trees) -> list[dict[str, Any]] | None:
    """Return the items of lists by what managed fields call them; None if there is a list with items without names.

    Args:
        lists: What may be lists.
        fields: What managed fields have of them. The first that names all items counts.
    """
    if not all(isinstance(each, list) for each in lists):
        return None
    # A manager has one version of the kind, which names all items in one way; by its value each item has a name.
    elements = [next((each for each in tree if each.startswith(_NAMED)), "") for tree in fields]
    ways: list[tuple[str, ...] | None] = [tuple(_decode(each[2:])) for each in elements if each.startswith("k:")]
    if any(each.startswith("v:") for each in elements):
        ways.append(None)
    for keys in dict.fromkeys(ways):
        found = [named for each in lists if (named := _named(each, keys)) is not None]
        if len(found) == len(lists):
            return found
    return None


def keys_of(name: str) -> dict[str, Any]:
    """Return the members by which an item is named, none for an item of a set."""
    return _decode(name[2:]) if name.startswith("k:") else {}


def _named(items: list[Any], keys: tuple[str, ...] | None) -> dict[str, Any] | None:
    """Return items by what managed fields call them; None if two have one name, or one none.

    A key that is left to its default is none.
    """
    try:
        parts = items if keys is None else [{key: item[key] for key in keys} for item in items]
    except (KeyError, TypeError):
        return None
    prefix = "v:" if keys is None else "k:"
    found = {_name(prefix, part): item for part, item in zip(parts, items, strict=True)}
    return found if len(found) == len(items) else None


def _canonical(name: str) -> str:
    return _name(name[:2], _decode(name[2:]))


def _name(prefix: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    return prefix + _encode(_plain(value)).decode()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON in which equal numbers are written in one way: 1 and 1.0 are the same item of a set."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value) if abs(value) < 2**63 else value
    return float(value) if type(value) is int and abs(value) >= 2**63 else value
