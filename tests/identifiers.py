"""Names of test cases that are the same in every process, as pytest-xdist needs them."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def readable(value: object) -> str:
    """Return the text of a value without addresses in memory."""
    return _ADDRESS.sub("", str(value))


def has_address(name: str) -> bool:
    """Return whether the name of a test case holds an address in memory."""
    return _ADDRESS.search(name) is not None
