"""Times as Kubernetes writes them.

A MicroTime is rejected without six digits after the point, and a JSON encoder leaves them out of a whole second. In
lightkube's models both are ``datetime``: only the annotation tells a MicroTime from a Time.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec

_NAMED = re.compile(r"(?:(\w+)\.)?([A-Za-z]\w*)")
_WORD = re.compile(r"\w+")
_SECONDS = len("2026-01-02T03:04:05")


def micro_time(moment: datetime) -> str:
    """Return a time as a MicroTime: the API server requires six digits after the point.

    Args:
        moment: With a time zone.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def has_micro_time(model: type[Any]) -> bool:
    """Return whether a lightkube model has a MicroTime, itself or in a model inside it."""
    return bool(time_paths(model, "MicroTime"))  # type: ignore[arg-type]  # a class is hashable


def to_builtins(obj: msgspec.Struct) -> dict[str, Any]:
    """Return the JSON members of a lightkube model, each time in the format of its field."""
    content: dict[str, Any] = msgspec.to_builtins(obj)
    _complete(content, type(obj))
    return content


class TimePath(NamedTuple):
    """A field that is a time or leads to one.

    Attributes:
        name: The field's name in the object.
        model: What the field holds; None if the field itself is the time.
    """

    name: str
    model: type[Any] | None


@cache
def time_paths(model: type[Any], time: str) -> tuple[TimePath, ...]:
    """Return the fields of a lightkube model that are a time or lead to one.

    Args:
        model: The lightkube model.
        time: ``Time`` or ``MicroTime``.
    """
    found: list[TimePath] = []
    for name, annotation, inner in _annotated(model):  # type: ignore[arg-type]
        if time in _WORD.findall(annotation):
            found.append(TimePath(name, None))
        found += [TimePath(name, other) for other in inner if _leads_to_one(other, time)]  # type: ignore[arg-type]
    return tuple(found)


def _complete(content: Any, model: type[Any]) -> None:  # noqa: ANN401 - what a field holds
    for path in time_paths(model, "MicroTime"):  # type: ignore[arg-type]
        value = content.get(path.name)
        if path.model is None:
            if isinstance(value, str) and value[_SECONDS : _SECONDS + 1] not in {"", "."}:
                content[path.name] = f"{value[:_SECONDS]}.000000{value[_SECONDS:]}"
        else:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    _complete(item, path.model)


@cache
def _leads_to_one(model: type[Any], time: str) -> bool:
    seen, pending = {model}, [model]
    while pending:
        for _, annotation, inner in _annotated(pending.pop()):  # type: ignore[arg-type]
            if time in _WORD.findall(annotation):
                return True
            pending += [other for other in inner if other not in seen]
            seen.update(inner)
    return False


@cache
def _annotated(model: type[Any]) -> list[tuple[str, str, list[type[Any]]]]:
    return list(_fields(model))


def _fields(model: type[Any]) -> Iterator[tuple[str, str, list[type[Any]]]]:
    """Yield each field's name in the object, its annotation, and the models that the annotation names."""
    written = dict(zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True))
    for base in model.__mro__:
        # Names are looked up here: resolving the types would take a hundred times as long for every kind.
        scope = vars(sys.modules.get(base.__module__, inspect))
        for name, annotation in inspect.get_annotations(base).items():
            if name in written:
                text = annotation if isinstance(annotation, str) else str(annotation)
                yield written.pop(name), text, list(_models(text, scope))


def _models(annotation: str, scope: dict[str, Any]) -> Iterator[type[Any]]:
    for module, name in _NAMED.findall(annotation):
        found = getattr(scope.get(module), name, None) if module else scope.get(name)
        if isinstance(found, type) and issubclass(found, msgspec.Struct):
            yield found
