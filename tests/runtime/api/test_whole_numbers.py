# ruff: noqa: RUF012 - rows of a table read better on one line; pydantic copies mutable defaults
"""Floats as the API server stores them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kaiwu_runtime.api import APIModel, CustomResource, Float, resource
from kaiwu_runtime.api._whole_numbers import whole_numbers
from kaiwu_runtime.client._codec import decode, encode


class Spec(APIModel):
    ratio: Float = 1.5
    ratios: list[Float] = []
    anything: Any = None
    mapping: dict[str, Any] = {}


@resource(group="whole.example.com", version="v1")
class Thing(CustomResource):
    spec: Spec = Spec()


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(5.0)
@example(-0.0)
@example(2.0**63)
@example(-(2.0**63))
@example(1e22)
def test_every_float_comes_back_and_whole_ones_are_integers(number: float) -> None:
    spec = Spec(ratio=number, ratios=[number], anything=number, mapping={"a": [number]})
    sent = encode(Thing(spec=spec))
    assert decode(Thing, sent).spec == spec
    content = json.loads(sent)["spec"]
    whole = number.is_integer() and -(2.0**63) <= number < 2.0**63
    for value in (content["ratio"], content["ratios"][0], content["anything"], content["mapping"]["a"][0]):
        assert type(value) is (int if whole else float)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["ratio", "anything"])
def test_what_json_has_no_word_for_is_not_written_as_null(number: float, field: str) -> None:
    spec = Spec()
    setattr(spec, field, number)
    with pytest.raises(ValueError, match="is not valid JSON"):
        encode(Thing(spec=spec))


def test_values_that_are_no_floats_stay() -> None:
    assert whole_numbers({"a": [True, 1, "5.0", None, 0.5]}) == {"a": [True, 1, "5.0", None, 0.5]}
    assert whole_numbers([True])[0] is True
