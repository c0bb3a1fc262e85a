# ruff: noqa: E501 - rows of a table read better on one line
"""Every limit beside every type: it is refused in one line, or counts the same in the model and in the schema."""

from __future__ import annotations

import base64
import datetime as dt
import enum
import ipaddress
import itertools
import uuid
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models.core_v1 import Toleration
from pydantic import Field, ValidationError, create_model

from kaiwu_runtime.api import (
    APIModel,
    Base64Bytes,
    Conditions,
    CustomResource,
    Duration,
    Float,
    Int32,
    IntOrString,
    Kube,
    Quantity,
    SchemaType,
    Time,
    resource,
)
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import resource_schema
from kaiwu_runtime.generator._cel_evaluation import broken
from kaiwu_runtime.generator._json_validation import violations
from kaiwu_runtime.generator._limit_rules import bound_rule
from kaiwu_runtime.generator._schema import Schema

from ...identifiers import readable


class Inner(APIModel):
    size: int = 1


class Tier(enum.StrEnum):
    GOLD = "gold"


class Level(enum.IntEnum):
    LOW = 1


class Ratio(enum.Enum):
    HALF = 0.5


NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
TYPES: list[tuple[Any, list[Any]]] = [
    (str, ["", "a", "abcdef", "0"]),
    (int, [0, 1, 2, 7, -4]),
    (Int32, [0, 1, 2, 7]),
    (Float, [0.5, 1.0, 7.5]),
    (bool, [True, False]),
    (IntOrString, [0, 1, 7, "", "a", "abcdef", "0"]),
    (int | str, [0, 7, "", "abcdef"]),
    (int | Literal["auto"], [0, 7, "auto"]),
    (Quantity, ["1", "10Gi", "0", "1.5"]),
    (Duration, ["1h", "0", "1h30m"]),
    (Time, [NOW]),
    (dt.date, [NOW.date()]),
    (uuid.UUID, [uuid.UUID(int=1)]),
    (ipaddress.IPv4Address, [ipaddress.IPv4Address("10.0.0.1")]),
    (ipaddress.IPv6Address, [ipaddress.IPv6Address("::1")]),
    (Base64Bytes, [b"", b"a", b"ab", b"abc", b"abcd", b"abcdefg"]),
    (Any, [1, "a", None, [1]]),
    (list[int], [[], [1], [1, 2, 3, 4]]),
    (dict[str, int], [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3, "d": 4}]),
    (dict[str, Any], [{}, {"a": None}]),
    (Inner, [Inner()]),
    (list[Inner], [[Inner()]]),
    (Literal["a", "bcdefg"], ["a", "bcdefg"]),
    (Literal[1, 7], [1, 7]),
    (Literal["a", 1], ["a", 1]),
    (Tier, [Tier.GOLD]),
    (Level, [Level.LOW]),
    (Ratio, [Ratio.HALF]),
    (Kube[Toleration], [Toleration()]),
    (Conditions, [[]]),
    (Annotated[Any, SchemaType("string")], ["a"]),
]  # fmt: skip
LIMITS: list[dict[str, Any]] = [
    {"ge": 1}, {"gt": 0}, {"le": 5}, {"lt": 5}, {"multiple_of": 2}, {"ge": 0.5}, {"ge": float("nan")}, {"le": float("inf")},
    {"ge": NOW}, {"ge": NOW.date()}, {"le": "b"}, {"ge": None},
    {"min_length": 1}, {"min_length": 2}, {"min_length": 3}, {"max_length": 0}, {"max_length": 3}, {"max_length": 4}, {"max_length": 5},
    {"min_length": 2, "max_length": 5}, {"min_length": -1}, {"max_length": "x"}, {"max_length": 1.5},
    {"pattern": "^[a-z]*$"}, {"pattern": "["},
]  # fmt: skip


