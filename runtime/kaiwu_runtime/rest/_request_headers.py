"""Headers that a wrapper adds to the requests it passes on, a trace's for instance.

See https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from kaiwu_runtime._lazy_pattern import lazy_pattern

_NAME = lazy_pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = lazy_pattern(r"[\t\x20-\x7e]*")
_OWN = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_lines: ContextVar[str] = ContextVar("kaiwu_request_headers", default="")


@contextmanager
def request_headers(headers: Mapping[str, str]) -> Iterator[None]:
    """Add headers to every request that is sent inside the block, repetitions included.

    Args:
        headers: Names and values; those of an outer block are sent, too.

    Raises:
        ValueError: A name or a value cannot be sent, or the transport sets that header itself.
    """
    for name, value in headers.items():
        if not _NAME().fullmatch(name) or name.lower() in _OWN or name.lower().startswith("sec-websocket"):
            raise ValueError(f"request header {name!r}: not a valid name, or one that the transport sets itself")
        if not _VALUE().fullmatch(value):
            raise ValueError(f"request header {name}: has characters that cannot be sent: use printable ASCII")
    token = _lines.set(_lines.get() + "".join(f"{name}: {value}\r\n" for name, value in headers.items()))
    try:
        yield
    finally:
        _lines.reset(token)


def header_lines() -> str:
    """Return the lines to add to a request's head; usually none."""
    return _lines.get()
