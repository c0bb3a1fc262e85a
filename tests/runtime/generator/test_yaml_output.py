# ruff: noqa: E501 - rows of a table read better on one line
"""YAML that every parser reads the same way, and people like to read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.generator._yaml_output import GENERATED, to_yaml

AMBIGUOUS = ["yes", "No", "on", "OFF", "y", "N", "null", "~", "", "1", "1.0", "1e3", "0o7", "0x1F", "012", "1_000", "1:30", ".5", "+1", "-.inf", ".NaN", "2026-11-24", "=", "<<", "True"]  # fmt: skip


def test_keys_are_sorted_and_lists_are_not() -> None:
    assert (
        to_yaml([{"b": 1, "a": {"d": [2, 1], "c": "x"}}]) == f"{GENERATED}---\na:\n  c: x\n  d:\n  - 2\n  - 1\nb: 1\n"
    )


def test_each_document_begins_with_dashes() -> None:
    assert to_yaml([{"a": 1}, {"b": 2}]) == f"{GENERATED}---\na: 1\n---\nb: 2\n"


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_what_a_parser_could_take_for_something_else_is_quoted(text: str) -> None:
    assert f'a: "{text}"\n' in to_yaml([{"a": text}])


def test_text_of_several_lines_is_a_block() -> None:
    assert "a: |-\n  one\n\n  two\n" in to_yaml([{"a": "one\n\ntwo"}])


def test_long_lines_are_not_folded() -> None:
    text = "word " * 100 + "end"
    assert f"a: {text}\n" in to_yaml([{"a": text}])


def test_the_same_object_twice_is_written_twice() -> None:
    shared = {"x": ["y"]}
    text = to_yaml([{"a": shared, "b": shared}])
    assert "&" not in text
    assert "*" not in text


def test_other_alphabets_are_readable() -> None:
    assert "a: 数据库 ä µ\n" in to_yaml([{"a": "数据库 ä µ"}])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(AMBIGUOUS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    text = to_yaml([document])
    assert list(yaml.safe_load_all(text)) == [document]
    assert to_yaml([document]) == text
