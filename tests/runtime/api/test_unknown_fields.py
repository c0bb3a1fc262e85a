# ruff: noqa: E501, RUF012 - rows of a table read better on one line; pydantic copies mutable defaults
"""Unknown fields that a model keeps, and those it drops."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, model_validator

from kaiwu_runtime.api import APIModel, CustomResource, Nullable, PreserveUnknownFields, resource, schema
from kaiwu_runtime.client._codec import decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


class Plain(APIModel):
    known: str = "a"


@schema(PreserveUnknownFields())
class Marked(APIModel):
    known: str = "a"
    may_be_null: Annotated[str | None, Nullable()] = None


class Configured(APIModel):
    model_config = ConfigDict(extra="allow")
    known: str = "a"


class Checked(APIModel):
    known: str = "a"

    @model_validator(mode="after")
    def check(self) -> Checked:
        return self


class Derived(Marked):
    more: int = 1


class Spec(APIModel):
    plain: Plain = Plain()
    marked: Marked = Marked()
    configured: Configured = Configured()
    derived: Derived = Derived()
    field: Annotated[Plain, PreserveUnknownFields()] = Plain()
    checked: Annotated[Checked, PreserveUnknownFields()] = Checked()
    optional: Annotated[Plain | None, PreserveUnknownFields()] = None
    items: list[Annotated[Plain, PreserveUnknownFields()]] = []
    values: dict[str, Marked] = {}


@resource(group="unknown.example.com", version="v1")
class Keeps(CustomResource):
    spec: Spec = Spec()


def spec_of(content: dict[str, Any]) -> Any:
    return json.loads(encode(decode(Keeps, json.dumps({"spec": content}).encode()))).get("spec")


@pytest.mark.parametrize("field", ["marked", "configured", "derived", "field", "checked", "optional"])
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda name: name not in {"known", "more"}), JSON, max_size=3
    )
)
def test_unknown_fields_are_written_again(field: str, unknown: dict[str, Any]) -> None:
    assert spec_of({field: {**unknown, "known": "b"}}) == {field: {**unknown, "known": "b"}}


@given(st.dictionaries(st.text(min_size=1, max_size=5).filter(lambda name: name != "known"), JSON, max_size=3))
def test_unknown_fields_inside_containers_are_written_again(unknown: dict[str, Any]) -> None:
    content = {"items": [unknown, {"known": "c"}], "values": {"a": unknown}}
    assert spec_of(content) == content


def test_others_drop_them() -> None:
    assert spec_of({"plain": {"known": "b", "more": 1}, "more": 2}) == {"plain": {"known": "b"}}


def test_a_model_from_python_is_equal_to_what_is_read() -> None:
    made = Keeps(spec=Spec(field=Plain(known="b"), optional=Plain(), items=[Plain(known="c")]))
    assert decode(Keeps, encode(made)).spec == made.spec
    assert made.spec.field == Plain(known="b")


def test_whole_floats_are_written_as_they_are_stored() -> None:
    spec = Spec.model_validate({"marked": {"x": 5.0, "y": [1.5, -0.0]}, "field": {"z": {"w": 2.0**60}}})
    sent = encode(Keeps(spec=spec)).decode()
    assert '"x":5,' in sent
    assert '"y":[1.5,0]' in sent
    assert f'"w":{2**60}' in sent
