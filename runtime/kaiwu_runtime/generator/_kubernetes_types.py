"""Facts about Kubernetes' types that lightkube's models lack, from an API server's OpenAPI documents.

lightkube keeps a field's type, but not integer formats, the value types of mappings, list-map keys, atomic objects
and defaults. ``kubernetes_facts.json`` has them for every stable API group. To refresh it
for a new Kubernetes version, pass the documents of ``/openapi/v3`` to this module::

    python -m kaiwu_runtime.generator._kubernetes_types api__v1.json apis__apps__v1.json ... >
    kubernetes_facts.json

A test compares the file, and every schema made with it, with a running API server.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

Facts: TypeAlias = dict[str, dict[str, dict[str, Any]]]
"""Facts by model (``core_v1.Container``) and field (``ports``); a field named "" is the model itself."""

_MODEL = re.compile(
    r"io\.k8s\.(?:api|apimachinery\.pkg\.apis|apiextensions-apiserver\.pkg\.apis|kube-aggregator\.pkg\.apis)"
    r"\.(?P<group>[a-z]+)\.(?P<version>v[0-9]+(?:(?:alpha|beta)[0-9]+)?)\.(?P<name>[A-Za-z0-9]+)"
)
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_SCALARS: dict[str, dict[str, Any]] = {
    _QUANTITY: {"quantity": True},
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": {"type": "string", "format": "date-time"},
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": {"type": "string", "format": "date-time"},
}


_DECLARED_ZEROS = frozenset(
    {
        "autoscaling_v1.ScaleSpec.replicas",
        "core_v1.AzureDiskVolumeSource.readOnly",
        "core_v1.ConfigMapEnvSource.name",
        "core_v1.ConfigMapKeySelector.name",
        "core_v1.ConfigMapProjection.name",
        "core_v1.ConfigMapVolumeSource.name",
        "core_v1.FileKeySelector.optional",
        "core_v1.GRPCAction.service",
        "core_v1.LocalObjectReference.name",
        "core_v1.ReplicationControllerSpec.minReadySeconds",
        "core_v1.SecretEnvSource.name",
        "core_v1.SecretKeySelector.name",
        "core_v1.SecretProjection.name",
    }
)
"""Defaults that Kubernetes' types declare although they are Go's zero values; other zero values are not defaults."""


@cache
def kubernetes_facts() -> Facts:
    """Return the facts that ship with kaiwu-runtime."""
    text = files("kaiwu_runtime.generator").joinpath("kubernetes_facts.json").read_text(encoding="utf-8")
    facts: Facts = json.loads(text)
    return facts


def model_key(schema_name: str) -> str:
    """Return lightkube's name of an OpenAPI schema, ``core_v1.Container``, or the empty string."""
    match = _MODEL.fullmatch(schema_name)
    return f"{match['group']}_{match['version']}.{match['name']}" if match else ""


def facts_from_openapi(documents: Iterable[Mapping[str, Any]]) -> Facts:
    """Return the facts in OpenAPI v3 documents, sorted."""
    facts: Facts = {}
    for document in documents:
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            key = model_key(name)
            found = _model_facts(key, schema) if key else {}
            if found:
                facts[key] = dict(sorted(found.items()))
    return dict(sorted(facts.items()))


def is_default(model: str, field: str, default: object) -> bool:
    """Return whether a default in an OpenAPI document is declared by Kubernetes, and not only Go's zero value.

    The document has a zero value for every field that is not a pointer. A CRD with such a default would store it, and
    set, for example, the status of a podFailurePolicy's condition to a string that Kubernetes rejects.
    """
    return bool(default) or (default is not None and f"{model}.{field}" in _DECLARED_ZEROS)


def _model_facts(model: str, schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    if schema.get("x-kubernetes-map-type") == "atomic":
        found[""] = {"x-kubernetes-map-type": "atomic"}
    for name, field in schema.get("properties", {}).items():
        fact = _field_facts(field)
        default = field.get("default")
        if is_default(model, name, default):
            fact["default"] = default
        if fact:
            found[name] = fact
    return found


def _field_facts(field: Mapping[str, Any]) -> dict[str, Any]:
    fact: dict[str, Any] = {}
    if field.get("type") in {"integer", "number"} and "format" in field:
        fact["format"] = field["format"]
    if field.get("format") == "byte":
        fact["format"] = "byte"
    if field.get("x-kubernetes-list-type") in {"map", "set"}:
        fact["x-kubernetes-list-type"] = field["x-kubernetes-list-type"]
        if "x-kubernetes-list-map-keys" in field:
            fact["x-kubernetes-list-map-keys"] = field["x-kubernetes-list-map-keys"]
    if field.get("x-kubernetes-map-type") == "atomic":
        fact["x-kubernetes-map-type"] = "atomic"
    if isinstance(field.get("items"), dict) and field["items"].get("type") in {"integer", "number"}:
        fact["items"] = {"format": field["items"]["format"]}
    if isinstance(field.get("additionalProperties"), dict):
        fact["values"] = _value_facts(field["additionalProperties"])
    return fact


def _value_facts(schema: Mapping[str, Any]) -> dict[str, Any]:
    reference = _reference(schema)
    if reference:
        return dict(_SCALARS[reference]) if reference in _SCALARS else {"model": model_key(reference)}
    value: dict[str, Any] = {key: schema[key] for key in ("type", "format") if key in schema}
    if "items" in schema:
        value["items"] = _value_facts(schema["items"])
    return value


def _reference(schema: Mapping[str, Any]) -> str:
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf", ()) if "$ref" in part), "")
    return str(reference).removeprefix("#/components/schemas/")


def main(arguments: list[str]) -> int:
    """Print the facts in the OpenAPI documents named on the command line."""
    documents = [json.loads(Path(argument).read_text(encoding="utf-8")) for argument in arguments]
    facts = facts_from_openapi(documents)
    lines = [f"{json.dumps(name)}: {json.dumps(fact, sort_keys=True)}" for name, fact in facts.items()]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
