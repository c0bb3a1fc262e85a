"""Merging an applied configuration into an object, and taking out of it what a manager no longer sends.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from typing import Any

from kaiwu_runtime.testing.fields import Fields, Path, children, is_atomic_map, item_elements, member

_NOTHING = object()


def merge(live: Any, applied: Any, path: Path = ()) -> Any:  # noqa: ANN401 - any JSON
    """Return a live value with an applied one merged into it.

    Args:
        live: What there is.
        applied: What is wanted; atomic parts replace, others are merged by name or key.
        path: Where both are.
    """
    if isinstance(applied, dict) and isinstance(live, dict) and not is_atomic_map(path):
        merged = dict(live)
        for name, part in applied.items():
            inner = (*path, member(name))
            merged[name] = merge(live[name], part, inner) if name in live else deepcopy(part)
        return merged
    if isinstance(applied, list) and isinstance(live, list):
        return _merge_lists(live, applied, path)
    return deepcopy(applied)


def _merge_lists(live: list[Any], applied: list[Any], path: Path) -> list[Any]:
    """Merge by keys: in the order of the applied list, the other items where they were among them."""
    old, new = item_elements(path, live), item_elements(path, applied)
    if old is None or new is None:
        return deepcopy(applied)
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
                merged.append(deepcopy(after[element]))
        else:
            left.popleft()
    return merged


def prune(value: Any, removed: Fields, others: Fields, path: Path = ()) -> Any:  # noqa: ANN401 - any JSON
    """Return a value without the removed fields, but with what others own of them.

    Args:
        value: What there is.
        removed: The fields, and the members, that their manager sends no longer.
        others: The fields of every other manager.
        path: Where the value is.
    """
    kept: dict[str, Any] = {}
    for element, part in children(path, value):
        inner = (*path, element)
        kept[element] = _owned(part, others, inner) if inner in removed else prune(part, removed, others, inner)
    return _rebuilt(value, path, kept)


def _owned(value: Any, others: Fields, path: Path) -> Any:  # noqa: ANN401 - any JSON
    """Return the part of a value that others own, or _NOTHING."""
    kept = {element: _owned(part, others, (*path, element)) for element, part in children(path, value)}
    if path not in others and all(part is _NOTHING for part in kept.values()):
        return _NOTHING
    return _rebuilt(value, path, kept)


def _rebuilt(value: Any, path: Path, kept: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return a value of the same shape with the parts that are kept; null where none is, as an API server has it."""
    if not kept:
        return value
    if isinstance(value, dict):
        members = {name: kept[member(name)] for name in value if kept[member(name)] is not _NOTHING}
        return members or None
    elements = item_elements(path, value) or []
    return [kept[element] for element in elements if kept[element] is not _NOTHING] or None
