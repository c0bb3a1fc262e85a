"""JSON patches: the operations that turn one document into another.

Takes linear time, and a patch is not much larger than the document, whatever the content is.

See https://www.rfc-editor.org/rfc/rfc6902
"""

from __future__ import annotations

from typing import Any

from kaiwu_runtime._json_equality import json_equal

MAX_OPERATIONS = 10_000
"""Operations before the members of the document that are still to come are replaced whole."""

MAX_POINTERS = 1024 * 1024
"""Characters of all paths together, likewise: deep inside of a document a path can be as long as the document."""

_Pointer = tuple["_Pointer", str | int] | None
"""A path from the inside out: written out only where there is an operation."""


def json_patch(raw: Any, wanted: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON value
    """Return the operations that turn one JSON document into another.

    Args:
        raw: The document that the patch is for.
        wanted: What it is to become.

    Raises:
        RecursionError: The documents are nested deeper than Python's stack.
    """
    patch = _Patch()
    patch.compare(raw, wanted, None)
    return patch.operations


class _TooLongError(Exception):
    """The patch would be larger than the document."""


class _Patch:
    def __init__(self) -> None:
        self.operations: list[dict[str, Any]] = []
        self._left = MAX_POINTERS

    def compare(self, raw: Any, wanted: Any, at: _Pointer) -> None:  # noqa: ANN401
        if raw is wanted:
            return
        if isinstance(raw, dict) and isinstance(wanted, dict):
            self._objects(raw, wanted, at)
        elif isinstance(raw, list) and isinstance(wanted, list):
            self._lists(raw, wanted, at)
        elif not json_equal(raw, wanted):
            self._add("replace", at, wanted)

    def _objects(self, raw: dict[str, Any], wanted: dict[str, Any], at: _Pointer) -> None:
        for name in raw:
            if name not in wanted:
                self._add("remove", (at, name))
        for name, value in wanted.items():
            if name not in raw:
                self._add("add", (at, name), value)
            elif at is None:
                self._member(raw[name], value, (at, name))
            else:
                self.compare(raw[name], value, (at, name))

    def _member(self, raw: Any, wanted: Any, at: _Pointer) -> None:  # noqa: ANN401
        """Compare one member of the document; replace it whole when its patch gets too long."""
        begin, left = len(self.operations), self._left
        try:
            self.compare(raw, wanted, at)
        except _TooLongError:
            del self.operations[begin:]
            self._left = left
            self.operations.append({"op": "replace", "path": _path(at), "value": wanted})

    def _lists(self, raw: list[Any], wanted: list[Any], at: _Pointer) -> None:
        if len(raw) == len(wanted):
            for index, value in enumerate(wanted):
                self.compare(raw[index], value, (at, index))
        elif len(raw) < len(wanted) and json_equal(raw, wanted[: len(raw)]):
            for value in wanted[len(raw) :]:
                self._add("add", (at, "-"), value)
        else:
            self._add("replace", at, wanted)

    def _add(self, operation: str, at: _Pointer, *value: object) -> None:
        path = _path(at)
        if at is not None and at[0] is not None:  # what concerns a member as a whole has to be said in any case
            self._left -= len(path)
            if self._left < 0 or len(self.operations) >= MAX_OPERATIONS:
                raise _TooLongError
        self.operations.append({"op": operation, "path": path, **({"value": value[0]} if value else {})})


def _path(at: _Pointer) -> str:
    parts: list[str] = []
    while at is not None:
        at, part = at
        parts.append(str(part).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in reversed(parts))
