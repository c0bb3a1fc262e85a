"""Versions of a kind that have different fields, and nothing that converts between them: what is written is lost.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaiwu_runtime.generator._crd import CustomResourceDefinition

_MOST_FIELDS = 3
"""Maximum number of fields that a warning names."""


def unconverted_fields(crds: Iterable[CustomResourceDefinition]) -> list[str]:
    """Return a warning for each kind whose served versions have different fields and no conversion webhook.

    The API server then changes the apiVersion alone, and removes the fields that the other version does not have: when
    it stores an object, and when a client of that version writes it back. A server-side apply fails.

    Args:
        crds: Those of the project, with their conversions.
    """
    found = []
    for crd in crds:
        spec = crd.manifest["spec"]
        if spec.get("conversion", {}).get("strategy") == "Webhook":
            continue
        served = {each["name"]: each["schema"]["openAPIV3Schema"] for each in spec["versions"] if each["served"]}
        fields = list(dict.fromkeys(_one_sided(served)))
        if fields:
            kind, versions = spec["names"]["kind"], " and ".join(served)
            more = f" and {len(fields) - _MOST_FIELDS} more" if len(fields) > _MOST_FIELDS else ""
            found.append(
                f"{kind}: no webhook converts between {versions}, and the API server removes fields that "
                f"not all of them have: {', '.join(fields[:_MOST_FIELDS])}{more}; run "
                "`kaiwuctl create webhook --conversion`, or give all versions the same fields"
            )
    return found


def _one_sided(served: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the fields that some versions lack."""
    for version, schema in served.items():
        for other, its in served.items():
            if other != version:
                yield from _lacking(schema, its, "")


def _lacking(schema: Mapping[str, Any], other: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the fields of a schema that another one removes; only the outermost ones."""
    if other.get("x-kubernetes-preserve-unknown-fields"):
        return
    its: Mapping[str, Any] = other.get("properties", {})
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        if not path and name in {"apiVersion", "kind", "metadata"}:
            continue
        if name in its:
            yield from _lacking(field, its[name], where)
        elif not isinstance(other.get("additionalProperties"), Mapping):
            yield where
    for inner, mark in (("items", "[]"), ("additionalProperties", "{}")):
        one, two = schema.get(inner), other.get(inner)
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            yield from _lacking(one, two, path + mark)