def kind_of(annotation: Any) -> Any:
    spec = create_model("Spec", __base__=APIModel, value=(annotation, ...))
    return resource(group="limits.example.com", version="v1")(
        create_model("Thing", __base__=CustomResource, spec=(spec, ...))
    )


def schema_of(annotation: Any) -> Any:
    """Return kind and schema of a type, or the one line it is refused with."""
    try:
        kind = kind_of(annotation)
        return kind, resource_schema(kind).properties["spec"]
    except DefinitionError as error:
        return str(error), None


IN_ITEMS = ({"ge": 1}, {"max_length": 3}, {"pattern": "^[a-z]*$"})
PAIRS = [
    pytest.param(kind, values, limits, where, id=readable(f"{kind}-{limits}-{where}"))
    for (kind, values), limits, where in itertools.product(TYPES, LIMITS, ("field", "item"))
    if where == "field" or limits in IN_ITEMS
]


@pytest.mark.parametrize(("annotation", "values", "limits", "where"), PAIRS)
def test_a_limit_is_refused_or_counts_the_same(
    annotation: Any, values: list[Any], limits: dict[str, Any], where: str
) -> None:
    limited: Any = Annotated[annotation, Field(**limits)]
    kind, schema = schema_of(list[limited] if where == "item" else limited)
    if schema is None:
        assert kind.startswith("Spec.value")
        assert "\n" not in kind
        return
    for value in values:
        content = [value] if where == "item" else value
        try:
            made = kind.model_fields["spec"].annotation(value=content)
            fits = True
        except ValidationError:
            made = kind.model_fields["spec"].annotation.model_construct(value=content)
            fits = False
        sent = made.model_dump(mode="json", by_alias=True)
        found = [text for text in violations(sent, schema) if "null" not in text]
        if annotation is Base64Bytes:  # the rest of its limits are CEL rules
            assert not (fits and found), found
            continue
        assert fits == (not found), (value, found)
        if fits:
            assert kind.model_validate_json(kind(spec=made).model_dump_json(by_alias=True)).spec == made


@given(st.binary(max_size=14), st.none() | st.integers(0, 12), st.none() | st.integers(0, 12))
def test_the_rules_of_bytes_count_bytes(content: bytes, least: int | None, most: int | None) -> None:
    """The CEL rules, in Python's words, beside the lengths of the base64 text."""
    limits: Any = {name: value for name, value in (("min_length", least), ("max_length", most)) if value is not None}
    _, spec = schema_of(Annotated[Base64Bytes, Field(**limits)])
    schema = spec.properties["value"]
    text = base64.b64encode(content).decode()
    fits = (least is None or len(content) >= least) and (most is None or len(content) <= most)
    lengths = not list(violations(text, schema))
    rules = all(cel(rule["rule"], text) for rule in schema.get("x-kubernetes-validations", ()))
    said = [broken(rule["rule"], text, schema) for rule in schema.get("x-kubernetes-validations", ())]
    assert rules == (said.count(None) == len(said))
    if least is None or most is None or least <= most:
        assert fits == (lengths and rules)


@given(
    st.sampled_from(["<", "<=", ">", ">="]),
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
def test_what_a_rule_of_a_bound_says_of_a_number(sign: str, bound: float, value: float, strings: bool) -> None:
    rule = bound_rule(sign, bound, strings=strings)
    schema = Schema({"type": "integer" if isinstance(value, int) else "number"})
    assert (broken(rule, value, schema) is None) is eval(f"{value!r} {sign} {bound!r}")
    either = Schema({"x-kubernetes-int-or-string": True})
    assert broken(rule, "a", either) == (
        None
        if strings
        else "string and int cannot be compared"
        if isinstance(bound, int)
        else "string and double cannot be compared"
    )


def cel(rule: str, text: str) -> bool:
    words = rule.replace("size(self)", str(len(text))).replace("||", "or").replace("!self", "not self")
    return bool(eval(words.replace("self.endsWith", "text.endswith"), {"text": text}))
