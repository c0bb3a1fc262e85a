"""The name of a field in the object."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.alias_generators import to_camel

from kaiwu_runtime.api._field_names import field_name

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORD = st.text(LETTERS, min_size=1, max_size=5)
CAMEL = st.tuples(WORD, st.lists(st.text(LETTERS + LETTERS.upper() + "0123456789", max_size=6))).map(
    lambda parts: parts[0] + "".join(parts[1])
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("count", "count"),
        ("node_count", "nodeCount"),
        ("podIP", "podIP"),
        ("pod_IP", "podIP"),
        ("s3bucket", "s3bucket"),
        ("oauth2client_id", "oauth2clientId"),
        ("http2_port", "http2Port"),
        ("port_8080", "port8080"),
        ("ipv4Address", "ipv4Address"),
        ("URL", "URL"),
        ("class_", "class"),
        ("größe_max", "größeMax"),
        ("maß_", "maß"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert field_name(name) == expected


@given(CAMEL)
def test_a_camel_case_name_is_its_own(name: str) -> None:
    assert field_name(name) == name


@given(st.lists(WORD, min_size=1, max_size=4))
def test_a_snake_case_name_is_what_it_was(words: list[str]) -> None:
    assert field_name("_".join(words)) == to_camel("_".join(words))


@given(CAMEL, CAMEL)
def test_only_the_letter_after_an_underscore_changes(first: str, second: str) -> None:
    assert field_name(f"{first}_{second}") == first + second[0].upper() + second[1:]
