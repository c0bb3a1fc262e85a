# ruff: noqa: E501 - rows of a table read better on one line; pydantic copies mutable defaults
"""Limits where the Python value is not the JSON value: reading never fails for a limit of another JSON type."""

from __future__ import annotations

import ipaddress
import uuid
from typing import Annotated, Any, Literal

import pytest
from lightkube.models.core_v1 import Toleration
from pydantic import Field, ValidationError, create_model

from kaiwu_runtime.api import (
    APIModel,
    Base64Bytes,
    Conditions,
    Duration,
    EmbeddedResource,
    Float,
    Int32,
    IntOrString,
    Kube,
    PreserveUnknownFields,
    Quantity,
    Time,
)
from kaiwu_runtime.errors import DefinitionError

from ...identifiers import readable

PERCENT = r"^[0-9]+%$"


def model_of(annotation: Any) -> Any:
    return create_model("Spec", __base__=APIModel, value=(annotation, ...))


@pytest.mark.parametrize(
    ("annotation", "json", "python"),
    [
        (Annotated[IntOrString, Field(ge=1)], {"1": True, "0": False, '"0"': True, '"x"': True}, {}),
        (Annotated[IntOrString, Field(max_length=3)], {"12345": True, '"abcd"': False, '"abc"': True}, {}),
        (Annotated[IntOrString, Field(pattern=PERCENT)], {"5": True, '"5%"': True, '"5"': False}, {}),
        (Annotated[IntOrString, Field(ge=1, max_length=2, pattern=PERCENT)], {"0": False, "100": True, '"5%"': True, '"55%"': False, '"x"': False}, {}),
        (Annotated[Annotated[IntOrString, Field(ge=1)], Field(max_length=2)], {"0": False, "100": True, '"abc"': False}, {}),
        (Annotated[IntOrString | None, Field(le=3)], {"null": True, "4": False, '"4"': True}, {}),
        (list[Annotated[IntOrString, Field(min_length=2)]], {'[1, "ab"]': True, '["a"]': False}, {}),
        (Annotated[int, Field(ge=1)] | Literal["auto"], {"1": True, "0": False, '"auto"': True, '"x"': False}, {}),
        (Annotated[Quantity, Field(max_length=3)], {'"1Gi"': True, '"10Gi"': False, "12345": True}, {"123": True, "12345": False}),
        (Annotated[Quantity, Field(pattern="Gi$")], {'"1Gi"': True, '"1"': False, "1": True}, {"1": False}),
        (Annotated[Quantity, Field(max_length=3, pattern="Gi$")], {'"1Gi"': True, '"10Gi"': False, '"1"': False, "12345": True}, {}),
        (int, {str(2**63 - 1): True, str(2**63): False, str(-(2**63)): True, str(-(2**63) - 1): False}, {}),
        (Annotated[int, Field(le=2**70, gt=-(2**70))], {str(2**63 - 1): True, str(2**63): False, str(-(2**63) - 1): False}, {}),
        (Annotated[int, Field(lt=5, ge=2)], {"4": True, "5": False, "1": False}, {}),
        (Int32, {str(2**31 - 1): True, str(2**31): False}, {}),
        (ipaddress.IPv6Address, {'"fe80::1"': True, '"fe80::1%eth0"': False, '"::ffff:1.2.3.4"': True}, {}),
        (list[ipaddress.IPv6Address | None], {'["fe80::1", null]': True, '["fe80::1%eth0"]': False}, {}),
        (dict[str, int], {'{"a": 1}': True, f'{{"a": {2**63}}}': False}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_a_limit_counts_what_the_api_server_counts(
    annotation: Any, json: dict[str, bool], python: dict[str, bool]
) -> None:
    model = model_of(annotation)
    for text, fits in json.items():
        assert fits == reads(model.model_validate_json, f'{{"value": {text}}}'), text
    for text, fits in python.items():
        assert fits == reads(model.model_validate, {"value": int(text)}), text


def reads(read: Any, value: Any) -> bool:
    try:
        read(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Annotated[str, Field(min_length=-1)], "Spec.value: min_length=-1 is not valid: "),
        (list[Annotated[int, Field(ge=0.5)]], "Spec.value: ge=0.5 is not valid: "),
        (Annotated[int, Field(multiple_of=0)], "Spec.value: multiple_of=0 is not valid: "),
        (dict[str, Annotated[str, Field(max_length="x")]], "Spec.value: max_length='x' is not valid: "),
    ],
    ids=str,
)
def test_a_limit_that_no_value_can_have_names_model_and_field(annotation: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        model_of(annotation)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def nodes(schema: Any) -> int:
    """Return of how many parts a core schema is made."""
    if isinstance(schema, dict):
        return 1 + sum(nodes(part) for key, part in schema.items() if key != "metadata")
    return sum(map(nodes, schema)) if isinstance(schema, list | tuple) else 0


TYPES: list[Any] = [
    int, str, Float, Any, IntOrString, int | str, int | Literal["auto"], Quantity, Duration, Time, Base64Bytes, Conditions,
    ipaddress.IPv4Address, ipaddress.IPv6Address, uuid.UUID, list[Quantity], dict[str, Any], Kube[Toleration],
    Annotated[dict[str, Any], EmbeddedResource(), PreserveUnknownFields()],
]  # fmt: skip
LIMITS: list[dict[str, Any]] = [{}, {"ge": 1}, {"max_length": 3}, {"max_length": 3, "min_length": 1}, {"pattern": "a"}]


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("annotation", TYPES, ids=readable)
def test_a_model_in_many_models_is_adapted_once(annotation: Any, limits: dict[str, Any]) -> None:
    """pydantic reuses the schema of a model in every other model that has it."""
    try:
        part = model_of(Annotated[annotation, Field(**limits)])
    except (DefinitionError, TypeError):
        return
    first, *_, last = [nodes(model_of(part).__pydantic_core_schema__) for _ in range(4)]
    assert first == last
