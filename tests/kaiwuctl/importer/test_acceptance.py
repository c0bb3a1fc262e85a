"""Which CRDs are refused: those that the API server rejects, and those for which there are no types here."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from kaiwuctl.errors import CRDError
from kaiwuctl.importer.crd import import_crd

from .round_trip import crd_of, regenerated

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest import ControlPlane

REJECTED: list[Any] = [
    {"type": "string", "pattern": "("},
    {"type": "string", "pattern": "(?=a)"},
    {"type": "string", "pattern": "a{2000}"},
    {"type": "string", "pattern": "\\"},
    {"type": "string", "default": 5},
    {"type": "string", "maxLength": 1, "default": "ab"},
    {"type": "string", "pattern": "^a$", "default": "b"},
    {"type": "string", "enum": ["a"], "default": "b"},
    {"type": "integer", "default": 1.5},
    {"type": "object", "properties": {"a": {"type": "string"}}, "default": {"b": "x"}},
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "default": {}},
    {"type": "object", "default": {}, "properties": {"a": {"type": "string", "default": 5}}},
    {"type": "string", "format": "date-time", "default": "x"},
    {"type": "string", "format": "ipv4", "default": "x"},
    {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}},
    {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["nope"],
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [],
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-type": "map",
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-map-keys": ["k"],
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k", "k"],
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-type": "odd",
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-type": "set",
    },
    {
        "type": "array",
        "items": {"type": "string"},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "object"}}, "required": ["k"]},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
    },
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
    },
    {"type": "string", "x-kubernetes-list-type": "set"},
    {"type": "array", "items": {"type": "string", "nullable": True}, "x-kubernetes-list-type": "set"},
    {"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-map-type": "odd"},
    {"type": "string", "x-kubernetes-map-type": "atomic"},
    {"type": "array"},
    {"type": "array", "items": None},
    {"type": "array", "items": {}},
    {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    {"x-kubernetes-int-or-string": True, "x-kubernetes-preserve-unknown-fields": True},
    {"x-kubernetes-preserve-unknown-fields": False},
    {"type": "object", "x-kubernetes-embedded-resource": True},
    {"type": "string", "x-kubernetes-embedded-resource": True},
    {"type": "string", "x-kubernetes-validations": [{"rule": "("}]},
    {"type": "string", "x-kubernetes-validations": [{"rule": ""}]},
    {"type": "string", "x-kubernetes-validations": [{"message": "a"}]},
    {"type": "string", "x-kubernetes-validations": [{"rule": "true", "message": "a\nb"}]},
    {"type": "string", "x-kubernetes-validations": [{"rule": "true", "reason": "Odd"}]},
    {"type": "string", "x-kubernetes-validations": [{"rule": "true", "fieldPath": ".x"}]},
    {"type": "string", "not": {"type": "string"}},
    {"type": "string", "anyOf": [{"description": "x"}]},
    {"type": "string", "allOf": [{"pattern": "("}]},
    {"type": "string", "oneOf": [{"default": "x"}]},
    {"type": "object", "anyOf": [{"properties": {"z": {"type": "string"}}}]},
    {"type": "string", "anyOf": [{"nullable": True}]},
    {"type": "string", "id": "x"},
    {"type": "string", "$schema": "x"},
    {"type": "string", "$ref": "#/x"},
    {"type": "string", "definitions": {"a": {"type": "string"}}},
    {"type": "string", "patternProperties": {"a": {"type": "string"}}},
    {"type": "string", "dependencies": {"a": ["b"]}},
    {"type": "array", "items": {"type": "string"}, "additionalItems": {"type": "string"}},
    {"type": "integer", "pattern": "("},
    {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"kind": {"type": "integer"}},
    },
    {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"metadata": {"type": "string"}},
    },
    {"type": "string", "x-kubernetes-validations": [{"rule": "true", "message": " "}]},
    {"type": "string", "x-kubernetes-validations": [{"rule": "true", "reason": ""}]},
    {"type": "integer", "format": "int32", "default": 2**31},
    {"type": "integer", "format": "int32", "default": -(2**31) - 1},
    {"type": "integer", "format": "int64", "default": 2**63},
    {"type": "integer", "default": -(2**63) - 1},
    {"x-kubernetes-int-or-string": True, "format": "int32", "default": 2**31},
    {"type": "number", "format": "float", "default": 1e39},
    {"type": "array", "items": {"type": "integer", "format": "int32"}, "default": [1, 2**31]},
    ("metadata/labels", {"a b": "x"}),
    ("metadata/labels", {"": "x"}),
    ("metadata/labels", {"a/b/c": "x"}),
    ("metadata/labels", {"A.b/c": "x"}),
    ("metadata/labels", {"x" * 64: "x"}),
    ("metadata/labels", {"a": "x y"}),
    ("metadata/labels", {"a": "x" * 64}),
    ("metadata/labels", {"a": 1}),
    ("metadata/annotations", {"a b": "x"}),
    ("metadata/annotations", {"": "x"}),
    ("metadata/annotations", {"a": 1}),
    ("metadata/annotations", {"a": "x" * 256 * 1024}),
    ("spec/names/listKind", "bad kind"),
    ("spec/names/listKind", "Widget"),
    ("spec/names/listKind", "-"),
    ("spec/names/singular", "Bad"),
    ("spec/names/singular", "a b"),
    ("spec/names/shortNames", ["A"]),
    ("spec/names/shortNames", [""]),
    ("spec/names/categories", ["A b"]),
    ("spec/names/plural", "Widgets"),
    ("metadata/name", "other"),
    ("metadata/name", ""),
    ("spec/versions/0/storage", False),
    ("spec/versions/0/name", "V1"),
    ("spec/versions/0/deprecationWarning", "x"),
    ("spec/versions/0/additionalPrinterColumns", [{"name": "a", "type": "odd", "jsonPath": ".spec"}]),
    ("spec/versions/0/additionalPrinterColumns", [{"name": "", "type": "string", "jsonPath": ".spec"}]),
    ("spec/versions/0/additionalPrinterColumns", [{"name": "a", "type": "string", "jsonPath": "spec"}]),
    ("spec/versions/0/additionalPrinterColumns", [{"name": "a", "type": "string", "jsonPath": ""}]),
    (
        "spec/versions/0/additionalPrinterColumns",
        [{"name": "a", "type": "string", "format": "odd", "jsonPath": ".spec"}],
    ),
    ("spec/versions/0/selectableFields", [{"jsonPath": ".spec.nope"}]),
    ("spec/versions/0/selectableFields", [{"jsonPath": ""}]),
    ("spec/versions/0/selectableFields", [{"jsonPath": ".spec.value"}, {"jsonPath": ".spec.value"}]),
    ("spec/versions/0/selectableFields", [{"jsonPath": ".metadata.name"}]),
    ("spec/versions/0/subresources", {"scale": {}}),
    ("spec/versions/0/subresources", {"scale": {"specReplicasPath": "spec", "statusReplicasPath": ".status.x"}}),
    ("spec/versions/0/subresources", {"scale": {"specReplicasPath": ".status.x", "statusReplicasPath": ".spec.x"}}),
    ("spec/scope", "namespaced"),
    ("spec/preserveUnknownFields", True),
    ("spec/conversion", {"strategy": "Odd"}),
    ("spec/group", "example"),
    ("spec/group", "Example.com"),
]
"""Schemas of a field that the API server rejects; or a path in the CRD, and what is there."""

STRICTER: list[Any] = [
    {"type": "object", "properties": {"": {"type": "string"}}},
    {"type": "integer", "minimum": 5, "maximum": 1},
    {"type": "string", "minLength": 5, "maxLength": 1},
    {"type": "array", "items": {"type": "string"}, "minItems": 5, "maxItems": 1},
    {"type": "object", "minProperties": 3, "maxProperties": 1, "properties": {"a": {"type": "string"}}},
    {"type": "string", "minLength": -1},
    {"type": "string", "maxLength": -1},
    {"type": "array", "items": {"type": "string"}, "maxItems": -1},
    {"type": "integer", "multipleOf": 0},
    {"type": "integer", "multipleOf": -1},
    {"type": "string", "default": None},
    {"type": "string", "x-kubernetes-int-or-string": True},
    {"x-kubernetes-int-or-string": True, "default": 1.5},
    {"type": "number", "minimum": 1e308, "maximum": -1e308},
    ("spec/names/shortNames", ["a", "a"]),
    ("spec/names/categories", ["all", "all"]),
]
"""What the API server accepts and the generator does not: no value fits, or Python has no such field."""

ACCEPTED: list[Any] = [
    {"type": "integer", "minimum": 1, "maximum": 1, "exclusiveMinimum": True},
    {"type": "integer", "exclusiveMinimum": True},
    {"type": "integer", "multipleOf": 1.5},
    {"type": "integer", "minimum": 1.5},
    {"type": "string", "enum": ["a", "a"]},
    {"type": "string", "enum": []},
    {"type": "string", "enum": [1]},
    {"type": "integer", "enum": ["a"]},
    {"type": "string", "enum": [None]},
    {"type": "string", "enum": ["a", None], "nullable": True},
    {"type": "object", "enum": [{}]},
    {"type": "boolean", "enum": [True]},
    {"type": "number", "enum": [1.5, 1.5]},
    {"type": "string", "nullable": True, "default": None},
    {"type": "string", "format": "odd", "default": "x"},
    {"type": "object", "additionalProperties": False},
    {"type": "object", "additionalProperties": True},
    {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
    {
        "type": "array",
        "items": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]},
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["k"],
    },
    {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
    {"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-map-type": "atomic"},
    {"type": "array", "items": {"type": "string"}, "uniqueItems": False},
    {"type": "object", "required": ["nope"]},
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "a"]},
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["nope"]},
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": [""]},
    {"x-kubernetes-int-or-string": True},
    {"x-kubernetes-int-or-string": True, "properties": {"a": {"type": "string"}}},
    {"type": "string", "x-kubernetes-preserve-unknown-fields": True},
    {"type": "array", "items": {"type": "string"}, "x-kubernetes-preserve-unknown-fields": True},
    {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
    {"type": "string", "x-kubernetes-validations": [{"rule": "true"}, {"rule": "true"}]},
    {"type": "string", "anyOf": []},
    {"type": "object", "properties": {"z": {"type": "string"}}, "anyOf": [{"required": ["z"]}]},
    {"type": "object", "properties": {"z": {"type": "string"}}, "anyOf": [{"properties": {"z": {"minLength": 1}}}]},
    {"type": "string", "format": "odd"},
    {"type": "string", "format": ""},
    {"type": "string", "title": "x\n"},
    {"type": "string", "externalDocs": {"url": "x"}},
    {"type": "string", "externalDocs": {}},
    {"type": "string", "example": 5},
    {"type": "string", "odd": 1},
    {"type": "string", "minimum": 1},
    {"type": "integer", "minLength": 1},
    {"type": "string", "minItems": 1},
    {"type": "string", "items": {"type": "string"}},
    {"type": "string", "properties": {"a": {"type": "string"}}},
    {"type": "string", "required": ["a"]},
    {"type": "string", "additionalProperties": {"type": "string"}},
    {"type": "array", "items": {"type": "string"}, "properties": {"a": {"type": "string"}}},
    {
        "type": "object",
        "properties": {
            "a.b": {"type": "string"},
            "a/b": {"type": "string"},
            "a b": {"type": "string"},
            "é": {"type": "string"},
            "$x": {"type": "string"},
            "-": {"type": "string"},
            "__a": {"type": "string"},
            "1": {"type": "string"},
        },
    },
    {
        "type": "object",
        "properties": {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": {"type": "string"}},
    },
    {
        "type": "object",
        "properties": {
            "class": {"type": "string"},
            "Class": {"type": "string"},
            "CLASS": {"type": "string"},
            "model_config": {"type": "string"},
            "copy": {"type": "string"},
            "__init__": {"type": "string"},
            "self": {"type": "string"},
        },
    },
    {"type": "number", "format": "float"},
    {"type": "integer", "format": "int64", "minimum": -9223372036854775808, "maximum": 9223372036854775807},
    {"type": "integer", "maximum": 9223372036854775808},
    {"type": "integer", "maximum": 1e30},
    {
        "type": "object",
        "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "integer"}, "metadata": {"type": "string"}},
    },
    {"type": "string", "x-kubernetes-validations": [{"rule": "true", "message": "", "messageExpression": ""}]},
    {"type": "object", "x-kubernetes-validations": [{"rule": "true", "message": "", "fieldPath": ""}]},
    {"type": "integer", "format": "int32", "default": 2**31 - 1},
    {"type": "integer", "format": "int32", "default": 5.0},
    {"type": "integer", "format": "int8", "default": 500},
    {"type": "integer", "default": 2**31},
    {"type": "number", "format": "int32", "default": 2**31},
    {"type": "number", "default": 2**70},
    {"type": "number", "format": "float", "default": 3.4e38},
    {"x-kubernetes-int-or-string": True, "default": 2**31},
    ("metadata/labels", {"example.com/a": "", "b_c.d": "A-1"}),
    ("metadata/annotations", {"Example.COM/a": "x y", "b": "é"}),
    ("spec/names/listKind", ""),
    ("spec/names/listKind", "widgetlist"),
    ("spec/names/singular", ""),
    ("spec/names/shortNames", ["widgets"]),
    ("spec/names/kind", "widget"),
    ("spec/versions/0/served", False),
    ("spec/versions/0/name", "one"),
    ("spec/versions/0/deprecated", True),
    ("spec/versions/0/additionalPrinterColumns", [{"name": "a", "type": "string", "jsonPath": ".spec["}]),
    (
        "spec/versions/0/additionalPrinterColumns",
        [{"name": "a", "type": "string", "jsonPath": ".spec"}, {"name": "a", "type": "string", "jsonPath": ".spec"}],
    ),
    ("spec/versions/0/selectableFields", [{"jsonPath": ".spec.value"}]),
    ("spec/versions/0/subresources", {"scale": {"specReplicasPath": ".spec.nope", "statusReplicasPath": ".status.x"}}),
    ("spec/versions/0/subresources", {"status": {}}),
]


def crd_with(case: Any) -> dict[str, Any]:
    """Return a CRD with a schema, or with another value somewhere."""
    if isinstance(case, dict):
        return crd_of(copy.deepcopy(case))
    path, value = case
    crd = crd_of({"type": "string"})
    *parents, last = path.split("/")
    target: Any = crd
    for part in parents:
        target = target[0] if part == "0" else target.setdefault(part, {})
    target[last] = value
    if parents and parents[0] == "spec":
        crd["metadata"]["name"] = f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
    return crd


def shown(case: Any) -> str:
    return json.dumps(case)[:60]


@pytest.mark.parametrize("case", [*REJECTED, *STRICTER], ids=shown)
def test_it_is_refused_in_one_line(case: Any) -> None:
    with pytest.raises(CRDError) as refusal:
        import_crd(crd_with(case))
    assert refusal.value.message.startswith("invalid CustomResourceDefinition: ")
    assert refusal.value.message.isprintable()


@pytest.mark.parametrize("case", ACCEPTED, ids=shown)
def test_what_is_imported_the_generator_accepts(case: Any, tmp_path: Path) -> None:
    regenerated(crd_with(case), tmp_path)


@pytest.mark.envtest
def test_the_api_server_decides_alike(control_plane: ControlPlane, tmp_path: Path) -> None:
    url = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All"
    wrong = []
    for cases, created in ((REJECTED, False), (STRICTER, True), (ACCEPTED, True)):
        for case in cases:
            code, answer = control_plane.rest.request("POST", url, crd_with(case))
            if (code == 201) is not created:
                wrong.append(f"{shown(case)}: {code} {answer!r}"[:300])
    for case in ACCEPTED:
        code, answer = control_plane.rest.request("POST", url, regenerated(crd_with(case), tmp_path))
        if code != 201:
            wrong.append(f"{shown(case)}, made again: {code} {answer!r}"[:300])
    assert not wrong, "\n".join(wrong)
