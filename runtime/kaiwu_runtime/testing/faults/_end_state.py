"""The state a run ends in, without what differs from run to run, and in what two of them differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kaiwu_runtime.testing._fields import item_elements, member
from kaiwu_runtime.testing.faults._secrets import KIND as SECRET
from kaiwu_runtime.testing.faults._secrets import covered
from kaiwu_runtime.testing.faults._values import Values, numbered
from kaiwu_runtime.testing.faults._volatile import Masks, Volatile

State = dict[str, Any]

SKIPPED = frozenset({"Event", "Lease"})
"""Kinds that tell of time, not of what an operator has made."""

_DROPPED = frozenset({"creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"})
_REVISIONS = frozenset({"deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history"})
"""Annotations that count the changes of a template, as the generation counts those of an object."""

_PLACEMENT = frozenset({"nominatedNodeName"})
_SHOWN = 3
_LONGEST = 80
"""Characters of a value that are shown."""

_BEFORE = 30
"""Of what is the same in two long values, the characters shown before the difference."""


def normalised(
    objects: Sequence[Mapping[str, Any]], ignored: Sequence[str] = (), volatile: Volatile | None = None
) -> State:
    """Return objects by kind, namespace and name, comparable with those of another run.

    uids become the names of their objects, times and versions become equal, generated names lose their random part,
    and an ``observedGeneration`` says whether it is the current one.

    Args:
        objects: As they are stored.
        ignored: Paths of fields, with or without a kind in front.
        volatile: Knows the generated names of objects that are gone.
    """
    masks = (volatile or Volatile()).masks(objects)
    return numbered((_key(obj, masks), _content(obj, ignored, masks)) for obj in objects if obj["kind"] not in SKIPPED)


def outside_state(
    world: Mapping[type[Any], object],
    objects: Sequence[Mapping[str, Any]],
    ignored: Sequence[str] = (),
    volatile: Volatile | None = None,
) -> State:
    """Return the public attributes of what lives outside Kubernetes, by type, comparable with those of another run.

    Args:
        world: The stand-ins, by type.
        objects: Those of Kubernetes, whose uids and generated names they may remember.
        ignored: Paths of fields, with or without a type in front.
        volatile: Knows the generated names of objects that are gone.
    """
    values = Values((volatile or Volatile()).masks(objects))
    found: State = {}
    for kind, inner in world.items():
        content = values.attributes(inner)
        for path in ignored:
            _ignore(content, kind.__name__, path)
        found[f"outside: {kind.__name__}"] = content
    return found


def _key(obj: Mapping[str, Any], masks: Masks) -> str:
    name, where = masks.text(obj["metadata"]["name"]), obj["metadata"].get("namespace", "")
    return f"{obj['kind']} {masks.text(where)}/{name}" if where else f"{obj['kind']} {name}"


def _content(obj: Mapping[str, Any], ignored: Sequence[str], masks: Masks) -> dict[str, Any]:
    content: dict[str, Any] = _visit(obj, masks, obj["metadata"].get("generation"))
    content["metadata"] = {name: part for name, part in content["metadata"].items() if name not in _DROPPED}
    if annotations := content["metadata"].get("annotations"):
        content["metadata"]["annotations"] = {name: annotations[name] for name in annotations if name not in _REVISIONS}
    if obj["kind"] == "ControllerRevision":
        content.pop("revision", None)
    for path in ignored:
        _ignore(content, obj["kind"], path)
    return content


def _visit(value: Any, masks: Masks, generation: object) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return numbered(
            (
                masks.text(name),
                part == generation if name == "observedGeneration" else _visit(_ordered(name, part), masks, generation),
            )
            for name, part in value.items()
            if name not in _PLACEMENT
        )
    if isinstance(value, list):
        return [_visit(part, masks, generation) for part in value]
    if isinstance(value, str):
        return masks.text(value)
    return masks.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ordered(name: str, part: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return conditions by their types: which of them was set first does not count."""
    if name == "conditions" and isinstance(part, list) and all(isinstance(each, dict) for each in part):
        return sorted(part, key=lambda each: str(each.get("type")))
    return part


def is_ignored(names: Sequence[str], kind: str, ignored: Sequence[str]) -> bool:
    """Return whether a field is one of those whose values may differ.

    Args:
        names: The members that lead there; lists are left out.
        kind: Of the object.
        ignored: Paths of fields, with or without a kind in front.
    """
    for path in ignored:
        content: Any = None
        for name in reversed(names):
            content = {name: content}
        _ignore(content, kind, path)
        for name in names:
            if name not in content:
                return True
            content = content[name]
    return False


def _ignore(content: dict[str, Any], kind: str, path: str) -> None:
    """Remove a field, if its path has no kind in front, or this one."""
    first, _, rest = path.partition(".")
    _remove(content, (rest if first == kind else path).split("."))


def _remove(content: Any, path: Sequence[str]) -> None:  # noqa: ANN401 - any JSON
    """Remove a field: of each item of a list, and for ``*`` each member; a name may have dots itself."""
    if isinstance(content, list):
        for item in content:
            _remove(item, path)
    if not isinstance(content, dict):
        return
    for end in range(1, len(path) + 1):
        name, rest = ".".join(path[:end]), path[end:]
        for found in [*content] if name == "*" else [name] if name in content else ():
            if rest:
                _remove(content[found], rest)
            else:
                del content[found]


