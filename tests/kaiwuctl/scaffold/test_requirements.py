"""Packages in requirements.txt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.scaffold.requirements import add_requirements, remove_requirements

ADDED = "acme-types>=1.4"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "acme-types>=1.4\n"),
        ("", "acme-types>=1.4\n"),
        ("# mine\n./vendor/x.whl\n", "# mine\n./vendor/x.whl\nacme-types>=1.4\n"),
        ("a", "a\nacme-types>=1.4\n"),
        ("a\r\nb\r\n", "a\r\nb\r\nacme-types>=1.4\r\n"),
        ("acme-types-extra\n", "acme-types-extra\nacme-types>=1.4\n"),
        ("# acme-types\n", "# acme-types\nacme-types>=1.4\n"),
        ("acme-types\n", None),
        ("Acme.Types [x] ~= 1 ; python_version > '3'\n", None),
        ("acme_types @ https://example.com/x.whl", None),
        ("  acme-types==1  # pinned\n", None),
    ],
)  # fmt: skip
def test_a_package_is_listed_once(text: str | None, expected: str | None) -> None:
    assert add_requirements(text, [ADDED]) == (text if expected is None else expected)


@given(st.text(st.sampled_from("acme-types>=1.4#\n\r ._"), max_size=60))
def test_adding_twice_is_adding_once(text: str) -> None:
    once = add_requirements(text, [ADDED])
    assert add_requirements(once, [ADDED]) == once
    assert once.startswith(text)


def test_what_was_added_is_removed() -> None:
    text = "# mine\r\na==1\r\n"
    assert remove_requirements(add_requirements(text, [ADDED]), [ADDED]) == text
    assert remove_requirements("acme-types>=1.5\n", [ADDED]) == "acme-types>=1.5\n"
