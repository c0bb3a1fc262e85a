"""The difference between the schema of a CRD and the one that the generator makes of a type."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def difference(schema: Schema, expected: Schema, apart: frozenset[str] | set[str]) -> Schema:
    """Return what ``SchemaExtra`` must say, so that what is expected becomes the schema."""
    words = (word for word in (*schema, *expected) if word not in apart)
    return {
        word: schema.get(word)
        for word in dict.fromkeys(words)
        if word not in schema or word not in expected or not _same(schema[word], expected[word])
    }


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether two JSON values are equal; true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
