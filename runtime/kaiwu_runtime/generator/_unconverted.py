"""Versions of a kind that have different fields, and nothing that converts between them: what is written is lost.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kaiwu_runtime.generator._crd import CustomResourceDefinition

_MOST_FIELDS = 3
"""Maximum number of fields that a warning names."""

_EMBEDDED = "x-kubernetes-embedded-resource"
_ANYTHING: Mapping[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_META: Mapping[str, Mapping[str, Any]] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object", **_ANYTHING},
}
_UNNAMED = "*"
"""The name of every member that a schema does not list: a key of a map, or an unknown field."""


def unconverted_fields(crds: Iterable[CustomResourceDefinition]) -> list[str]:
    """Return a warning for each kind whose versions remove fields of each other, without a conversion webhook.

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
        used = [each for each in spec["versions"] if each["served"] or each["storage"]]
        fields = list(dict.fromkeys(_one_sided(used)))
        if fields:
            kind, versions = spec["names"]["kind"], " and ".join(each["name"] for each in used)
            more = f" and {len(fields) - _MOST_FIELDS} more" if len(fields) > _MOST_FIELDS else ""
            found.append(
                f"{kind}: no webhook converts between {versions}, and the API server removes fields that "
                f"not all of them have: {', '.join(fields[:_MOST_FIELDS])}{more}; run "
                "`kaiwuctl create webhook --conversion`, or give all versions the same fields"
            )
    return found


def _one_sided(used: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the fields that can be written in one version and that another one removes."""
    # The API server keeps apiVersion, kind and metadata of an object itself as it does those of an embedded one.
    roots = [(each["served"], {**each["schema"]["openAPIV3Schema"], _EMBEDDED: True}) for each in used]
    for served, schema in roots:
        for _, other in roots:
            if served and other is not schema:
                yield from removed_fields(schema, other, "")


def removed_fields(schema: Mapping[str, Any], other: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the fields of a schema that the API server removes with another one; only the outermost ones.

    Args:
        schema: That of the version in which an object is written.
        other: That of the version to which the object is converted.
        path: Where the two are; empty for the whole object.
    """
    kind = schema.get("type")
    if kind is None:  # any value: one that fits the other version
        kind = other.get("type")
    if kind == "array":
        yield from removed_fields(_items(schema), _items(other), f"{path}[]")
    elif kind == "object":
        names = dict.fromkeys([*_names(schema), *_names(other), _UNNAMED])
        for name in [each for each in names if not (each in _META and other.get(_EMBEDDED))]:
            field, its = _member(schema, name), _member(other, name)
            where = f"{path}.{name}" if path else name
            if field is not None and its is None:
                yield where
            elif field is not None and its is not None:
                yield from removed_fields(field, its, where)


def _names(schema: Mapping[str, Any]) -> list[str]:
    return [*schema.get("properties", {}), *(_META if schema.get(_EMBEDDED) else ())]


def _member(schema: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the schema of a member of an object; None if the API server removes the member."""
    if name in _META and schema.get(_EMBEDDED):
        return _META[name]
    rest = schema.get("additionalProperties", _ANYTHING if _preserves(schema) else None)
    found: Mapping[str, Any] | None = schema.get("properties", {}).get(name, {} if rest is True else rest)
    return found


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema.get("items", _ANYTHING if _preserves(schema) else {})
    return found


def _preserves(schema: Mapping[str, Any]) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))
