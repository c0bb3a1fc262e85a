"""Equality of JSON values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime._json_equality import json_equal

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, 1, 0.0, 1.0, -0.0, 2**53, float(2**53), 2**53 + 1, "", "0", "1", "true"])
    | st.text(max_size=3)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
)


def canonical(value: Any) -> str:
    """Return a text that is the same for equal values: what two values are compared by here."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    return json.dumps(value)


@given(VALUES, VALUES)
def test_equal_means_the_same_json(one: Any, other: Any) -> None:
    assert json_equal(one, other) == (canonical(one) == canonical(other))


@given(VALUES)
def test_a_value_equals_a_copy_of_itself_and_not_one_with_a_boolean_for_a_number(value: Any) -> None:
    copy = json.loads(json.dumps(value))
    assert json_equal(value, copy)
    flipped = _flipped(copy)
    assert json_equal(value, flipped) == (canonical(value) == canonical(flipped))


def _flipped(value: Any) -> Any:
    """Return the value with 0, 1, false and true exchanged for what Python takes for the same."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, list):
        return [_flipped(item) for item in value]
    return {name: _flipped(item) for name, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, True, False),
        (0, False, False),
        (0, None, False),
        ("1", 1, False),
        ([], {}, False),
        ([1], [True], False),
        ({"a": [{"b": 0}]}, {"a": [{"b": False}]}, False),
        (1, 1.0, True),
        (2**53 + 1, float(2**53), False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ((1, 2), [1, 2], True),
        ("ab", ["a", "b"], False),
    ],
)
def test_examples(one: Any, other: Any, equal: bool) -> None:
    assert json_equal(one, other) is equal
    assert json_equal(other, one) is equal


def test_nesting_beyond_the_recursion_limit() -> None:
    def nested(innermost: Any) -> Any:
        for _ in range(50_000):
            innermost = [innermost]
        return innermost

    assert json_equal(nested(1), nested(1))
    assert not json_equal(nested(1), nested(True))