def differences(expected: State, found: State) -> str:
    """Return in what a state differs from another, in one line without the content of Secrets; empty if in nothing."""
    lines = [text for text, _ in _differences(expected, found, "", ())]
    more = f" (and {len(lines) - _SHOWN} more)" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def differing_fields(expected: State, found: State) -> list[str]:
    """Return the paths of the fields in which a state differs from another, as `Scenario.ignored` has them.

    An object that only one of them has cannot be ignored, and is left out.
    """
    fields: dict[str, None] = {}
    for _, (key, *names) in _differences(expected, found, "", ()):
        kind = key.removeprefix("outside: ").partition(" ")[0]
        if names:
            fields[".".join((kind, *names))] = None
    return list(fields)


def _differences(
    expected: Any,  # noqa: ANN401 - any JSON
    found: Any,  # noqa: ANN401
    path: str,
    names: tuple[str, ...],
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what differs, for people, and the names of the members that lead there."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(name for name in found if name not in expected)]:
            inner = f"{path}.{name}" if "." in path or " " in path else f"{path}: {name}" if path else name
            way = (*names, name)
            if name not in found:
                yield f"{inner} is missing", way
            elif name not in expected:
                what = "should not be there" if not path else f"is {_short(found[name], way)}, not unset"
                yield f"{inner} {what}", way
            else:
                yield from _differences(expected[name], found[name], inner, way)
    elif (items := _by_key(names, expected, found)) is not None:
        yield from _item_differences(items, path, names)
    elif _are_lists_of_objects(expected, found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]", names)
    elif expected != found or type(expected) is not type(found):
        is_, not_ = _short_pair(found, expected, names)
        yield f"{path} is {is_}, not {not_}", names


def _item_differences(
    items: Mapping[str, tuple[Any, Any]], path: str, names: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what differs between the items of two lists, as `_by_key` returns them."""
    for key, (one, other) in items.items():
        inner = f"{path}[{key}]"
        if other is None:
            yield f"{inner} is missing", names
        elif one is None:
            yield f"{inner} is {_short(other, names)}, not unset", names
        else:
            yield from _differences(one, other, inner, names)


def _by_key(names: tuple[str, ...], expected: Any, found: Any) -> dict[str, tuple[Any, Any]] | None:  # noqa: ANN401 - any JSON
    """Return the items of two lists by what names them, with None where one has none; None where that tells nothing.

    Items are compared by their place where there are as many of them, except conditions, whose place means nothing.
    """
    if not isinstance(expected, list) or not isinstance(found, list) or not names:
        return None
    if len(expected) == len(found) and names[-1] != "conditions":
        return None
    one, other = (_keyed(names[-1], items) for items in (expected, found))
    if one is None or other is None or (one.keys() == other.keys() and [*one] != [*other]):
        return None
    return {key: (one.get(key), other.get(key)) for key in {**one, **other}}


def _keyed(name: str, items: list[Any]) -> dict[str, Any] | None:
    elements = item_elements((member(name),), items)
    if elements is None or len({*elements}) < len(items):
        return None
    keys = (json.loads(element.removeprefix("k:")) for element in elements)
    return {",".join(str(value) for value in key.values()): item for key, item in zip(keys, items, strict=True)}


def _are_lists_of_objects(expected: Any, found: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return whether two lists can be compared object by object."""
    return (
        isinstance(expected, list)
        and isinstance(found, list)
        and len(expected) == len(found)
        and all(isinstance(each, dict) for each in (*expected, *found))
    )


def _short(value: object, way: tuple[str, ...]) -> str:
    return _cut(_text(value, way), 0)


def _short_pair(one: object, other: object, way: tuple[str, ...]) -> tuple[str, str]:
    """Return two values that differ, each from where the difference can be seen."""
    texts = _text(one, way), _text(other, way)
    same = next((place for place, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    begin = same - _BEFORE if same > _LONGEST - _BEFORE and max(map(len, texts)) > _LONGEST else 0
    return _cut(texts[0], begin), _cut(texts[1], begin)


def _cut(text: str, begin: int) -> str:
    text = f"...{text[begin + 3 :]}" if begin else text
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _text(value: object, way: tuple[str, ...]) -> str:
    kind = way[0].partition(" ")[0] if way else ""
    return repr(covered(value, way[1:]) if kind == SECRET else value)


def count_differences(expected: Mapping[str, int], found: Mapping[str, int], what: str) -> str:
    """Return how often too often or too seldom something was done, in one line; empty where the counts are equal.

    Args:
        expected: How often it is done, by kind.
        found: How often it was done.
        what: ``created`` or ``deleted``.
    """
    names = [name for name in {**expected, **found} if expected.get(name, 0) != found.get(name, 0)]
    return "; ".join(f"{name} {what} {found.get(name, 0)} times, not {expected.get(name, 0)}" for name in names)
