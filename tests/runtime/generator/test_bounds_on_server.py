"""Every bound beside every value: the model and the API server take the same, or the bound is refused in one line."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import Field, create_model

from kaiwu_runtime.api import (
    APIModel,
    CustomResource,
    Default,
    Float,
    Format,
    Int32,
    IntOrString,
    SchemaExtra,
    resource,
)
from kaiwu_runtime.client._codec import decode
from kaiwu_runtime.errors import DecodeError, DefinitionError
from kaiwu_runtime.generator import build_crds

from .rig import CRDS

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Server

pytestmark = pytest.mark.envtest

_EDGES = [2**53, 2**63 - 1]
BOUNDS: list[Any] = [
    *(0, 0.5, -0.5, 1.5, -1.5, 1e19, -1e300, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1),
    *(sign * edge + step for edge in _EDGES for sign in (1, -1) for step in (-1, 0, 1)),
    -(2**63),
    2**64,
]
INTEGERS: list[Any] = [bound for bound in BOUNDS if isinstance(bound, int) and -(2**63) <= bound < 2**63] + [
    1,
    -1,
    2,
    -2,
]
SMALL: list[Any] = [value for value in INTEGERS if -(2**31) <= value < 2**31]
FLOATS: list[Any] = [value for value in INTEGERS if abs(value) <= 2**53] + [
    0.5,
    -0.5,
    1.5,
    -1.5,
    0.1,
    0.3,
    1e18,
    1e19,
    1e300,
]
TYPES: dict[str, tuple[Any, list[float]]] = {
    "int": (int, INTEGERS),
    "Int32": (Int32, SMALL),
    "int of 32 bits": (Annotated[int, Format("int32")], SMALL),
    "Float": (Float, FLOATS),
    "IntOrString": (IntOrString, INTEGERS),
}


def _kind(base: Any, limits: dict[str, Any], name: str) -> type[CustomResource]:
    spec = create_model("Spec", __base__=APIModel, value=(base | None, Field(default=None, **limits)))
    made = create_model("Bounded", __base__=CustomResource, spec=(spec | None, None))
    kind = resource(group="bounds.example.com", version="v1", kind=name)(made)
    build_crds([kind])
    return kind


def _kinds() -> list[tuple[str, type[CustomResource], list[float]]]:
    """Return a kind for each bound that is not refused, with what is said about it and the values to try."""
    kinds: list[tuple[str, type[CustomResource], list[float]]] = []
    for (name, (base, values)), limit, bound in itertools.product(TYPES.items(), ("ge", "gt", "le", "lt"), BOUNDS):
        refusal = ""
        try:
            kinds.append((f"{name} {limit}={bound}", _kind(base, {limit: bound}, f"Bounded{len(kinds)}"), values))
        except DefinitionError as error:
            refusal = str(error)
        assert "\n" not in refusal
        assert len(refusal) < 400
    return kinds


def _takes(kind: type[CustomResource], value: float) -> bool:
    document = {"metadata": {"name": "a"}, "spec": {"value": value}}
    try:
        decode(kind, json.dumps(document).encode())
    except DecodeError:
        return False
    return True


def _schema(kind: type[CustomResource]) -> Any:
    version = build_crds([kind])[0].manifest["spec"]["versions"][0]
    return version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["value"]


def test_the_model_and_the_server_take_the_same_numbers(server: Server, tmp_path: Path) -> None:
    kinds = _kinds()
    assert len(kinds) > 150
    by_schema = {json.dumps(_schema(kind)): kind for _, kind, _ in kinds}
    server.install(by_schema.values(), tmp_path)
    answers: dict[tuple[str, float], tuple[int, Any]] = {}
    wrong: list[str] = []
    for what, kind, values in kinds:
        schema = json.dumps(_schema(kind))
        for value in values:
            if (schema, value) not in answers:
                installed = by_schema[schema]
                answers[schema, value] = server.create(installed, f"v{len(answers)}", spec={"value": value})
            code, answer = answers[schema, value]
            if (code == 201) != _takes(kind, value):
                wrong.append(f"{what}: {value!r}: {code} {answer.get('message', '')}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("step", [0.5, 2.5, 1e300, 2**53 + 1, 2**64])
@pytest.mark.parametrize("base", [Float, IntOrString], ids=["Float", "IntOrString"])
def test_a_step_that_the_server_would_round_is_refused(base: Any, step: float) -> None:
    with pytest.raises(DefinitionError, match=r"Spec\.value: multiple_of=.* is not valid"):
        _kind(base, {"multiple_of": step}, "Stepped")


STEPS = [1, 2, 3, 5, 10**9, 2**53]
STEPPED = [
    0,
    1,
    6,
    -10,
    2**53 + 1,
    0.5,
    -0.5,
    2.5,
    1e18,
    1e19,
    -1e19,
    3e19,
    1e22,
    1e300,
    123456789.123,
    -123456789.123,
    1e15 + 0.5,
]


def test_a_default_is_a_multiple_where_the_server_says_so(server: Server) -> None:
    wrong: list[str] = []
    for step, default in itertools.product(STEPS, STEPPED):
        field: Any = (Annotated[Float | None, SchemaExtra({"multipleOf": step}), Default(default)], None)
        spec = create_model("Spec", __base__=APIModel, value=field)
        made = create_model("Stepped", __base__=CustomResource, spec=(spec | None, None))
        kind = resource(group="bounds.example.com", version="v1", kind="Stepped")(made)
        refusal = ""
        try:
            build_crds([kind])
        except DefinitionError as error:
            refusal = str(error)
        manifest = build_crds([kind], check=False)[0].manifest
        manifest["spec"]["versions"][0]["storage"] = True
        code, _ = server.send("POST", f"{CRDS}?dryRun=All", manifest)
        if (code == 201) != (refusal == ""):
            wrong.append(f"{default!r} of {step}: {code} {refusal}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("limit", ["min_length", "max_length"])
def test_a_length_beyond_64_bits_is_refused(limit: str) -> None:
    with pytest.raises(DefinitionError, match=rf"Spec\.value: {limit}="):
        _kind(list[int], {limit: 2**63}, "Long")
