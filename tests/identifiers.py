"""Names of test cases that are the same in every process, as pytest-xdist needs them."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
# Longer text is a key, a certificate or a file. A key that is made at import differs between processes.
_LONGEST_TEXT = 200


def readable(value: object) -> str:
    """Return the text of a value without addresses in memory."""
    return _ADDRESS.sub("", str(value))


def has_address(name: str) -> bool:
    """Return whether the name of a test case holds an address in memory."""
    return _ADDRESS.search(name) is not None


def is_document(value: object) -> bool:
    """Return whether the value is text that cannot serve as a test case's name, such as a certificate or a file."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return isinstance(text, str) and (len(text) > _LONGEST_TEXT or "\n" in text)
