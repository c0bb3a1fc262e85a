"""Numbers in texts are read as the API server reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime._unsigned import unsigned


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", None),
        ("99999999999999999999", None),
        ("0" * 5000 + "3", 3),
        ("0" * 5000, 0),
        ("9" * 5000, None),  # for which Python's int raises ValueError
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1_0", None),
        (" 1", None),
        ("1\n", None),
        ("0x1", None),
        ("1.0", None),
        ("\u00b2", None),  # a digit to Python, but not to its int
        ("\u0663", None),
    ],
    ids=ascii,
)
def test_a_text_is_a_number_or_none(text: str, number: int | None) -> None:
    assert unsigned(text) == number


@given(st.integers(0, 2**65), st.integers(0, 30))
def test_every_number_of_64_bits_is_read(number: int, zeros: int) -> None:
    assert unsigned("0" * zeros + str(number)) == (number if number < 2**64 else None)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert unsigned(text) in {None, *([int(text)] if text.isascii() and text.isdigit() else [])}
