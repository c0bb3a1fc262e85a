"""A request as it is sent, and its target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from kaiwu_runtime.rest._paths import quoted


class Request(NamedTuple):
    """A request.

    Attributes:
        method: HTTP method.
        target: Path and query.
        accept: Media type of the answer.
        body: What to send, or None.
        content_type: Media type of the body; empty without one.
    """

    method: str
    target: str
    accept: str
    body: bytes | None = None
    content_type: str = ""


def request_target(path: str, params: Mapping[str, str] | None) -> str:
    """Return path and query."""
    return f"{path}?{_query(tuple(params.items()))}" if params else path


def repeated_target(path: str, params: Iterable[tuple[str, str]]) -> str:
    """Return path and query, in which a name may come several times."""
    query = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in params)
    return f"{path}?{query}" if query else path


@lru_cache
def _query(params: tuple[tuple[str, str], ...]) -> str:
    # Writes come with one of a few: who writes, and how.
    return "&".join(f"{name}={quoted(value)}" for name, value in params)
