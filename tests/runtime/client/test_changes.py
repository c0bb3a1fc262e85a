"""The merge patch between two documents, for every pair of documents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.client import merge_patch

LEAVES = st.one_of(st.booleans(), st.integers(), st.sampled_from([0, 1, 0.0, 1.0]), st.text(max_size=3))
NAMES = st.sampled_from("abcd")
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3))
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)


def apply(patch: Any, target: Any) -> Any:
    """Apply a merge patch, as RFC 7386 words it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = apply(value, result.get(name))
    return result


@given(DOCUMENTS, DOCUMENTS)
def test_the_patch_makes_one_document_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert json_equal(apply(merge_patch(before, after), before), after)


@given(DOCUMENTS)
def test_nothing_differs_nothing_is_sent(document: dict[str, Any]) -> None:
    assert merge_patch(document, document) == {}


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({}, {"a": {}}, {"a": {}}),
        ({"a": 1}, {"a": True}, {"a": True}),
        ({"a": [{"b": False}]}, {"a": [{"b": 0}]}, {"a": [{"b": 0}]}),
        ({"a": 1}, {"a": 1.0}, {}),
    ],
)
def test_only_what_differs_is_in_it(before: dict[str, Any], after: dict[str, Any], patch: dict[str, Any]) -> None:
    assert json_equal(merge_patch(before, after), patch)
