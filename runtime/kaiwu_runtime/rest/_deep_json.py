"""Split JSON that is nested too deeply for the parsers, without recursion.

The API server takes ten thousand levels, msgspec as many as Python's recursion limit has (about 1,000 in Python 3.11,
1,500 in 3.12), and skips values in the same way as it reads them. One such object must not cost the others of its
list, so lists, watch lines and metadata are split here when a parser gives up; values are never looked into.

See https://www.rfc-editor.org/rfc/rfc8259
"""

from __future__ import annotations

import re

import msgspec

from kaiwu_runtime._lazy_pattern import lazy_pattern

UNREADABLE: tuple[type[Exception], ...] = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that it cannot decode."""

_SPACE = lazy_pattern(rb"[ \t\n\r]*")
_STRING = lazy_pattern(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR = lazy_pattern(rb"[^ \t\n\r,\]}]+")
_STRUCTURE = lazy_pattern(rb'[{\[]|[}\]]|"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def members(data: bytes) -> dict[str, bytes]:
    """Return the members of a JSON object, each as its bytes.

    Raises:
        msgspec.DecodeError: It is not a JSON object.
    """
    found: dict[str, bytes] = {}
    at = _opened(data, b"{")
    while data[at : at + 1] != b"}":
        name = _STRING().match(data, at)
        if name is None:
            raise _malformed(at)
        at = _after(data, name.end())
        if data[at : at + 1] != b":":
            raise _malformed(at)
        begin = _after(data, at + 1)
        end = _end(data, begin)
        found[msgspec.json.decode(name[0], type=str)] = data[begin:end]
        at = _next(data, end, b"}")
    return found


def elements(data: bytes) -> list[bytes]:
    """Return the elements of a JSON array, each as its bytes; ``null`` has none.

    Raises:
        msgspec.DecodeError: It is not a JSON array.
    """
    if data == b"null":
        return []
    found: list[bytes] = []
    at = _opened(data, b"[")
    while data[at : at + 1] != b"]":
        end = _end(data, at)
        found.append(data[at:end])
        at = _next(data, end, b"]")
    return found


def assembled(parts: dict[str, bytes]) -> bytes:
    """Return the JSON object that has these members."""
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + value for name, value in parts.items()) + b"}"


def _opened(data: bytes, bracket: bytes) -> int:
    at = _after(data, 0)
    if data[at : at + 1] != bracket:
        raise _malformed(at)
    return _after(data, at + 1)


def _next(data: bytes, at: int, closing: bytes) -> int:
    """Return where the next member begins, or where the closing bracket is."""
    at = _after(data, at)
    sign = data[at : at + 1]
    if sign == b",":
        following = _after(data, at + 1)
        if data[following : following + 1] != closing:
            return following
    elif sign == closing:
        return at
    raise _malformed(at)


def _after(data: bytes, at: int) -> int:
    space = _SPACE().match(data, at)
    return at if space is None else space.end()


def _end(data: bytes, at: int) -> int:
    """Return where a value ends."""
    sign = data[at : at + 1]
    if sign not in {b"{", b"["}:
        scalar = (_STRING() if sign == b'"' else _SCALAR()).match(data, at)
        if scalar is None:
            raise _malformed(at)
        return scalar.end()
    depth = 0
    for token in _STRUCTURE().finditer(data, at):
        sign = token[0][:1]
        if sign in {b"{", b"["}:
            depth += 1
        elif sign != b'"':
            depth -= 1
            if depth == 0:
                return token.end()
    raise _malformed(len(data))


def _malformed(at: int) -> msgspec.DecodeError:
    return msgspec.DecodeError(f"JSON is malformed (byte {at})")
