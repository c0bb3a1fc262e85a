"""JSON merge patch and JSON patch.

See https://www.rfc-editor.org/rfc/rfc7386 and https://www.rfc-editor.org/rfc/rfc6902
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime._unsigned import unsigned


class PatchError(Exception):
    """An operation of a JSON patch cannot be carried out."""


def merge_patch(value: object, patch: object) -> Any:  # noqa: ANN401 - any JSON
    """Return a value with a merge patch in it: members are merged, null removes, everything else replaces.

    Neither is changed, and the result shares their parts.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for name, part in patch.items():
        if part is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), part)
    return merged


def json_patch(value: object, operations: Sequence[Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return a copy of a value with the operations applied in order.

    Raises:
        PatchError: An operation cannot be applied; the whole patch is dropped.
    """
    document = {"": deepcopy(value)}  # so that the whole document is a member too
    for operation in operations:
        if not isinstance(operation, dict) or "op" not in operation or "path" not in operation:
            raise PatchError(f"{operation!r} is not a valid operation")
        _carry_out(document, operation)
    return document[""]


def _carry_out(document: dict[str, Any], operation: dict[str, Any]) -> None:
    word, path = operation["op"], _split(operation["path"])
    if word in {"add", "replace", "test"} and "value" not in operation:
        raise PatchError(f"{word} {operation['path']}: no value")
    if word == "add":
        _add(document, path, deepcopy(operation["value"]))
    elif word == "remove":
        _remove(document, path)
    elif word == "replace":
        _replace(document, path, deepcopy(operation["value"]))
    elif word in {"move", "copy"}:
        origin = _split(operation.get("from"))
        found = _remove(document, origin) if word == "move" else deepcopy(_get(document, origin))
        _add(document, path, found)
    elif word == "test":
        if not json_equal(_get(document, path), operation["value"]):
            raise PatchError(f"testing path {operation['path']}: test failed")
    else:
        raise PatchError(f"{word!r} is not a valid operation")


def _split(pointer: object) -> list[str]:
    """Return the parts of a JSON pointer, the document's own empty one first.

    See https://www.rfc-editor.org/rfc/rfc6901
    """
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchError(f"{pointer!r} is not a valid JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]


def _get(document: Any, path: list[str]) -> Any:  # noqa: ANN401 - any JSON
    for part in path:
        document = document[_existing(document, part, path)]
    return document


def _add(document: dict[str, Any], path: list[str], value: object) -> None:
    parent = _get(document, path[:-1])
    last = path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent) + 1, path), value)
    else:
        raise _missing(path)


def _replace(document: dict[str, Any], path: list[str], value: object) -> None:
    parent = _get(document, path[:-1])
    # The member may be absent: an API server does not enforce that part of the standard.
    parent[path[-1] if isinstance(parent, dict) else _existing(parent, path[-1], path)] = value


def _remove(document: dict[str, Any], path: list[str]) -> Any:  # noqa: ANN401 - any JSON
    parent = _get(document, path[:-1])
    return parent.pop(_existing(parent, path[-1], path))


def _existing(parent: object, part: str, path: list[str]) -> Any:  # noqa: ANN401 - a name or a number
    if isinstance(parent, dict) and part in parent:
        return part
    if isinstance(parent, list):
        return _index(part, len(parent), path)
    raise _missing(path)


def _index(part: str, length: int, path: list[str]) -> int:
    index = unsigned(part)
    if index is None or index >= length:
        raise _missing(path)
    return index


def _missing(path: list[str]) -> PatchError:
    return PatchError(f"{'/'.join(path)}: there is nothing")
