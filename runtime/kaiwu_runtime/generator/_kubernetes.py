"""Structural schemas of Kubernetes' own types, from lightkube's models and the facts that the models lack.

Descriptions are left out: a PodTemplateSpec with descriptions is too large for the annotation of ``kubectl apply``.
"""

from __future__ import annotations

import copy
import datetime as dt
import importlib
import types
from functools import cache
from typing import Any, Union, get_args, get_origin

import msgspec

from kaiwu_runtime.api._conditions import (
    MESSAGE_LENGTH,
    REASON_LENGTH,
    REASON_PATTERN,
    TYPE_LENGTH,
    TYPE_PATTERN,
)
from kaiwu_runtime.api._kube import annotation_of, is_kube_model
from kaiwu_runtime.api._quantity import QUANTITY_ANNOTATION
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._kubernetes_types import kubernetes_facts
from kaiwu_runtime.generator._scalars import int_or_string, quantity
from kaiwu_runtime.generator._schema import Schema

_MODELS = "lightkube.models."
_CONDITION: dict[str, dict[str, Any]] = {
    "lastTransitionTime": {"type": "string", "format": "date-time"},
    "message": {"type": "string", "maxLength": MESSAGE_LENGTH},
    "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
    "reason": {"type": "string", "minLength": 1, "maxLength": REASON_LENGTH, "pattern": REASON_PATTERN},
    "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
    "type": {"type": "string", "maxLength": TYPE_LENGTH, "pattern": TYPE_PATTERN},
}
"""The limits of metav1.Condition; the API server's OpenAPI documents leave them out."""

_EMBEDDED_METADATA = ("annotations", "finalizers", "generateName", "labels", "name", "namespace")
"""The metadata fields that a template may set for its objects; the API server fills in the rest."""

_SCALARS: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    dt.datetime: {"type": "string", "format": "date-time"},
}


def kube_schema(model: object, where: str) -> Schema:
    """Return the schema of a lightkube model.

    Args:
        model: A class from ``lightkube.models`` or ``lightkube.resources``.
        where: ``Model.field`` it is embedded in, for messages.

    Raises:
        DefinitionError: The model contains itself, or a mapping whose value type is not known.
    """
    try:
        return copy.deepcopy(_schema(model))
    except DefinitionError as error:
        raise DefinitionError(f"{where}: {error}") from None


@cache
def _schema(model: Any) -> Schema:  # noqa: ANN401 - any lightkube model
    return _build(model, ())


def _build(model: type[msgspec.Struct], outer: tuple[type[Any], ...]) -> Schema:
    name = model_name(model)
    if model in outer:
        raise DefinitionError(
            f"{name.partition('.')[2]} contains itself, which a CRD cannot express: "
            "use Annotated[dict[str, Any], PreserveUnknownFields()]"
        )
    facts = kubernetes_facts().get(name, {})
    short = name.partition(".")[2]
    schema = Schema({"type": "object"}, model=short, origin=short, kubernetes=True)
    schema.update(facts.get("", {}))
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for field in msgspec.structs.fields(model):
        key = field.encode_name
        if name == "meta_v1.ObjectMeta" and key not in _EMBEDDED_METADATA:
            continue
        if field.required:
            required.append(key)
        if name == "meta_v1.Condition":
            properties[key] = Schema(_CONDITION[key])
        else:
            spelled = annotation_of(model, field.name)
            properties[key] = _field(field.type, spelled, facts.get(key, {}), (*outer, model), f"{name}.{key}")
        properties[key].origin = f"{schema.origin}.{key}"
    if properties:
        schema["properties"] = properties
    if required:
        schema["required"] = sorted(required)
    return schema


def _field(annotation: object, spelled: str, fact: dict[str, Any], outer: tuple[type[Any], ...], where: str) -> Schema:
    schema = _typed(annotation, spelled, fact, outer, where)
    for key, value in fact.items():
        if key not in {"values", "items"}:
            schema[key] = value
    _drop_optional_keys(schema)
    return schema


def _drop_optional_keys(schema: Schema) -> None:
    """Make a list with optional map keys atomic: built-in types may have such lists, CRDs may not."""
    items = schema.items_schema
    for key in schema.get("x-kubernetes-list-map-keys", ()):
        if items is None or not (key in items.get("required", ()) or "default" in items.properties[key]):
            del schema["x-kubernetes-list-map-keys"], schema["x-kubernetes-list-type"]
            return


def _typed(annotation: object, spelled: str, fact: dict[str, Any], outer: tuple[type[Any], ...], where: str) -> Schema:
    if get_origin(annotation) in {Union, types.UnionType}:
        some = [member for member in get_args(annotation) if member is not type(None)]
        if set(some) == {int, str}:
            return int_or_string()
        if len(some) != 1:
            raise DefinitionError(f"{where} is a union, which a CRD cannot express")
        return _typed(some[0], spelled, fact, outer, where)
    if get_origin(annotation) is list:
        items = _field(get_args(annotation)[0], spelled, fact.get("items", {}), outer, where)
        return Schema({"type": "array", "items": items})
    if annotation is str and QUANTITY_ANNOTATION in spelled:
        return quantity()
    if annotation in _SCALARS:
        return Schema(_SCALARS[annotation])
    if isinstance(annotation, type) and is_kube_model(annotation):
        return _build(annotation, outer)
    if annotation is dict:
        return Schema({"type": "object", "additionalProperties": _values(fact, outer, where)})
    if annotation is Any:
        return Schema({"x-kubernetes-preserve-unknown-fields": True})
    if get_origin(annotation) is dict:
        # typing.Dict without arguments is lightkube's spelling of a raw extension: any object at all.
        return Schema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    raise DefinitionError(f"{where}: lightkube does not declare the type of this field")


def _values(fact: dict[str, Any], outer: tuple[type[Any], ...], where: str) -> Schema:
    known = fact.get("values")
    if known is not None and "model" in known:
        module, _, name = known["model"].partition(".")
        return _build(getattr(importlib.import_module(_MODELS + module), name), outer)
    if known is None:
        raise DefinitionError(
            f"{where} is a mapping whose value type lightkube does not declare: "
            "use Annotated[dict[str, Any], PreserveUnknownFields()]"
        )
    return _value(known)


def _value(known: dict[str, Any]) -> Schema:
    if known.get("quantity"):
        return quantity()
    content = dict(known)
    if "items" in content:
        content["items"] = _value(content["items"])
    return Schema(content)


def model_name(model: type[Any]) -> str:
    """Return lightkube's name of a model, ``core_v1.Container``; a subclass has its model's name."""
    for base in model.__mro__:
        if base.__module__.startswith(_MODELS):
            return f"{base.__module__.removeprefix(_MODELS)}.{base.__name__}"
    return f"{model.__module__}.{model.__name__}"
