"""Bodies of requests: the same value to a JSON parser, to a YAML parser, and to the API server."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaiwu_runtime._request_body import json_body, yaml_body

TREATED_DIFFERENTLY = "\x00\x01\t\n\r\x1b\x7f\x80\x85\x9f\xa0\u2028\u2029\ufeff\ufffd\ufffe\uffff\U0001f680\U0010ffff"
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(TREATED_DIFFERENTLY + '"\\:,{}?&*!|'))
KEYS = TEXT | st.builds(lambda text, times: (text or "k") * times, TEXT, st.sampled_from([1, 200, 600, 1100]))
VALUES = st.recursive(
    TEXT
    | st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def without_explicit_keys(body: bytes) -> bytes:
    """Return a body as JSON again: what marks a long key is not JSON."""
    out, inside, at = bytearray(), False, 0
    while at < len(body):
        byte = body[at : at + 1]
        if inside and byte == b"\\":
            out += body[at : at + 2]
            at += 2
            continue
        inside ^= byte == b'"'
        if inside or byte not in {b"?", b" "}:
            out += byte
        at += 1
    return bytes(out)


@given(st.dictionaries(KEYS, VALUES, max_size=3))
@settings(suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
def test_it_is_still_the_same_json(value: Any) -> None:
    body = yaml_body(msgspec.json.encode(value))
    assert json.loads(without_explicit_keys(body)) == json.loads(json.dumps(value))


@given(st.dictionaries(KEYS, TEXT, max_size=3))
@settings(suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow], max_examples=50)
def test_a_yaml_parser_reads_the_same_value(value: dict[str, str]) -> None:
    assert yaml.safe_load(yaml_body(msgspec.json.encode(value))) == value


@pytest.mark.parametrize("length", [10, 990, 1000, 1022, 1024, 5000])
@pytest.mark.parametrize("text", ["k", '"', "\\", "é", "\u2028"])
def test_long_keys_are_marked(length: int, text: str) -> None:
    value = {text * length: {text * length: [text * length, ":"]}, "b,": [1, 2], ":": 3}
    body = yaml_body(msgspec.json.encode(value))
    assert yaml.safe_load(body) == value
    assert json.loads(without_explicit_keys(body)) == value


def test_what_yaml_reads_as_json_does_stays_as_it_is() -> None:
    for value in ({}, {"a": ["b", {"c": "\U0001f680 é \n"}]}, {"a": "x" * 5000}):
        body = msgspec.json.encode(value)
        assert yaml_body(body) == body


@given(st.recursive(st.sampled_from([-0.0, 0.0, 1.5, -0.05, -10.0, "-0.0", '"-0.0', "\\"]), st.lists, max_leaves=8))
def test_a_negative_zero_is_a_zero_and_text_stays(value: Any) -> None:
    body = json_body(msgspec.json.encode(value))
    assert json.loads(body) == value
    assert all(math.copysign(1, number) == 1 for number in _numbers(json.loads(body)) if number == 0)


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [] if isinstance(value, str) else [value]
