"""Two versions of a field for tests, mostly with one difference; and the largest value that both describe."""

from __future__ import annotations

from typing import Annotated, Any

from hypothesis import strategies as st
from lightkube.models.core_v1 import LocalObjectReference, Toleration
from pydantic import create_model

from kaiwu_runtime.api import APIModel, EmbeddedResource, IntOrString, PreserveUnknownFields
from kaiwu_runtime.api._kube import KubeModel

OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}

KEY = "zz"
"""The key of a value that no version names."""

SCALARS = [str, int, bool, IntOrString]
KUBE = [Annotated[Toleration, KubeModel()], Annotated[LocalObjectReference, KubeModel()]]
EMBEDDED = Annotated[dict[str, Any], EmbeddedResource(), PreserveUnknownFields()]
NAMES = st.sets(st.sampled_from(["name", "size", "key"]), min_size=1, max_size=3)

Field = tuple[Any, ...]
"""A type: ("is", annotation), ("list", item), ("map", value) or ("model", fields by name, open, embedded)."""

ANYTHING = [Any, dict[str, Any], list[Any]]
LEAVES = st.tuples(st.just("is"), st.sampled_from([*SCALARS, *SCALARS, *ANYTHING, *KUBE, EMBEDDED]))


@st.composite
def fields(draw: Any, depth: int = 2) -> Field:
    """Return a type."""
    shape = draw(st.sampled_from(["is", "list", "map", "model", "model"])) if depth else "is"
    if shape == "is":
        leaf: Field = draw(LEAVES)
        return leaf
    if shape != "model":
        return (shape, draw(fields(depth - 1)))
    members = {name: draw(fields(depth - 1)) for name in sorted(draw(NAMES))}
    embedded = draw(st.integers(0, 4)) == 0
    if embedded:
        members |= {"kind": ("is", str), "metadata": ("is", dict[str, Any])}
    return ("model", members, draw(st.integers(0, 4)) == 0, embedded)


@st.composite
def varied(draw: Any, field: Field, depth: int = 2) -> Field:
    """Return a type with, mostly, one difference to another one."""
    if field[0] == "is" or draw(st.integers(0, 3)) == 0:
        found: Field = draw(fields(depth))
        return found
    if field[0] != "model":
        return (field[0], draw(varied(field[1], depth - 1)))
    _, members, is_open, embedded = field
    how = draw(st.sampled_from(["inside", "drop", "add", "open", "map"]))
    name = draw(st.sampled_from(sorted(members)))
    if how == "inside":
        return ("model", members | {name: draw(varied(members[name], depth - 1))}, is_open, embedded)
    if how == "drop" and len(members) > 1 and not embedded:
        return ("model", {each: of for each, of in members.items() if each != name}, is_open, embedded)
    if how == "add":
        return ("model", members | {"more": draw(fields(0))}, is_open, embedded)
    if how == "open":
        return ("model", members, not is_open, embedded)
    return ("map", draw(varied(members[name], depth - 1)))


PAIRS = fields().flatmap(lambda field: st.tuples(st.just(field), st.just(field) | varied(field)))


def annotation(field: Field) -> Any:
    """Return the type as Python writes it."""
    match field:
        case ("is", kind):
            return kind
        case ("list", item):
            return list[annotation(item)]  # type: ignore[misc]
        case ("map", value):
            return dict[str, annotation(value)]  # type: ignore[misc]
        case _:
            _, members, is_open, embedded = field
            definitions: dict[str, Any] = {name: (annotation(of) | None, None) for name, of in members.items()}
            return _marked(create_model("Part", __base__=APIModel, **definitions), is_open, embedded)


def _marked(model: Any, is_open: bool, embedded: bool) -> Any:
    kept = Annotated[model, PreserveUnknownFields()] if is_open else model
    return Annotated[kept, EmbeddedResource()] if embedded else kept


def largest(schema: dict[str, Any], other: dict[str, Any]) -> Any:
    """Return a value with every field of a schema; what it leaves open is as another schema has it."""
    kind = schema.get("type")
    if kind is None and schema.get("x-kubernetes-preserve-unknown-fields") and "enum" not in schema:
        kind = other.get("type")
    if kind == "array":
        return [largest(schema.get("items", OPEN if "type" not in schema else {}), other.get("items") or {})]
    if kind == "object":
        return _object(schema, other)
    return {"string": "a", "boolean": True, "number": 1.5}.get(str(kind), 1)


def _object(schema: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    rest = schema.get("additionalProperties") or (OPEN if schema.get("x-kubernetes-preserve-unknown-fields") else None)
    its, its_rest = other.get("properties", {}), other.get("additionalProperties") or {}
    value = {name: largest(field, its.get(name, its_rest)) for name, field in schema.get("properties", {}).items()}
    if rest is not None:
        names = [name for name in (KEY, *its) if name not in {"apiVersion", "kind", "metadata", *value}]
        value |= {name: largest(rest, its.get(name, its_rest)) for name in names}
    if schema.get("x-kubernetes-embedded-resource"):
        value |= {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    return value


def removed(before: Any, after: Any, path: str) -> set[str]:
    """Return the outermost fields that one value has and the other lacks."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: set[str] = set()
        for name, value in before.items():
            where = f"{path}.{name}"
            found |= removed(value, after[name], where) if name in after else {where}
        return found
    if isinstance(before, list) and isinstance(after, list):
        return {each for one, two in zip(before, after, strict=True) for each in removed(one, two, path + "[]")}
    assert before == after
    return set()
