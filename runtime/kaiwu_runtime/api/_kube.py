"""Kubernetes' own types inside a project's API types.

``Kube[ResourceRequirements]`` is a lightkube model to the type checker, and to pydantic a field that msgspec
validates and dumps. The models are generated from the API server's own OpenAPI document, so a project never
writes Kubernetes' types again.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from pydantic_core import core_schema

from kaiwu_runtime.api._quantity import QUANTITY_ANNOTATION
from kaiwu_runtime.api._times import has_micro_time, to_builtins
from kaiwu_runtime.errors import DefinitionError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

T = TypeVar("T")


class KubeModel(msgspec.Struct, frozen=True):
    """Makes pydantic validate and dump a lightkube model through msgspec; written as ``Kube[Model]``."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        if not (isinstance(source, type) and is_kube_model(source)):
            raise DefinitionError(f"Kube[{_name(source)}]: {_name(source)} is not a model from lightkube.models")
        return kube_core_schema(source)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "object"}


Kube = Annotated[T, KubeModel()]
"""``Kube[Affinity]``: the lightkube model ``Affinity`` as the type of a pydantic field."""


def is_kube_model(source: object) -> bool:
    """Return whether a type is a lightkube model (a msgspec struct)."""
    return isinstance(source, type) and issubclass(source, msgspec.Struct)


def kube_core_schema(model: type[Any]) -> core_schema.CoreSchema:
    """Return the core schema of a lightkube model: instances pass, mappings are converted by msgspec."""

    def validate(value: object) -> object:
        if isinstance(value, model):
            return value
        try:
            return msgspec.convert(value, model)
        except msgspec.ValidationError as error:
            normalised = _quantities_as_strings(value, model)
            if normalised == value:
                raise ValueError(str(error)) from None
        try:
            return msgspec.convert(normalised, model)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    return core_schema.no_info_plain_validator_function(
        validate,
        serialization=core_schema.plain_serializer_function_ser_schema(
            to_builtins if has_micro_time(model) else msgspec.to_builtins
        ),
    )


def _quantities_as_strings(value: object, model: type[Any]) -> object:
    """Return the mapping with every integer that stands for a quantity written as a string.

    The API server accepts ``sizeLimit: 1`` in a custom resource, while lightkube declares a quantity as a
    string.
    """
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for field in msgspec.structs.fields(model):
        current = result.get(field.encode_name)
        if current is None:
            continue
        if type(current) is int and QUANTITY_ANNOTATION in annotation_of(model, field.name):
            result[field.encode_name] = str(current)
            continue
        nested = nested_model(field.type)
        if nested is None:
            continue
        if isinstance(current, list):
            result[field.encode_name] = [_quantities_as_strings(item, nested) for item in current]
        else:
            result[field.encode_name] = _quantities_as_strings(current, nested)
    return result


def annotation_of(model: type[Any], field: str) -> str:
    """Return a field's annotation as lightkube writes it: only this text distinguishes a quantity from a string."""
    for base in model.__mro__:
        annotations = inspect.get_annotations(base)
        if field in annotations:
            return str(annotations[field])
    return ""


def nested_model(annotation: object) -> type[Any] | None:
    """Return the lightkube model inside ``Model``, ``Optional[Model]`` or ``List[Model]``, or None."""
    if isinstance(annotation, type) and is_kube_model(annotation):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = nested_model(argument)
        if found is not None:
            return found
    return None


def _name(source: object) -> str:
    return source.__name__ if isinstance(source, type) else str(source)
