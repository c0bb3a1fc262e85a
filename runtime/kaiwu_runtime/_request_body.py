"""Encode request bodies so that the API server reads exactly the intended values.

The API server keeps ``-0.0`` as a float that never equals the ``0`` it reads back, so each write of it is a change.

It reads the body of an apply as YAML, in which some characters must be escaped that JSON allows in a string (U+2028
and U+0085 are line breaks, control characters and noncharacters are rejected), and in which the key of a mapping ends
within 1024 characters unless it is marked as a key.

See https://yaml.org/spec/1.1/#id868524 and https://yaml.org/spec/1.1/#simple%20key/
"""

from __future__ import annotations

import re

from kaiwu_runtime._lazy_pattern import lazy_pattern

# DEL and C1 controls, the two separators, the byte order mark, U+FFFE and U+FFFF. Characters beyond U+FFFF stay as
# they are: a YAML parser rejects the surrogates that JSON escapes them with.
_SPECIAL = lazy_pattern(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf|\xef\xbf[\xbe\xbf]")
_STRING = lazy_pattern(rb'"[^"\\]*(?:\\.[^"\\]*)*"(?::|)', re.DOTALL)
_SIMPLE_KEY_BYTES = 1000
_WINDOW = _SIMPLE_KEY_BYTES // 2 - 2
_NEGATIVE_ZERO = lazy_pattern(rb'("[^"\\]*(?:\\.[^"\\]*)*")|-0\.0(?![0-9eE])', re.DOTALL)


def json_body(body: bytes) -> bytes:
    """Replace ``-0.0`` by ``0`` in a JSON document.

    Args:
        body: JSON in UTF-8.
    """
    if b"-0.0" not in body:
        return body
    return _NEGATIVE_ZERO().sub(lambda match: match[1] or b"0", body)


def yaml_body(body: bytes) -> bytes:
    """Convert a JSON document to one that a YAML parser reads as the same value.

    Args:
        body: JSON in UTF-8, without blanks, in which characters beyond ASCII are not escaped. A body that does not
            begin as a JSON object is returned unchanged: it may be YAML already.
    """
    if not body.startswith(b"{"):
        return body
    if b"\x7f" in body or not body.isascii():
        body = _SPECIAL().sub(_escaped, body)
    if len(body) > _SIMPLE_KEY_BYTES and _may_have_long_strings(body):
        body = _STRING().sub(_explicit, body)
    return body


def _may_have_long_strings(body: bytes) -> bool:
    # Each string of that length covers one of these windows: checking the windows is much faster than checking strings.
    windows = range(0, len(body), _WINDOW)
    return any(body.find(b'"', start, start + _WINDOW) < 0 for start in windows) or b'\\"' in body


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())


def _explicit(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return b"? %s :" % text[:-1] if len(text) > _SIMPLE_KEY_BYTES and text.endswith(b'":') else text
