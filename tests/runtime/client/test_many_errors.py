"""Tests that an object with a million values that do not fit costs about what reading it costs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError, create_model

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.client._codec import MAX_DESCRIBED_ERRORS, decode
from kaiwu_runtime.client._pydantic_models import model_decoder
from kaiwu_runtime.errors import DecodeError


class Part(APIModel):
    size: int


class Spec(APIModel):
    texts: list[str] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)
    several: list[int | str | Part] = Field(default_factory=list)
    tuples: tuple[int, ...] = ()
    sets: set[str] = Field(default_factory=set)
    nested: list[list[int]] = Field(default_factory=list)
    optional: list[Part | None] | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    by_name: dict[str, Part] = Field(default_factory=dict)
    lists_by_name: dict[str, list[Part]] = Field(default_factory=dict)


@resource(group="errors.example.com", version="v1")
class Store(CustomResource):
    spec: Spec = Field(default_factory=Spec)


IN_LISTS = {
    "texts": 1,
    "parts": {},
    "several": {},
    "tuples": "x",
    "sets": 1,
    "nested": ["x"],
    "optional": {},
}
IN_MAPS: dict[str, Any] = {"labels": 1, "byName": {}, "listsByName": [{}]}


def _store(field: str, value: object) -> bytes:
    return msgspec.json.encode({"metadata": {"name": "a"}, "spec": {field: value}})


@pytest.mark.parametrize("field", IN_LISTS)
@given(before=st.integers(0, 3), wrong=st.integers(1, 400))
@settings(max_examples=15, deadline=None)
def test_a_list_is_read_up_to_the_first_item_that_does_not_fit(field: str, before: int, wrong: int) -> None:
    right = {
        "texts": "a",
        "parts": {"size": 1},
        "several": 1,
        "tuples": 1,
        "sets": "a",
        "nested": [1],
        "optional": None,
    }
    data = _store(field, [right[field]] * before + [IN_LISTS[field]] * wrong)
    with pytest.raises(ValidationError) as raised:
        model_decoder(Store)(data)
    assert raised.value.error_count() <= 3  # one for each member of a union
    with pytest.raises(DecodeError, match=rf"Store a: spec\.{field}\.{before}"):
        decode(Store, data)


@pytest.mark.parametrize("field", IN_MAPS)
def test_a_map_is_read_up_to_the_first_value_that_does_not_fit(field: str) -> None:
    data = _store(field, {f"k{number}": IN_MAPS[field] for number in range(10)})
    with pytest.raises(ValidationError) as raised:
        model_decoder(Store)(data)
    assert raised.value.error_count() == 1
    with pytest.raises(DecodeError, match=rf"spec\.{field}\.k0[^;]*$"):
        decode(Store, data)


def test_fields_name_their_first_values_and_very_many_are_counted() -> None:
    names = [f"k{number}" for number in range(MAX_DESCRIBED_ERRORS + 1)]
    wide = create_model("Wide", __base__=APIModel, **dict.fromkeys(names, (int | None, None)))  # type: ignore[call-overload]

    @resource(group="errors.example.com", version="v1")
    class Wall(CustomResource):
        spec: wide = Field(default_factory=wide)

    def wall(count: int) -> bytes:
        return msgspec.json.encode({"metadata": {"name": "a"}, "spec": dict.fromkeys(names[:count], "x")})

    with pytest.raises(DecodeError, match=r"spec\.k0.* and 7 more"):
        decode(Wall, wall(10))
    with pytest.raises(DecodeError, match=f"Wall a: {len(names)} values do not fit the type"):
        decode(Wall, wall(len(names)))
