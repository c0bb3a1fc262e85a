"""Warnings that the API server sends with a response.

See https://kubernetes.io/blog/2020/09/03/warnings/ and https://www.rfc-editor.org/rfc/rfc7234#section-5.5
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kaiwu_runtime._lazy_pattern import lazy_pattern

_WARNING = lazy_pattern(r'\s*\d{3} \S+ "((?:[^"\\]|\\.)*)"(?: "[^"]*")?\s*(?:,|$)', re.DOTALL)
_QUOTED = lazy_pattern(r"\\(.)", re.DOTALL)


def parse_warnings(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return the texts of the Warning headers of a response, in order, each once.

    Args:
        headers: Names in lower case, and values. A value that has another form is a text as a whole.
    """
    found: dict[str, None] = {}
    for name, raw in headers:
        if name != b"warning":
            continue
        value = raw.decode("utf-8", "replace")
        texts = [_QUOTED().sub(r"\1", text) for text in _WARNING().findall(value)]
        found.update(dict.fromkeys(texts or [value]))
    return tuple(found)
