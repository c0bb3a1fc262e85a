"""Embedded Kubernetes objects, written as the API server stores them.

It stores the metadata of an embedded object without empty members, and counts an apply that has them as a change: with
``labels: {}`` or ``creationTimestamp: null`` each apply would make a new version of the object.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#rawextension
"""

from __future__ import annotations

from typing import Any

from pydantic_core import CoreSchema, core_schema


def without_empty_metadata(schema: CoreSchema) -> CoreSchema:
    """Return a core schema that writes an embedded object without the empty members of its metadata.

    Args:
        schema: Of the embedded object; it is read as before.
    """
    return core_schema.no_info_after_validator_function(
        _same,
        schema,
        serialization=core_schema.wrap_serializer_function_ser_schema(
            _write, schema=schema, when_used="json-unless-none"
        ),
    )


def _same(value: Any) -> Any:  # noqa: ANN401 - any value
    return value


def _write(value: Any, handler: Any) -> Any:  # noqa: ANN401 - pydantic's signature
    written = handler(value)
    metadata = written.get("metadata") if isinstance(written, dict) else None
    if not isinstance(metadata, dict):
        return written
    return {**written, "metadata": {name: item for name, item in metadata.items() if item or item is False}}
