"""The state a run ends in, without what differs from run to run, and in what two of them differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

State = dict[str, Any]

SKIPPED = frozenset({"Event", "Lease"})
"""Kinds that tell of time, not of what an operator has made."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DROPPED = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})
_PLACEMENT = frozenset({"nominatedNodeName"})
_SHOWN = 3


def normalised(objects: Sequence[Mapping[str, Any]], ignored: Sequence[str] = ()) -> State:
    """Return objects by kind, namespace and name, comparable with those of another run.

    uids become the names of their objects, times and versions become equal, generated names lose their random part,
    and an ``observedGeneration`` says whether it is the current one.

    Args:
        objects: As they are stored.
        ignored: Paths of fields, with or without a kind in front.
    """
    names = {obj["metadata"]["uid"]: f"(uid of {obj['kind']} {_name(obj)})" for obj in objects}
    names |= {obj["metadata"]["name"]: _name(obj) for obj in objects if _name(obj) != obj["metadata"]["name"]}
    found: State = {}
    seen: Counter[str] = Counter()
    for obj in objects:
        if obj["kind"] in SKIPPED:
            continue
        where = obj["metadata"].get("namespace", "")
        key = f"{obj['kind']} {where}/{_name(obj)}" if where else f"{obj['kind']} {_name(obj)}"
        seen[key] += 1
        if seen[key] > 1:
            key = f"{key} ({seen[key]})"
        content = _visit(obj, names, obj["metadata"].get("generation"))
        content["metadata"] = {name: part for name, part in content["metadata"].items() if name not in _DROPPED}
        for path in ignored:
            kind, _, rest = path.partition(".")
            _remove(content, (rest if kind == obj["kind"] else path).split("."))
        found[key] = content
    return found


def _name(obj: Mapping[str, Any]) -> str:
    metadata = obj["metadata"]
    prefix = metadata.get("generateName", "")
    return f"{prefix}*" if prefix and metadata["name"].startswith(prefix) else str(metadata["name"])


def _visit(value: Any, names: Mapping[str, str], generation: object) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {
            name: (
                part == generation if name == "observedGeneration" else _visit(_ordered(name, part), names, generation)
            )
            for name, part in value.items()
            if name not in _PLACEMENT
        }
    if isinstance(value, list):
        return [_visit(part, names, generation) for part in value]
    if isinstance(value, str):
        if value in names:
            return names[value]
        if _TIME.fullmatch(value):
            return "(time)"
        return "(uid)" if _UID.fullmatch(value) else value
    return value


def _ordered(name: str, part: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return conditions by their types: which of them was set first does not count."""
    if name == "conditions" and isinstance(part, list) and all(isinstance(each, dict) for each in part):
        return sorted(part, key=lambda each: str(each.get("type")))
    return part


def _remove(content: Any, path: Sequence[str]) -> None:  # noqa: ANN401 - any JSON
    for name in path[:-1]:
        content = content.get(name) if isinstance(content, dict) else None
    if isinstance(content, dict):
        content.pop(path[-1], None)


def differences(expected: State, found: State) -> str:
    """Return in what a state differs from another, in one line; empty where they are equal."""
    lines = list(_differences(expected, found, ""))
    more = f" (and {len(lines) - _SHOWN} more)" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def _differences(expected: Any, found: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            inner = f"{path}.{name}" if "." in path or " " in path else f"{path}: {name}" if path else name
            if name not in found:
                yield f"{inner} is missing"
            elif name not in expected:
                yield f"{inner} should not be there" if not path else f"{inner} is {_short(found[name])}, not unset"
            else:
                yield from _differences(expected[name], found[name], inner)
    elif expected != found or type(expected) is not type(found):
        yield f"{path} is {_short(found)}, not {_short(expected)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def count_differences(expected: Mapping[str, int], found: Mapping[str, int], what: str) -> str:
    """Return how often too often or too seldom something was done, in one line; empty where the counts are equal.

    Args:
        expected: How often it is done, by kind.
        found: How often it was done.
        what: ``created`` or ``deleted``.
    """
    names = [name for name in {**expected, **found} if expected.get(name, 0) != found.get(name, 0)]
    return "; ".join(f"{name} {what} {found.get(name, 0)} times, not {expected.get(name, 0)}" for name in names)
