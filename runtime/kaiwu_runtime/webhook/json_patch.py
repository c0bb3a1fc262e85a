"""Carries a change of a typed object over to its JSON, without losing what the type does not know.

Three documents: the raw one, the typed object's before the change and after it. What differs between the last two is
applied to the first, and the JSON patch leads from the raw document to the result.

See https://www.rfc-editor.org/rfc/rfc6902
"""

from __future__ import annotations

from collections.abc import Hashable
from difflib import SequenceMatcher
from typing import Any

import msgspec

_IDENTITIES = ("name", "key", "id", "containerPort", "port", "mountPath", "devicePath", "ip", "type", "uid")
"""Fields that tell the items of a list apart: the keys of Kubernetes' own list maps, most telling first."""

_canonical = msgspec.json.Encoder(order="sorted")


def merge(raw: Any, before: Any, after: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the raw document with the difference of two typed documents applied.

    Args:
        raw: The JSON that the type was read from.
        before: The typed object's JSON as it was read.
        after: The same after it was changed.
    """
    if _same(before, after):
        return raw
    if isinstance(raw, dict) and isinstance(before, dict) and isinstance(after, dict):
        merged = {name: value for name, value in raw.items() if name in after or name not in before}
        for name, value in after.items():
            if name in before and _same(before[name], value):
                continue
            if name in raw and name in before:
                merged[name] = merge(raw[name], before[name], value)
            elif isinstance(raw.get(name), dict) and isinstance(value, dict):
                merged[name] = merge(raw[name], {}, value)
            else:
                merged[name] = value
        return merged
    if isinstance(raw, list) and isinstance(before, list) and isinstance(after, list) and len(raw) == len(before):
        origins = _origins(before, after)
        return [
            item if origin is None else merge(raw[origin], before[origin], item)
            for item, origin in zip(after, origins, strict=True)
        ]
    return after


def json_patch(raw: Any, wanted: Any, path: str = "") -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    """Return the operations that turn one JSON document into another.

    Args:
        raw: The document that the patch is for.
        wanted: What it is to become.
        path: JSON pointer of both within the whole.
    """
    if _same(raw, wanted):
        return []
    if isinstance(raw, dict) and isinstance(wanted, dict):
        operations = [{"op": "remove", "path": f"{path}/{_escape(name)}"} for name in raw if name not in wanted]
        for name, value in wanted.items():
            where = f"{path}/{_escape(name)}"
            if name in raw:
                operations += json_patch(raw[name], value, where)
            else:
                operations.append({"op": "add", "path": where, "value": value})
        return operations
    if isinstance(raw, list) and isinstance(wanted, list):
        common = [entry for index, item in enumerate(raw[: len(wanted)]) for entry in _item(item, wanted, index, path)]
        if len(raw) == len(wanted):
            return common
        if len(raw) < len(wanted) and not common:
            return [{"op": "add", "path": f"{path}/-", "value": item} for item in wanted[len(raw) :]]
    return [{"op": "replace", "path": path, "value": wanted}]


def _item(item: Any, wanted: list[Any], index: int, path: str) -> list[dict[str, Any]]:  # noqa: ANN401
    return json_patch(item, wanted[index], f"{path}/{index}")


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401
    # Python's == takes 1 for True; in JSON they are two things.
    return _canonical.encode(one) == _canonical.encode(other)


def _origins(before: list[Any], after: list[Any]) -> list[int | None]:
    """Return for each item the index it had before, or None for a new one."""
    identities = _identities(before, after)
    if identities is None:
        if len(before) == len(after):
            return list(range(len(before)))
        return _aligned(before, after)
    places = {identity: index for index, identity in enumerate(identities[0])}
    origins = [places.get(identity) for identity in identities[1]]
    if len(before) == len(after):
        # Renamed in place, most likely; the rest of such an item should not be lost.
        left = iter(sorted(set(range(len(before))) - {index for index in origins if index is not None}))
        origins = [next(left) if origin is None else origin for origin in origins]
    return origins


def _identities(before: list[Any], after: list[Any]) -> tuple[list[Hashable], list[Hashable]] | None:
    """Return what identifies the items of both lists, or None when no field does."""
    if not all(isinstance(item, dict) for item in [*before, *after]):
        return None
    for field in _IDENTITIES:
        found = tuple([item.get(field) for item in items] for items in (before, after))
        if all(isinstance(value, str | int) for values in found for value in values) and all(
            len(set(values)) == len(values) for values in found
        ):
            return found[0], found[1]
    return None


def _aligned(before: list[Any], after: list[Any]) -> list[int | None]:
    """Match what is equal, in order; between two matches pair items by position."""
    lines = [[_canonical.encode(item) for item in items] for items in (before, after)]
    origins: list[int | None] = [None] * len(after)
    for _, begin, end, to, until in SequenceMatcher(None, lines[0], lines[1], autojunk=False).get_opcodes():
        for old, new in zip(range(begin, end), range(to, until), strict=False):
            origins[new] = old
    return origins
