"""Merging an applied configuration into an object, and taking out of it what a manager no longer sends.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

from collections import deque
from typing import Any

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.testing._fields import (
    Fields,
    Path,
    children,
    fields_of,
    is_atomic_map,
    item_elements,
    member,
    with_parents,
)


def changes_nothing(live: Any, applied: Any, path: Path = ()) -> bool:  # noqa: ANN401 - any JSON
    """Return whether an applied value is in a live one already, so that merging it would change nothing.

    Args:
        live: What there is.
        applied: What is wanted.
        path: Where both are.
    """
    if isinstance(applied, dict) and isinstance(live, dict) and not is_atomic_map(path):
        return all(
            name in live and changes_nothing(live[name], part, (*path, member(name))) for name, part in applied.items()
        )
    if isinstance(applied, list) and isinstance(live, list) and (elements := item_elements(path, live)) is not None:
        if elements == item_elements(path, applied):
            return all(
                changes_nothing(before, after, (*path, element))
                for element, before, after in zip(elements, live, applied, strict=True)
            )
        return json_equal(_merge_lists(live, applied, path), live)
    return json_equal(live, applied)


def merge(live: Any, applied: Any, path: Path = ()) -> Any:  # noqa: ANN401 - any JSON
    """Return a live value with an applied one merged into it; neither is changed, and the result shares their parts.

    Args:
        live: What there is.
        applied: What is wanted; atomic parts replace, others are merged by name or key.
        path: Where both are.
    """
    if isinstance(applied, dict) and isinstance(live, dict) and not is_atomic_map(path):
        merged = dict(live)
        for name, part in applied.items():
            inner = (*path, member(name))
            merged[name] = merge(live[name], part, inner) if name in live else part
        return merged
    if isinstance(applied, list) and isinstance(live, list):
        return _merge_lists(live, applied, path)
    return applied


def _merge_lists(live: list[Any], applied: list[Any], path: Path) -> list[Any]:
    """Merge by keys: in the order of the applied list, the other items where they were among them."""
    old, new = item_elements(path, live), item_elements(path, applied)
    if old is None or new is None:
        return applied
    before, after = dict(zip(old, live, strict=True)), dict(zip(new, applied, strict=True))
    shared = deque(element for element in new if element in before)
    left, right = deque(old), deque(new)
    merged: list[Any] = []
    while left or right:
        if left and left[0] not in after:
            merged.append(before[left.popleft()])
        elif left and (not shared or left[0] != shared[0]):
            left.popleft()  # it comes where the applied list has it, or came there
        elif right:
            element = right.popleft()
            if element in before:
                shared.popleft()
                merged.append(merge(before[element], after[element], (*path, element)))
            else:
                merged.append(after[element])
        else:
            left.popleft()
    return merged


def prune(merged: dict[str, Any], last: Fields, owned: Fields) -> dict[str, Any]:
    """Return an object without the fields that a manager no longer sends and no other manager owns.

    An item of a list goes as a whole: what others own inside it is kept only where they own the item too. An object or
    list that is left with nothing becomes null, as an API server has it.

    Args:
        merged: The object with the applied configuration in it.
        last: What the manager owned before.
        owned: What every manager owns now, this one included.
    """
    before, last = with_parents(fields_of(merged)), with_parents(last)
    rest = with_parents(fields_of(_without(merged, last)))
    rest = with_parents(fields_of(_without(merged, before - (rest | with_parents(owned)))))
    pruned: dict[str, Any] = _without(merged, (before - rest) & last)
    return pruned


def _without(value: Any, removed: Fields) -> Any:  # noqa: ANN401 - any JSON
    """Return a value without some fields, items and members."""
    ways = {path[:length] for path in removed for length in range(1, len(path))}

    def cut(value: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON
        kept = {
            element: cut(part, (*path, element)) if (*path, element) in ways else part
            for element, part in children(path, value)
            if (*path, element) not in removed
        }
        if isinstance(value, dict):
            return {name: kept[member(name)] for name in value if member(name) in kept} or None
        if isinstance(value, list):
            return [kept[element] for element in item_elements(path, value) or () if element in kept] or None
        return value

    return cut(value, ()) or {}
