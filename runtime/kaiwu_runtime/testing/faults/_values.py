"""Values of Python as JSON that can be compared: their content, without addresses in memory."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from enum import Enum
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from kaiwu_runtime.testing.faults._volatile import TIME, Masks

_ADDRESS = re.compile(r" (?:object )?at 0x[0-9a-fA-F]+")
_LOCKS = frozenset({"asyncio.locks", "asyncio.mixins", "threading", "_thread"})
_DEEPEST = 50
_STAND_IN = {"(type)": "..."}


class Values:
    """Makes JSON of values.

    Args:
        masks: Replaces what differs from run to run; None to keep it.
        private: Look at attributes whose names begin with an underscore too.
    """

    def __init__(self, masks: Masks | None = None, *, private: bool = False) -> None:
        self._masks = masks
        self._private = private
        self._path: list[int] = []

    def attributes(self, obj: object) -> dict[str, Any]:
        """Return the attributes of an object."""
        return {name: self.json(value) for name, value in self._attributes(obj).items()}

    def json(self, value: Any) -> Any:  # noqa: ANN401 - whatever a stand-in remembers
        """Return a value: mappings and attributes as objects, sets in the order of what they contain."""
        if id(value) in self._path or len(self._path) > _DEEPEST:
            return dict(_STAND_IN)
        self._path.append(id(value))
        try:
            return self._json(value)
        finally:
            self._path.pop()

    def _json(self, value: Any) -> Any:  # noqa: ANN401
        match value:
            case None | bool():
                return value
            case Enum():
                return f"{type(value).__name__}.{value.name}"
            case str():
                return self._text(str(value))
            case int() | float():
                if isinstance(value, float) and not math.isfinite(value):
                    return repr(value)  # nan is not equal to itself
                return value if self._masks is None else self._masks.number(value)
            case dt.datetime():
                return TIME if self._masks is not None else repr(value)
            case Mapping():
                return self._members(value)
            case Set():
                return sorted(map(self.json, value), key=_order)
            case list() | tuple():
                found, names = [self.json(each) for each in value], getattr(type(value), "_fields", ())
                return dict(zip(names, found, strict=True)) if names else found
        return self._object(value)

    def _members(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        items = value.items() if not isinstance(value, Counter) else [each for each in value.items() if each[1]]
        named = ((self.json(name), self.json(part)) for name, part in items)
        return numbered((name if isinstance(name, str) else _order(name), part) for name, part in named)

    def _object(self, value: Any) -> Any:  # noqa: ANN401
        kind = type(value)
        if isinstance(value, type) or inspect.isroutine(value):
            return f"({value.__qualname__})"
        if kind.__module__ in _LOCKS:
            return f"({kind.__qualname__})"
        if isinstance(value, Iterable) and kind.__module__ in {"collections", "array"}:
            return [self.json(each) for each in value]
        if isinstance(value, BaseException):
            return {"(type)": kind.__qualname__, "args": self.json(value.args)}
        shown = vars(object)["__repr__"] is not kind.__repr__
        own = {} if shown and _is_standard(kind) else self._attributes(value)
        if shown and not own:
            return self._text(_ADDRESS.sub("", repr(value)))
        return {"(type)": kind.__qualname__} | {name: self.json(part) for name, part in own.items()}

    def _attributes(self, obj: object) -> dict[str, Any]:
        kind = type(obj)
        slots = [name for base in kind.__mro__ for name in _slots(base)]
        found = {name: getattr(obj, name, None) for name in slots if not name.startswith("__")}
        fields = {field.name for field in dataclasses.fields(obj)} if dataclasses.is_dataclass(obj) else set()
        return {
            name: part
            for name, part in {**found, **getattr(obj, "__dict__", {})}.items()
            if (self._private or name in fields or not name.startswith("_"))
            and not isinstance(getattr(kind, name, None), cached_property)
        }

    def _text(self, value: str) -> str:
        return value if self._masks is None else self._masks.text(value)


def numbered(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of equal names the later ones, in the order of their content, get a number.

    Args:
        pairs: Names and contents.
    """
    groups: dict[str, list[Any]] = {}
    for name, content in pairs:
        groups.setdefault(name, []).append(content)
    return {
        name if number == 1 else f"{name} ({number})": content
        for name, contents in sorted(groups.items())
        for number, content in enumerate(sorted(contents, key=_order) if len(contents) > 1 else contents, start=1)
    }


def _order(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, sort_keys=True)


def _slots(kind: type[Any]) -> tuple[str, ...]:
    found = vars(kind).get("__slots__", ())
    return (found,) if isinstance(found, str) else tuple(found)


def _is_standard(kind: type[Any]) -> bool:
    """Return whether a type is Python's own, whose text says what it contains and whose attributes may not."""
    return kind.__module__.partition(".")[0] in sys.stdlib_module_names and not issubclass(kind, SimpleNamespace)
