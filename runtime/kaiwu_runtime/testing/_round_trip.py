"""Check that a conversion loses nothing: objects with every field set, there and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from kaiwu_runtime.api import identify
from kaiwu_runtime.client import encode
from kaiwu_runtime.testing._valid_objects import TEXTS, valid_object

S = TypeVar("S", bound=BaseModel)
H = TypeVar("H")
T = TypeVar("T")

_VARIANTS = 3
_MAX_DEPTH = 6

_FORMATS = {
    "byte": ("YQ==",),
    "date-time": ("2026-01-02T03:04:05Z",),
    "date": ("2026-01-02",),
    "uuid": ("00000000-0000-4000-8000-000000000000",),
}


def assert_round_trip(kind: type[S] | S, forth: Callable[[S], H], back: Callable[[H], S]) -> None:
    """Fail if an object loses a field of its spec or status on its way to another version and back.

    ::

        @given(obj=objects(Shop))
        def test_nothing_is_lost(obj: Shop) -> None:
            assert_round_trip(obj, v1_conversion.from_hub, v1_conversion.to_hub)

    Args:
        kind: An object of the version to begin with; or its type, from which a few objects are made: one with only the
            required fields, and several with each field set for which a valid value is found.
        forth: Returns the object in the other version.
        back: Returns it in this one again.

    Raises:
        AssertionError: Names the fields that are lost or changed.
    """
    for obj in filled_objects(kind) if isinstance(kind, type) else (kind,):
        found = back(forth(obj.model_copy(deep=True)))
        # A field that is not set has its default: the API server fills it in before it converts an object.
        real = _lost(_filled(obj.model_copy(deep=True)), _filled(found.model_copy(deep=True)))
        lost = [path for path in _lost(obj, found) if any(_is_same_part(path, each) for each in real)]
        if lost:
            identity = identify(type(obj))
            raise AssertionError(
                f"{identity.kind} {identity.version}: not the same after a conversion and back: {', '.join(lost)}; set "
                "these fields in the conversion functions, or keep them in an annotation"
            )


def filled_objects(kind: type[S]) -> Iterator[S]:
    """Return objects of a type: one with the required fields only, then some with every field set.

    Args:
        kind: A type of the project.
    """
    schema = kind.model_json_schema(by_alias=True)
    for variant in range(_VARIANTS + 1):
        content = {
            name: _value(part, schema, variant, 0, required_only=variant == 0)
            for name, part in schema.get("properties", {}).items()
            if name not in {"apiVersion", "kind", "metadata"}
        }
        obj = valid_object(kind, content)
        if obj is not None:
            yield obj


def _value(part: dict[str, Any], root: dict[str, Any], variant: int, depth: int, *, required_only: bool) -> Any:  # noqa: ANN401
    """Return a value for a part of a JSON schema."""
    if "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    if "const" in part:
        return part["const"]
    if "enum" in part:
        return part["enum"][variant % len(part["enum"])]
    if branches := part.get("anyOf") or part.get("oneOf"):
        present = [branch for branch in branches if branch.get("type") != "null"]
        return _value(present[variant % len(present)], root, variant, depth, required_only=required_only)
    match part.get("type"):
        case "object":
            return _object(part, root, variant, depth, required_only=required_only)
        case "array":
            if depth >= _MAX_DEPTH or not isinstance(part.get("items"), dict):
                return []
            count = max(1, part.get("minItems", 1))
            return [
                _value(part["items"], root, variant + index, depth + 1, required_only=required_only)
                for index in range(count)
            ]
        case "integer" | "number":
            low = part.get("minimum", part.get("exclusiveMinimum", 0))
            return min(max(int(low) + 1, 1) + variant, part.get("maximum", 2**31))
        case "boolean":
            return variant % 2 == 1
        case "string":
            texts = _FORMATS.get(part.get("format", ""), TEXTS)
            return texts[variant % len(texts)][: part.get("maxLength", 1000)].ljust(part.get("minLength", 0), "a")
        case _:
            return "a"


def _object(part: dict[str, Any], root: dict[str, Any], variant: int, depth: int, *, required_only: bool) -> Any:  # noqa: ANN401
    if "properties" in part:
        required = part.get("required", ())
        return {
            name: _value(each, root, variant, depth + 1, required_only=required_only)
            for name, each in part["properties"].items()
            if name in required or not (required_only or depth >= _MAX_DEPTH)
        }
    values = part.get("additionalProperties")
    if required_only or not isinstance(values, dict) or depth >= _MAX_DEPTH:
        return {}
    return {"a": _value(values, root, variant, depth + 1, required_only=required_only)}


def _filled(value: T) -> T:
    """Mark every field as set that has its default, in a model and in the models inside."""
    if isinstance(value, BaseModel):
        value.model_fields_set.update(type(value).model_fields)
        for name in type(value).model_fields:
            _filled(getattr(value, name))
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            _filled(part)
    return value


def _is_same_part(path: str, other: str) -> bool:
    """Return whether two paths are equal, or one is inside the other."""
    longer, shorter = (path, other) if len(path) >= len(other) else (other, path)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))


def _lost(expected: object, found: object) -> list[str]:
    return sorted(_differences(_content(expected), _content(found), ""))


def _content(obj: object) -> dict[str, Any]:
    content = json.loads(encode(obj))
    return {name: value for name, value in content.items() if name not in {"apiVersion", "kind", "metadata"}}


def _differences(expected: Any, found: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - parts of JSON
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected.keys() | found.keys():
            if name not in found or name not in expected:
                # What is empty may be left out; 0, false and "" are values.
                if (expected[name] if name in expected else found[name]) not in ({}, None, []):
                    yield f"{path}.{name}".lstrip(".")
            else:
                yield from _differences(expected[name], found[name], f"{path}.{name}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, pair in enumerate(zip(expected, found, strict=True)):
            yield from _differences(*pair, f"{path}[{index}]")
    elif expected != found:
        yield path.lstrip(".")
