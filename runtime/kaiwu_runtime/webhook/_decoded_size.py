"""Estimate the memory that a JSON document takes as Python objects, before it is decoded.

Three bytes of JSON, an empty object in a list, can become half a kilobyte and take microseconds of the event loop. So
a document is judged by the values that it holds, and not only by its length.
"""

from __future__ import annotations

import re

MIB = 1024 * 1024
CONTAINER_BYTES = 512
"""Bytes of a small object or list, decoded to a model."""

VALUE_BYTES = 64
"""Bytes of a short string or a number, with its place in a list or dictionary."""

_MAX_BYTES = 128 * MIB
_MIN_BYTES = 32 * MIB
_SHARE = 3
# Neither fails after its first quote, so they take linear time. Many strings at a time: removing all of them at once
# would take more memory than the document.
_STRING = re.compile(rb'(?s)"(?:[^"\\]++|\\.)*+"?')
_STRINGS = re.compile(rb'(?s)(?:[^"]*+"(?:[^"\\]++|\\.)*+"?){1,1000}+')


def decoded_limit(limit: int | None) -> int:
    """Return how many bytes decoded documents may take together.

    The maximum is what can be decoded in about a second: two objects of the largest size that etcd stores hold less.

    Args:
        limit: Bytes that the container may use; None for no limit.
    """
    return _MAX_BYTES if limit is None else max(_MIN_BYTES, min(_MAX_BYTES, limit // _SHARE))


def decoded_bytes(document: bytes | bytearray, limit: int) -> int:
    """Return about how many bytes a JSON document takes when it is decoded.

    Args:
        document: The JSON; need not be valid.
        limit: Only above it the punctuation within strings is told apart, which takes longer.
    """
    found = _estimate(document)
    if found <= limit:
        return found
    found, end = 0, 0
    while strings := _STRINGS.match(document, end):
        end = strings.end()
        found += _estimate(_STRING.sub(b"", strings[0]))
    return found + _estimate(document[end:])


def _estimate(document: bytes | bytearray) -> int:
    containers = document.count(b"{") + document.count(b"[")
    return containers * CONTAINER_BYTES + document.count(b",") * VALUE_BYTES
