"""Apply a change of a typed object to its JSON, without losing fields that the type does not know.

Three documents: the raw one, the typed object's before the change and after it. What differs between the last two is
applied to the first. Takes about linear time, whatever the documents hold: they come from users.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import pairwise
from typing import Any

from kaiwu_runtime._json_equality import json_equal

_IDENTITIES = ("name", "key", "id", "containerPort", "port", "mountPath", "devicePath", "ip", "type", "uid")
"""Fields that tell the items of a list apart: the keys of Kubernetes' own list maps, most telling first."""

_INT64 = 2**63


def merge(raw: Any, before: Any, after: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return the raw document with the difference of two typed documents applied.

    What has not changed is the raw document's own value, the same Python object.

    Args:
        raw: The JSON that the type was read from.
        before: The typed object's JSON as it was read.
        after: The same after it was changed.

    Raises:
        RecursionError: The documents are nested deeper than Python's stack.
    """
    return _Merge().value(raw, before, after)


class _Merge:
    def __init__(self) -> None:
        self._shapes = _Shapes()

    def value(self, raw: Any, before: Any, after: Any) -> Any:  # noqa: ANN401
        if isinstance(raw, dict) and isinstance(before, dict) and isinstance(after, dict):
            return self._object(raw, before, after)
        if isinstance(raw, list) and isinstance(before, list) and isinstance(after, list) and len(raw) == len(before):
            return self._list(raw, before, after)
        return raw if json_equal(before, after) else after

    def _object(self, raw: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        changed = False
        for name, value in raw.items():
            if name not in after:
                if name in before:
                    changed = True
                else:
                    merged[name] = value
                continue
            wanted = after[name]
            if name in before:
                merged[name] = self.value(value, before[name], wanted)
            elif isinstance(value, dict) and isinstance(wanted, dict):
                merged[name] = self.value(value, {}, wanted)
            else:
                merged[name] = wanted
            changed = changed or merged[name] is not value
        for name, wanted in after.items():
            # A default that the type filled in when it was read, and nothing changed, is not a change.
            if name not in raw and not (name in before and json_equal(before[name], wanted)):
                merged[name] = wanted
                changed = True
        return merged if changed else raw

    def _list(self, raw: list[Any], before: list[Any], after: list[Any]) -> list[Any]:
        merged = [
            item if origin is None else self.value(raw[origin], before[origin], item)
            for item, origin in zip(after, self._origins(before, after), strict=True)
        ]
        unchanged = len(merged) == len(raw) and all(new is old for new, old in zip(merged, raw, strict=True))
        return raw if unchanged else merged

    def _origins(self, before: list[Any], after: list[Any]) -> list[int | None]:
        """Return for each item the index it had before, or None for a new one."""
        identities = _identities(before, after)
        if identities is None:
            if len(before) == len(after):
                return list(range(len(before)))
            return _aligned([self._shapes.of(item) for item in before], [self._shapes.of(item) for item in after])
        places = {identity: index for index, identity in enumerate(identities[0])}
        origins = [places.get(identity) for identity in identities[1]]
        if len(before) == len(after):
            # Renamed in place, most likely; the rest of such an item should not be lost.
            found = {index for index in origins if index is not None}
            left = iter([index for index in range(len(before)) if index not in found])
            origins = [next(left) if origin is None else origin for origin in origins]
        return origins


def _identities(before: list[Any], after: list[Any]) -> tuple[list[str], list[str]] | None:
    """Return what identifies the items of both lists, or None when no field does."""
    if not before or not after or not all(isinstance(item, dict) for items in (before, after) for item in items):
        return None
    for field in _IDENTITIES:
        old = [_identity(item.get(field)) for item in before]
        new = [_identity(item.get(field)) for item in after]
        if None not in old and None not in new and len(set(old)) == len(old) and len(set(new)) == len(new):
            return old, new  # type: ignore[return-value]  # there is no None in them
    return None


def _identity(value: object) -> str | None:
    # Text, because its hash is salted: numbers can be chosen so that all of them have the same.
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return f"i{value}"
    return None


class _Shapes:
    """Numbers JSON values so that two values are equal exactly when their numbers are; each is looked at once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._known: dict[int, int] = {}  # by id: the documents outlive this

    def of(self, value: Any) -> int:  # noqa: ANN401
        if isinstance(value, str):
            return self._number(f"s{value}")
        if not isinstance(value, dict | list):
            return self._number(repr(value))
        known = self._known.get(id(value))
        if known is None:
            if isinstance(value, list):
                text = "[" + ",".join([str(self.of(item)) for item in value])
            else:
                text = "{" + ",".join([f"{name!r}:{self.of(item)}" for name, item in sorted(value.items())])
            known = self._known[id(value)] = self._number(text)
        return known

    def _number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))


def _aligned(before: list[int], after: list[int]) -> list[int | None]:
    """Match equal items; between two matches in order, pair the others by position.

    The n-th of several equal items is matched with the n-th, so that no item is compared with more than one other.
    """
    places: dict[int, list[int]] = defaultdict(list)
    for index in range(len(before) - 1, -1, -1):
        places[before[index]].append(index)
    origins: list[int | None] = [None] * len(after)
    for index, shape in enumerate(after):
        if places.get(shape):
            origins[index] = places[shape].pop()
    matched = {origin for origin in origins if origin is not None}
    anchors = [(-1, -1), *_increasing(origins), (len(before), len(after))]
    for (old_begin, new_begin), (old_end, new_end) in pairwise(anchors):
        old = [index for index in range(old_begin + 1, old_end) if index not in matched]
        new = [index for index in range(new_begin + 1, new_end) if origins[index] is None]
        for origin, index in zip(old, new, strict=False):
            origins[index] = origin
    return origins


def _increasing(origins: list[int | None]) -> list[tuple[int, int]]:
    """Return the longest run of matches (origin, index) that keeps the order of both lists."""
    tails: list[int] = []  # the smallest origin that ends a run of each length
    ends: list[int] = []  # the index of that item
    previous: dict[int, int] = {}
    for index, origin in enumerate(origins):
        if origin is None:
            continue
        length = bisect_left(tails, origin)
        if length == len(tails):
            tails.append(origin)
            ends.append(index)
        else:
            tails[length], ends[length] = origin, index
        if length:
            previous[index] = ends[length - 1]
    run: list[tuple[int, int]] = []
    current = ends[-1] if ends else None
    while current is not None:
        run.append((origins[current] or 0, current))
        current = previous.get(current)
    return run[::-1]
