"""Truncate the descriptions of a schema, for kinds whose CRD would otherwise be too large."""

from __future__ import annotations

import copy
import re

from kaiwu_runtime.generator._schema import Schema

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


def trim_descriptions(schema: Schema, length: int) -> Schema:
    """Return a copy with truncated descriptions, cut at the end of a sentence where possible.

    Args:
        schema: The schema; not changed.
        length: Maximum number of characters of a description; 0 leaves the descriptions out.
    """
    trimmed = copy.deepcopy(schema)
    _trim(trimmed, length)
    return trimmed


def _trim(schema: Schema, length: int) -> None:
    if "description" in schema:
        text = _shorten(schema["description"], length)
        if text:
            schema["description"] = text
        else:
            del schema["description"]
    for child in (*schema.properties.values(), schema.items_schema, schema.values_schema):
        if child is not None:
            _trim(child, length)


def _shorten(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if match.end() <= length]
    return text[: ends[-1]] if ends else text[:length].rstrip()
