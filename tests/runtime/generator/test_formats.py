"""Formats, where no server is needed to know the answer."""

from __future__ import annotations

import pytest

from kaiwu_runtime.generator._formats import fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{'0' * 5000}1.2.3.4", True),
        (f"{'0' * 5000}256.2.3.4", False),
        (f"{'9' * 5000}.2.3.4", False),
        ("0.00.000.0", True),
        ("255.255.255.255", True),
        ("1.2.3.2550", False),
    ],
    ids=["zeros", "too large after zeros", "nines", "only zeros", "largest", "four digits"],
)
def test_an_ipv4_address_may_have_digits_without_end(text: str, expected: bool) -> None:
    """Python converts 4300 digits at most."""
    assert fits("ipv4", text) is expected
