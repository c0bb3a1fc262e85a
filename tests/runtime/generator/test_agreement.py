# ruff: noqa: E501 - rows of a table read better on one line
"""What pydantic accepts for a generated limit, the schema accepts, and the other way round.

Three judges of the same values: the model, the generator's own checker of schemas, and (in the test marked envtest)
the API server.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, Field, ValidationError, create_model

from kaiwu_runtime.api import (
    APIModel,
    CustomResource,
    Duration,
    Float,
    Int32,
    IntOrString,
    ListType,
    Quantity,
    resource,
)
from kaiwu_runtime.generator import resource_schema
from kaiwu_runtime.generator._json_validation import violations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INT64 = {"min_value": -(2**63), "max_value": 2**63 - 1}


class Strict(APIModel):
    """JSON tells 1 from "1", and so does the API server; pydantic is lenient by default."""

    model_config = ConfigDict(strict=True)


def limits(draw: Callable[[Any], Any], *names: str, low: int, high: int) -> dict[str, Any]:
    chosen = draw(st.sets(st.sampled_from(names), max_size=2))
    return {name: draw(st.integers(low, high)) for name in sorted(chosen)}


@st.composite
def annotated(draw: Any) -> tuple[Any, Any]:
    """Return a type with limits, and a strategy of values about their edges."""
    kind = draw(st.sampled_from(["int", "int32", "float", "str", "list", "dict", "literal", "pattern", "union"]))
    if kind in {"int", "int32"}:
        base: Any = int if kind == "int" else Int32
        bounds = limits(draw, "ge", "gt", "le", "lt", "multiple_of", low=1, high=5)
        return Annotated[base, Field(**bounds)], st.integers(-2, 8) | st.integers(**INT64)
    if kind == "float":
        bounds = limits(draw, "ge", "gt", "le", "lt", low=-2, high=2)
        return Annotated[Float, Field(**bounds)], st.floats(-3, 3, allow_nan=False) | st.integers(-3, 3)
    if kind == "str":
        bounds = limits(draw, "min_length", "max_length", low=0, high=4)
        return Annotated[str, Field(**bounds)], st.text(max_size=6)
    if kind == "pattern":
        pattern = draw(st.sampled_from(["^[a-z]+$", "^a", "b$", "a|b", "^$", "[0-9]{2}", "^(a|bc)*$", "^.$"]))
        return Annotated[str, Field(pattern=pattern)], st.text(alphabet="abc0\u0661\n", max_size=4)
    if kind == "list":
        bounds = limits(draw, "min_length", "max_length", low=0, high=3)
        item: Any = Annotated[int, Field(ge=0)]
        return Annotated[list[item], Field(**bounds)], st.lists(st.integers(-1, 2), max_size=5)
    if kind == "dict":
        bounds = limits(draw, "min_length", "max_length", low=0, high=3)
        value: Any = Annotated[str, Field(max_length=1)]
        return Annotated[dict[str, value], Field(**bounds)], st.dictionaries(
            st.text(max_size=2), st.text(max_size=2), max_size=4
        )
    if kind == "literal":
        return Literal["a", "b"], st.sampled_from(["a", "b", "c", 1, None])
    return IntOrString, st.integers(**INT64) | st.text(max_size=2) | st.floats(0, 1) | st.booleans()


def model_of(annotation: Any) -> type[CustomResource]:
    spec = create_model("Spec", __base__=Strict, value=(annotation, ...))
    model = create_model("Agreement", __base__=CustomResource, spec=(spec, ...))
    return resource(group="agree.example.com", version="v1")(model)


def pydantic_accepts(model: type[CustomResource], value: Any) -> bool:
    try:
        model.model_validate({"spec": {"value": value}})
    except ValidationError:
        return False
    return True


def schema_accepts(model: type[CustomResource], value: Any) -> bool:
    return not list(violations({"value": value}, resource_schema(model).properties["spec"]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_model_and_its_schema_agree(data: Any) -> None:
    annotation, values = data.draw(annotated())
    model = model_of(annotation)
    for _ in range(4):
        value = data.draw(values)
        assert pydantic_accepts(model, value) == schema_accepts(model, value), (annotation, value)


@given(st.text(alphabet=string.printable, max_size=8))
@example("1e3")
@example("12Ki")
@example("1h30m")
def test_amounts_and_durations_agree(text: str) -> None:
    for annotation in (Quantity, Duration):
        model = model_of(annotation)
        assert pydantic_accepts(model, text) == schema_accepts(model, text), text


def test_what_is_only_in_the_schema() -> None:
    """A list set is the API server's to check: pydantic has no such limit, and reading never fails for it."""
    model = model_of(Annotated[list[int], ListType("set")])
    assert pydantic_accepts(model, [1, 1])
    assert not schema_accepts(model, [1, 1])


SAMPLES: list[tuple[str, Any, list[Any]]] = [
    ("Integers", Annotated[int, Field(ge=-3, lt=7, multiple_of=2)], [-4, -2, 0, 1, 6, 7, 8, 1.5, "1", True, 2**63]),
    ("SmallIntegers", Int32, [2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 0, "0", 0.5]),
    ("Floats", Annotated[Float, Field(gt=-1, le=1)], [-1, -0.999, 0, 1, 1.0001, "1", True]),
    ("Strings", Annotated[str, Field(min_length=1, max_length=3, pattern="^[a-zä]+$")], ["", "a", "äää", "aaaa", "A", "a\n", 1]),
    ("Lists", Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)], [[], [0], [-1], [1, 2], [1, 2, 3], "x", {}]),
    ("Maps", Annotated[dict[str, Annotated[str, Field(max_length=1)]], Field(max_length=1)], [{}, {"a": "b"}, {"a": "bb"}, {"a": "b", "c": "d"}, []]),
    ("Words", Literal["a", "b"], ["a", "b", "c", "", 1, True]),
    ("Unions", IntOrString, [1, "1", 1.5, True, [], 2**53]),
    ("Quantities", Quantity, ["1", "1.5Gi", "1e3", "1E", "Gi", "1 Gi", "", ".5", "5.", "+1", "1e1000", 3, 1.5, True]),
    ("Durations", Duration, ["1h", "1h30m", "0", "", "1", "1d", "-1.5h", "1 h", "1µs", "99999999h", 3]),
]  # fmt: skip


@pytest.mark.envtest
def test_the_api_server_agrees(server: Any, tmp_path: Path) -> None:
    models = {}
    for name, annotation, _ in SAMPLES:
        spec = create_model("Spec", __base__=Strict, value=(annotation, ...))
        models[name] = resource(group="agree.example.com", version="v1")(
            create_model(name, __base__=CustomResource, spec=(spec, ...))
        )
    server.install(models.values(), tmp_path)
    disagreements = []
    for name, _, values in SAMPLES:
        for value in values:
            model = models[name]
            body = {
                "apiVersion": "agree.example.com/v1",
                "kind": name,
                "metadata": {"name": "x"},
                "spec": {"value": value},
            }
            code, answer = server.send("POST", f"{server.path(model)}?dryRun=All", body)
            assert code in {201, 400, 422}, answer
            verdicts = (pydantic_accepts(model, value), schema_accepts(model, value), code == 201)
            if len(set(verdicts)) > 1:
                disagreements.append((name, value, verdicts, answer.get("message")))
    assert disagreements == []
