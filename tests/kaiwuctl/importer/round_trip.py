"""From a CRD to types and back, and what two CRDs mean."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from typing import TYPE_CHECKING, Any

from kaiwu_runtime.generator import build_crds
from kaiwuctl.importer.crd import import_crd

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.importer.crd import ImportedKind

_NOT_TAKEN_OVER = {
    "controller-gen.kubebuilder.io/version",
    "kubectl.kubernetes.io/last-applied-configuration",
    "python.kaiwuctl.io/generator-version",
}
_number = itertools.count()


def crd_of(schema: dict[str, Any], **version: Any) -> dict[str, Any]:
    """Return the CRD of a kind whose spec has a schema."""
    root = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"value": schema}, "required": ["value"]}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}, **version}
            ],
        },
    }


def classes(imported: ImportedKind, folder: Path) -> list[type[Any]]:
    """Write the modules of a kind, import them, and return its class in each."""
    found = []
    for version in imported.versions:
        file = folder / f"imported_{next(_number)}.py"
        file.write_text(version.module, encoding="utf-8")
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = module
        try:
            spec.loader.exec_module(module)
        finally:
            del sys.modules[file.stem]
        found.append(getattr(module, imported.class_name))
    return found


def regenerated(crd: dict[str, Any], folder: Path, *, check: bool = True) -> dict[str, Any]:
    """Return what the generator makes of the types of a CRD, which has one version if it is not checked."""
    (made,) = build_crds(classes(import_crd(crd, check=check), folder), check=check)
    if not check:
        # Which version is stored is among the checks.
        made.manifest["spec"]["versions"][0]["storage"] = True
    return made.manifest


def meaning(crd: dict[str, Any]) -> dict[str, Any]:
    """Return what the API server reads in a CRD.

    Left out are the status, annotations of tools, keywords that Go leaves out when it writes them, spaces in
    descriptions, and the order of required fields and of the values of an enumeration.
    """
    spec, metadata = crd["spec"], crd["metadata"]
    names = {"singular": spec["names"]["kind"].lower(), "listKind": f"{spec['names']['kind']}List", **spec["names"]}
    annotations = metadata.get("annotations") or {}
    return {
        "name": metadata["name"],
        "labels": metadata.get("labels") or {},
        "annotations": {key: value for key, value in annotations.items() if key not in _NOT_TAKEN_OVER},
        "group": spec["group"],
        "names": {key: value for key, value in names.items() if value},
        "scope": spec["scope"],
        "versions": {version["name"]: _version(version) for version in spec["versions"]},
    }


def _version(version: dict[str, Any]) -> dict[str, Any]:
    root = _node((version.get("schema") or {}).get("openAPIV3Schema") or {})
    properties = root.setdefault("properties", {})
    for key, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
        properties.setdefault(key, {"type": kind})
    rest = {"schema", "additionalPrinterColumns", "subresources"}
    subresources = version.get("subresources") or {}
    return {
        **{key: value for key, value in version.items() if key not in rest and not _says_nothing(value)},
        "columns": [
            {key: value for key, value in column.items() if value}
            for column in version.get("additionalPrinterColumns") or ()
        ],
        "subresources": {
            key: {word: path for word, path in (value or {}).items() if path}
            for key, value in subresources.items()
            if value is not None
        },
        "schema": root,
    }


_KEPT = {"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "minProperties", "maxProperties"}


def _node(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word, value in schema.items():
        if word in {"default", "example", *_KEPT}:
            found[word] = value
        elif _says_nothing(value):
            continue
        elif word == "description":
            found[word] = " ".join(value.split())
        elif word == "properties":
            found[word] = {name: _node(child) for name, child in value.items()}
        elif word in {"items", "additionalProperties"} and isinstance(value, dict):
            found[word] = _node(value)
        elif word == "required":
            found[word] = sorted(value)
        elif word == "enum":
            # typing takes a Literal for an equal one with its values in another order.
            found[word] = sorted(value, key=repr)
        elif word == "x-kubernetes-validations":
            found[word] = [{key: text for key, text in rule.items() if text} for rule in value]
        else:
            found[word] = value
    return {word: value for word, value in found.items() if not (word == "description" and not value)}


def _says_nothing(value: object) -> bool:
    return value is None or value is False or value in ("", [], {})
