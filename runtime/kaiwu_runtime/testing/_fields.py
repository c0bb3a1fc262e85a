"""Paths of fields: which an object has, which lists are maps by a key, and how managedFields writes them.

A path is a tuple of elements, each a string as FieldsV1 has it: ``f:name`` for a member, ``k:{...}`` for the item of a
list with these keys, ``v:...`` for a value of a set.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

Path = tuple[str, ...]
Fields = frozenset[Path]

_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "conditions": (("type",),),
    "containers": (("name",),),
    "env": (("name",),),
    "ephemeralContainers": (("name",),),
    "imagePullSecrets": (("name",),),
    "initContainers": (("name",),),
    "ownerReferences": (("uid",),),
    "ports": (("containerPort", "protocol"), ("port", "protocol")),
    "volumeMounts": (("mountPath",),),
    "volumes": (("name",),),
    "webhooks": (("name",),),
}
_DEFAULTS = {"protocol": "TCP"}
_SETS = frozenset({("f:metadata", "f:finalizers")})
_ATOMIC_ITEMS = frozenset({"f:imagePullSecrets", "f:ownerReferences"})
_ATOMIC_MAPS = frozenset({"f:nodeSelector", "f:selector"})

_CACHED = frozenset({str, int})

PRESENT = object()
"""What `flat` has for an object or a list that is owned part by part."""

NOT_APPLIED = frozenset(
    {
        "creationTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Members of metadata that no manager owns: they name the object, or only the server writes them."""

_SERVER_OWNED = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{name}") for name in NOT_APPLIED)}
)


def member(name: str) -> str:
    """Return the path element of a member of an object."""
    return f"f:{name}"


def item_elements(path: Path, value: list[Any]) -> list[str] | None:
    """Return the path element of each item of a list, or None when the list is atomic: one value as a whole."""
    if path in _SETS:
        return [f"v:{_compact(item)}" for item in value]
    name = path[-1].removeprefix("f:") if path else ""
    for keys in _KEYS.get(name, ()):
        if all(isinstance(item, dict) and item.keys() & {*keys} and _complete(item, keys) for item in value):
            return [_item_element(keys, item) for item in value]
    return None


def _item_element(keys: tuple[str, ...], item: Mapping[str, Any]) -> str:
    values = tuple(item.get(key, _DEFAULTS.get(key)) for key in keys)
    if all(type(value) in _CACHED for value in values):  # 1 and True are one key of a cache
        return _cached_element(keys, values)
    return f"k:{_compact(dict(zip(keys, values, strict=True)))}"


@lru_cache(maxsize=4096)
def _cached_element(keys: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return f"k:{_compact(dict(zip(keys, values, strict=True)))}"


def is_atomic_map(path: Path) -> bool:
    """Return whether an object at a path is replaced as a whole."""
    return bool(path) and (path[-1] in _ATOMIC_MAPS or (path[-1].startswith("k:") and path[-2] in _ATOMIC_ITEMS))


def is_atomic(path: Path, value: object) -> bool:
    """Return whether a value is owned as a whole: a scalar, an atomic list, an empty object."""
    if isinstance(value, dict):
        return not value or is_atomic_map(path)
    return not isinstance(value, list) or item_elements(path, value) is None


def children(path: Path, value: object) -> list[tuple[str, Any]]:
    """Return the parts of a value by their path elements; none for an atomic one."""
    if not path or not is_atomic(path, value):
        if isinstance(value, dict):
            return [(member(name), part) for name, part in value.items()]
        if isinstance(value, list):
            return list(zip(item_elements(path, value) or (), value, strict=True))
    return []


def fields_of(obj: Mapping[str, Any], *, only: str = "", without: str = "") -> Fields:
    """Return every field of an object that a manager can own: the leaves, and the items of lists with keys.

    Args:
        obj: The object.
        only: Name of the one top-level member to look at, for instance ``status``.
        without: Name of the top-level member to leave out.
    """
    found = _walk((), dict(obj))
    kept = {path for path in found if path not in _SERVER_OWNED}
    if only:
        kept = {path for path in kept if path[0] == member(only)}
    return frozenset(path for path in kept if path[0] != member(without))


def _walk(path: Path, value: object) -> Iterator[Path]:
    if path and is_atomic(path, value):
        yield path
        return
    for element, part in children(path, value):
        inner = (*path, element)
        if element.startswith(("k:", "v:")):
            yield inner
            if element.startswith("v:"):
                continue
        yield from _walk(inner, part)


def with_parents(fields: Fields) -> Fields:
    """Return the fields and the named members that contain them: an unsent member takes its fields with it."""
    parents = {
        path[:length]
        for path in fields
        for length in range(1, len(path))
        if path[length - 1].startswith("f:") and path[:length] not in _SERVER_OWNED
    }
    return fields | parents


def flat(obj: Mapping[str, Any]) -> dict[Path, Any]:
    """Return the value of every leaf, so that two objects can be compared field by field; of the rest that it is there.

    Args:
        obj: The object.
    """
    values: dict[Path, Any] = {}

    def visit(path: Path, value: object) -> None:
        whole = is_atomic_map(path) if isinstance(value, dict) else is_atomic(path, value)
        values[path] = value if whole else PRESENT
        for element, part in children(path, value):
            visit((*path, element), part)

    for name, part in obj.items():
        visit((member(name),), part)
    return {path: value for path, value in values.items() if path not in _SERVER_OWNED}


def to_fields_v1(fields: Fields) -> dict[str, Any]:
    """Return the nested form that managedFields has; a dot stands for an item or member itself."""
    tree: dict[str, Any] = {}
    for path in sorted(fields):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _without_lonely_dots(tree)


def from_fields_v1(tree: Mapping[str, Any]) -> Fields:
    """Return the paths of a nested form."""
    found: set[Path] = set()

    def visit(path: Path, node: Mapping[str, Any]) -> None:
        if path and (not node or "." in node):
            found.add(path)
        for element, inner in node.items():
            if element != ".":
                visit((*path, element), inner)

    visit((), tree)
    return frozenset(found)


def _without_lonely_dots(node: dict[str, Any]) -> dict[str, Any]:
    if set(node) == {"."}:
        return {}
    return {element: inner if element == "." else _without_lonely_dots(inner) for element, inner in node.items()}


def _complete(item: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    return all(key in item or key in _DEFAULTS for key in keys)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
