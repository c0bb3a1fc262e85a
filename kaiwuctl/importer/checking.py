"""Rejects what is not a CRD, before anything is read from it."""

from __future__ import annotations

import keyword
from typing import Any, Final, TypeVar

import msgspec
from lightkube.models.apiextensions_v1 import CustomResourceDefinition, JSONSchemaProps

from kaiwu_runtime._names import is_dns_1035_label, is_dns_label, is_kind
from kaiwuctl.errors import CRDError
from kaiwuctl.importer.vocabulary import INT_OR_STRING, PRESERVE

_DEEPEST: Final = 64
_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_T = TypeVar("_T")


def check_crd(crd: dict[str, Any]) -> None:
    """Check that an object is a CRD, as far as its types are made from it.

    Raises:
        CRDError: It is another kind, an old version, or has not the form of a CRD.
    """
    api_version, kind = crd.get("apiVersion"), crd.get("kind")
    if kind != "CustomResourceDefinition":
        raise CRDError(f"is {_shown(kind)} of {_shown(api_version)}, not a CustomResourceDefinition")
    if api_version != "apiextensions.k8s.io/v1":
        raise CRDError(
            f"is a CustomResourceDefinition of {_shown(api_version)}; convert it to apiextensions.k8s.io/v1, as a "
            "cluster has it: kubectl get crd NAME -o yaml"
        )
    form = _converted(crd, CustomResourceDefinition, "")
    _check_names(form)
    try:
        for version in crd["spec"]["versions"]:
            place = f"version {version['name']}"
            schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
            _check_schema(schema, place)
            if schema.get("type") != "object":
                raise CRDError(f"invalid CustomResourceDefinition: {place}: its schema must have type: object")
    except RecursionError:
        raise CRDError("its schema is nested too deeply") from None


def _converted(value: object, form: type[_T], place: str) -> _T:
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        at = f"{place}{where.rstrip('`')}".removeprefix(".")
        raise CRDError(
            f"invalid CustomResourceDefinition: {at}{': ' if at else ''}{what[:1].lower()}{what[1:]}"
        ) from None


def _check_schema(schema: object, place: str, depth: int = 0) -> None:
    """Check one node and its parts, which the model of a CRD leaves open."""
    if depth > _DEEPEST:
        raise CRDError(f"its schema is nested too deeply: it has more than {_DEEPEST} levels")
    _converted(schema, JSONSchemaProps, place)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind not in {*_TYPES, None, ""}:
        raise CRDError(
            f"invalid CustomResourceDefinition: {place}: type is {_shown(kind)}, but must be one of {', '.join(_TYPES)}"
        )
    if not kind and not schema.get(INT_OR_STRING) and not schema.get(PRESERVE):
        raise CRDError(f"invalid CustomResourceDefinition: {place}: has no type: give it one, or {PRESERVE}: true")
    for name, child in (schema.get("properties") or {}).items():
        _check_schema(child, f"{place}.{name}", depth + 1)
    for word, mark in (("items", "[]"), ("additionalProperties", ".*")):
        part = schema.get(word)
        if part is not None and not (word == "additionalProperties" and isinstance(part, bool)):
            _check_schema(part, f"{place}{mark}", depth + 1)


def _check_names(crd: CustomResourceDefinition) -> None:
    names = crd.spec.names
    valid = {
        "spec.group": all(map(is_dns_label, crd.spec.group.split("."))) and "." in crd.spec.group,
        "spec.names.kind": is_kind(names.kind) and names.kind.isidentifier(),
        "spec.names.plural": is_dns_1035_label(names.plural),
        "spec.versions": bool(crd.spec.versions) and all(is_dns_1035_label(each.name) for each in crd.spec.versions),
        "spec.scope": crd.spec.scope in {"Namespaced", "Cluster"},
    }
    for path, holds in valid.items():
        if not holds:
            raise CRDError(f"invalid CustomResourceDefinition: {path} is not valid")
    if keyword.iskeyword(names.kind[:1].upper() + names.kind[1:]):
        raise CRDError(
            f"has the kind {names.kind}, which is a word of Python itself: no class can have that name; use the CRD of "
            "another kind"
        )
    expected = f"{names.plural}.{crd.spec.group}"
    if crd.metadata is not None and crd.metadata.name != expected:
        raise CRDError(
            f"invalid CustomResourceDefinition: metadata.name is {_shown(crd.metadata.name)}, not {expected}"
        )
    if [each.storage for each in crd.spec.versions].count(True) != 1:
        raise CRDError("invalid CustomResourceDefinition: spec.versions must have one version with storage: true")
    for each in crd.spec.versions:
        if each.deprecationWarning and not each.deprecated:
            raise CRDError(
                f"invalid CustomResourceDefinition: version {each.name}: deprecationWarning needs deprecated: true"
            )
    if crd.spec.preserveUnknownFields:
        raise CRDError(
            "invalid CustomResourceDefinition: spec.preserveUnknownFields must not be true: use "
            f"{PRESERVE} in the schema"
        )
    if crd.spec.conversion is not None and crd.spec.conversion.strategy not in {"None", "Webhook"}:
        raise CRDError("invalid CustomResourceDefinition: spec.conversion.strategy must be None or Webhook")
    versions = [each.name for each in crd.spec.versions]
    if len(set(versions)) < len(versions):
        raise CRDError("invalid CustomResourceDefinition: spec.versions names a version twice")


def _shown(value: object) -> str:
    return repr(value)[:60] if isinstance(value, str) else "nothing"
