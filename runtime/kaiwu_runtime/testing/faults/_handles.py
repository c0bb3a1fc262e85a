"""Handles: objects through which a stand-in is used, such as a session, a cursor, or `zones` of a client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping, Set
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

_DEEPEST = 6
_MOST = 1000


def is_handle(value: object, inner: object) -> bool:
    """Return whether an object acts on a stand-in, to which it refers; others are data.

    Args:
        value: What a function of the stand-in returned, or what it has as an attribute.
        inner: The stand-in.
    """
    if value is inner:
        return True
    if _is_plain(value) or isinstance(value, Mapping | Set | list | tuple | BaseException | asyncio.Future):
        return False
    return _refers(value, inner)


def _refers(value: object, inner: object) -> bool:
    seen, level = {id(value)}, [value]
    for _ in range(_DEEPEST):
        found = [part for each in level for part in _parts(each) if not _is_plain(part)]
        if any(part is inner for part in found):
            return True
        level = list({id(part): part for part in found if id(part) not in seen}.values())
        seen.update(map(id, level))
        if not level or len(seen) > _MOST:
            return False
    return False


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | bytes | int | float | type | ModuleType)


def _parts(value: Any) -> Iterable[object]:  # noqa: ANN401 - any object
    match value:
        case Mapping():
            return list(value.values())
        case list() | tuple() | Set():
            return list(value)
        case MethodType():
            return [value.__self__, value.__func__]
        case partial():
            return [value.func, *value.args, *value.keywords.values()]
        case FunctionType():
            return _cells(value)
    if inspect.isgenerator(value) or inspect.iscoroutine(value) or inspect.isasyncgen(value):
        frame = getattr(value, f"{_PREFIXES[type(value).__name__]}_frame")
        return [] if frame is None else list(frame.f_locals.values())
    slots = [name for base in type(value).__mro__ for name in _slots(base)]
    own = [getattr(value, name, None) for name in slots if not name.startswith("__")]
    return [*own, *getattr(value, "__dict__", {}).values()]


_PREFIXES = {"generator": "gi", "coroutine": "cr", "async_generator": "ag"}


def _cells(function: FunctionType) -> list[object]:
    found: list[object] = list(function.__defaults__ or ())
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    return found


def _slots(kind: type[Any]) -> tuple[str, ...]:
    found = vars(kind).get("__slots__", ())
    return (found,) if isinstance(found, str) else tuple(found)
