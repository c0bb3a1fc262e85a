"""Keywords of ``SchemaExtra``, merged into a finished schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kaiwu_runtime.api._markers import Marker, SchemaExtra
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._json_values import json_value
from kaiwu_runtime.generator._keywords import check_keywords
from kaiwu_runtime.generator._schema import Schema

_CHILDREN = ("items", "additionalProperties")


def apply_extra(schema: Schema, markers: Iterable[Marker]) -> None:
    """Merge the keywords of every ``SchemaExtra`` into a schema, in the order in which they are written.

    Raises:
        DefinitionError: The keywords are not JSON, or the value of one is not what the API server reads.
    """
    for marker in markers:
        if isinstance(marker, SchemaExtra):
            keywords = marker.keywords
            if not isinstance(keywords, Mapping) or not all(isinstance(key, str) for key in keywords):
                raise DefinitionError(
                    f"{schema.origin}: SchemaExtra(...) takes a mapping of keywords, not {keywords!r}"
                )
            extra = json_value(dict(keywords), dict[str, Any], f"{schema.origin}: its SchemaExtra")
            check_keywords(extra, f"{schema.origin}: its SchemaExtra")
            _merge(schema, extra)


def _merge(schema: Schema, keywords: Mapping[str, Any]) -> None:
    for keyword, value in keywords.items():
        if value is None:
            schema.pop(keyword, None)
        elif keyword == "properties" and isinstance(value, dict):
            properties = schema.setdefault("properties", {})
            for name, child in value.items():
                _merge_child(properties, name, child, f"{schema.origin}.{name}")
        elif keyword in _CHILDREN and isinstance(value, dict):
            _merge_child(schema, keyword, value, f"{schema.origin}[]")
        else:
            schema[keyword] = value


def _merge_child(holder: dict[str, Any], name: str, value: Any, origin: str) -> None:  # noqa: ANN401 - JSON
    if value is None:
        holder.pop(name, None)
        return
    present = holder.get(name)
    child = present if isinstance(present, Schema) else Schema(origin=origin)
    _merge(child, value)
    holder[name] = child
