"""Objects that their type accepts, from content that it may reject in parts."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

S = TypeVar("S", bound=BaseModel)

_MAX_ATTEMPTS = 200

TEXTS = ("a", "b1", "1", "1s", "abcdef", "A", "a.example.com", "10.0.0.1", "https://a.example.com", "0123456789")
"""What is tried for a text until the type accepts it."""


def valid_object(kind: type[S], content: dict[str, Any]) -> S | None:
    """Return an object with the content; a value that is rejected is replaced by another, and left out in the end.

    Args:
        kind: A type of the project.
        content: Its fields but the metadata, as JSON; it is changed.

    Returns:
        None if the type accepts nothing that is like it.
    """
    tried: dict[tuple[Any, ...], int] = {}
    for _ in range(_MAX_ATTEMPTS):
        try:
            return kind.model_validate({**content, "metadata": {"name": "round-trip"}})
        except ValidationError as error:
            for problem in error.errors():
                where = _location(content, problem["loc"])
                if not where:
                    return None
                tried[where] = tried.get(where, -1) + 1
                _replace(content, where, tried[where])
    return None


def _location(content: dict[str, Any], location: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the part of an error's location that is in the content: pydantic adds the branches of unions."""
    found: list[Any] = []
    value: Any = content
    for step in location:
        if (isinstance(value, dict) and step in value) or (isinstance(value, list) and isinstance(step, int)):
            value = value[step]
            found.append(step)
    return tuple(found)


def _replace(content: dict[str, Any], where: tuple[Any, ...], attempt: int) -> None:
    parent: Any = content
    for step in where[:-1]:
        parent = parent[step]
    if isinstance(parent[where[-1]], str) and attempt < len(TEXTS):
        parent[where[-1]] = TEXTS[attempt]
    elif isinstance(parent[where[-1]], dict) and len(parent[where[-1]]) > 1:
        # A rule about several fields: what is there with fewer of them may keep it.
        parent[where[-1]].popitem()
    elif isinstance(parent, list):
        parent.clear()
    else:
        del parent[where[-1]]
