"""The status of an object with several writers: the changes of all are made, and what one removes is removed.

Lists are values, except ``conditions``, whose items are named by their type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kaiwu_runtime._json_equality import json_equal

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_MISSING: Any = object()


def merged_status(base: bytes, wanted: bytes, stored: bytes) -> msgspec.Raw:
    """Return the stored status with the changes that lead from a base to what is wanted.

    What both changed becomes as it is wanted.

    Args:
        base: The JSON of the status that was read.
        wanted: What the reader has made of it.
        stored: What other writers have made of it meanwhile.
    """
    return msgspec.Raw(_encode(_merged("status", _decode(base), _decode(wanted), _decode(stored))))


def removes(base: bytes, wanted: bytes) -> bool:
    """Return whether something of a base is not wanted any more; quick, as every write of a status asks it."""
    return _lacks(_decode(wanted), _decode(base))


def removal_patch(base: bytes, wanted: bytes, stored: object) -> dict[str, Any]:
    """Return the JSON merge patch that takes out what an apply has left, because other managers have set it too.

    Args:
        base: The JSON of the status that was read.
        wanted: What was made of it, and applied.
        stored: The status after that.

    Returns:
        The members of the status to patch; empty if what was removed is gone.
    """
    return _left(_decode(base), _decode(wanted), stored)


def _lacks(wanted: Any, base: Any) -> bool:  # noqa: ANN401 - any JSON
    if type(base) is not dict or type(wanted) is not dict:
        return False
    for name, was in base.items():
        now = wanted.get(name, _MISSING)
        if name == "conditions" and now != was:
            items = [] if now is _MISSING else now
            if _has_types(was) and _has_types(items):
                if {each["type"] for each in was} - {each["type"] for each in items}:
                    return True
                continue
        if now is _MISSING or (type(was) is dict and _lacks(now, was)):
            return True
    return False


def _left(base: Any, wanted: Any, stored: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    patch: dict[str, Any] = {}
    if not (isinstance(base, Mapping) and isinstance(wanted, Mapping) and isinstance(stored, Mapping)):
        return patch
    for name, was in base.items():
        if name not in stored:
            continue
        if name == "conditions" and all(_has_types(each) for each in (was, wanted.get(name, []), stored[name])):
            gone = {each["type"] for each in was} - {each["type"] for each in wanted.get(name, [])}
            kept = [each for each in stored[name] if each["type"] not in gone]
            if len(kept) < len(stored[name]):
                patch[name] = kept
        elif name not in wanted:
            patch[name] = None
        elif inner := _left(was, wanted[name], stored[name]):
            patch[name] = inner
    return patch


def _merged(name: str, base: Any, wanted: Any, stored: Any) -> Any:  # noqa: ANN401 - any JSON
    if wanted is base or (wanted is not _MISSING and base is not _MISSING and json_equal(wanted, base)):
        return stored
    if isinstance(wanted, Mapping) and isinstance(stored, Mapping):
        return _members(base if isinstance(base, Mapping) else {}, wanted, stored)
    if name == "conditions":
        lists = [[] if each is _MISSING else each for each in (base, wanted, stored)]
        if all(_has_types(each) for each in lists):
            return _conditions(*lists) or (_MISSING if wanted is _MISSING else [])
    return wanted


def _members(base: Mapping[str, Any], wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: _merged(name, base.get(name, _MISSING), wanted.get(name, _MISSING), stored.get(name, _MISSING))
        for name in {**stored, **wanted}
    }
    return {name: value for name, value in found.items() if value is not _MISSING}


def _conditions(base: list[Any], wanted: list[Any], stored: list[Any]) -> list[Any]:
    """Merge conditions by their types; each is a whole, as its status and its reason belong together."""
    before, ours, theirs = ({each["type"]: each for each in items} for items in (base, wanted, stored))
    found = []
    for type_ in {**theirs, **ours}:
        mine, was = ours.get(type_), before.get(type_)
        kept = theirs.get(type_) if json_equal(mine, was) else mine
        if kept is not None:
            found.append(kept)
    return found


def _has_types(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("type"), str) for each in value
    )
