"""Warnings that the API server sends with a response.

See https://kubernetes.io/blog/2020/09/03/warnings/ and https://www.rfc-editor.org/rfc/rfc7234#section-5.5
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kaiwu_runtime._lazy_pattern import lazy_pattern

MOST = 50
"""Maximum number of warnings of a response; the API server sends 4,096 characters altogether."""

LONGEST = 1000
"""Maximum characters of a warning; what is longer is cut."""

_READ = 32 << 10
"""Bytes of a header that are looked at: the event loop waits meanwhile."""

# Applied where the one before ended, and never given back what it has taken: the time grows with the length only.
_WARNING = lazy_pattern(r'\s*+\d{3} \S++ "((?:[^"\\]|\\.)*+)"(?: "[^"]*+")?\s*+(?:,|$)', re.DOTALL)
_QUOTED = lazy_pattern(r"\\(.)", re.DOTALL)
_CONTROL = lazy_pattern(r"[\x00-\x1f\x7f-\x9f]+")


def parse_warnings(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return the texts of the Warning headers of a response, in order, each once.

    Args:
        headers: Names in lower case, and values. A value, or the rest of one, that has another form is a text as a
            whole.
    """
    found: dict[str, None] = {}
    for name, raw in headers:
        if name != b"warning":
            continue
        value = raw[:_READ].decode("utf-8", "replace")
        at = 0
        while at < len(value) and len(found) < MOST:
            match = _WARNING().match(value, at)
            if match is None:
                rest = value[at:].strip()
                found.update({_shown(rest): None} if rest else {})
                break
            found[_shown(_QUOTED().sub(r"\1", match[1]))] = None
            at = match.end()
    return tuple(found)


def _shown(text: str) -> str:
    """Return a text without what would change a terminal, and not longer than a line should be."""
    text = _CONTROL().sub(" ", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
