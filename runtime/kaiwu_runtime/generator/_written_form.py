"""Reject metadata that makes pydantic read or write a field differently from its annotation, and so from its schema."""

from __future__ import annotations

import annotated_types
import pydantic
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from kaiwu_runtime.api._duration import DurationType
from kaiwu_runtime.api._kube import KubeModel
from kaiwu_runtime.api._markers import Schemaless, SchemaType
from kaiwu_runtime.api._model import APIModel
from kaiwu_runtime.api._quantity import QuantityType
from kaiwu_runtime.api._scalars import BytesType, IntOrStringType, rfc3339
from kaiwu_runtime.api._whole_numbers import whole_numbers
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._annotations import Facts
from kaiwu_runtime.generator._model_config import CHANGED_TEXT, check_config

_HARMLESS = (
    KubeModel, DurationType, QuantityType, BytesType, IntOrStringType,
    pydantic.AfterValidator, pydantic.BeforeValidator, pydantic.WrapValidator, pydantic.PlainValidator,
    pydantic.Strict, pydantic.FailFast, pydantic.AllowInfNan, pydantic.WithJsonSchema, pydantic.Tag,
    annotated_types.BaseMetadata,
)  # fmt: skip
"""Metadata with which a field is still written in the form of its type; validators return values of that type."""

_SERIALIZERS = (pydantic.PlainSerializer, pydantic.WrapSerializer)
_TEXT_CONSTRAINTS = {
    **dict.fromkeys(("strip_whitespace", "to_lower", "to_upper"), CHANGED_TEXT),
    "ascii_only": "rejects texts that the API server accepts: use Field(pattern=r'^[\\x00-\\x7F]*$')",
}
"""What StringConstraints asks of pydantic alone."""

_CURE = "write the type that the object has, and convert it in Python with a property"


def check_model(model: type[BaseModel]) -> None:
    """Check the metadata of a whole model.

    Raises:
        DefinitionError: Its objects would not match its annotations.
    """
    name = model.__name__
    if model.model_computed_fields:
        computed = next(iter(model.model_computed_fields))
        raise DefinitionError(f"{name}.{computed}: a computed field is not part of the API: make it a property")
    for function in model.__pydantic_decorators__.model_serializers:
        raise DefinitionError(
            f"{name}: the model serializer {function} writes an object that does not match its fields: {_CURE}"
        )
    own = getattr(model.__get_pydantic_core_schema__, "__func__", None)
    if issubclass(model, APIModel) and own is not APIModel.__get_pydantic_core_schema__.__func__:  # type: ignore[attr-defined]
        raise DefinitionError(
            f"{name}: its own __get_pydantic_core_schema__ may read and write another object: {_CURE}"
        )
    check_config(model)


def check_field(model: type[BaseModel], name: str, field: FieldInfo, facts: Facts, where: str) -> None:
    """Check the metadata of a field.

    Raises:
        DefinitionError: The field would not be written as its annotation declares.
    """
    if getattr(field, "exclude_if", None) is not None:
        raise DefinitionError(
            f"{where}: exclude_if leaves a value out that was set: use None for a field that is absent"
        )
    check_metadata(facts, where)
    if _is_asserted(facts):
        return
    for function, decorator in model.__pydantic_decorators__.field_serializers.items():
        if name in decorator.info.fields or "*" in decorator.info.fields:
            raise DefinitionError(
                f"{where}: the serializer {function} writes a value that does not match its type: {_CURE}"
            )


def check_metadata(facts: Facts, where: str) -> None:
    """Check the metadata of a type, of an item of a list as well as of a field.

    Raises:
        DefinitionError: See :func:`check_field`.
    """
    if _is_asserted(facts):
        return
    for item in facts.other:
        if isinstance(item, pydantic.PlainSerializer) and item.func in {rfc3339, whole_numbers}:
            continue
        for word, effect in _TEXT_CONSTRAINTS.items():
            if getattr(item, word, None):
                raise DefinitionError(f"{where}: {word} {effect}")
        kind = item if isinstance(item, type) else type(item)
        if issubclass(kind, _SERIALIZERS):
            raise DefinitionError(f"{where}: {kind.__name__} writes a value that does not match its type: {_CURE}")
        if hasattr(item, "__get_pydantic_core_schema__") and not issubclass(kind, _HARMLESS):
            raise DefinitionError(
                f"{where}: {kind.__name__} may read or write a value that does not match its type: {_CURE}, "
                "or set its JSON type with SchemaType(...)"
            )


def check_excluded(field: FieldInfo, where: str) -> None:
    """Check a field that is not part of the object.

    Raises:
        DefinitionError: Objects without it could not be read.
    """
    if field.is_required():
        raise DefinitionError(
            f"{where}: exclude=True leaves it out of every object, which then cannot be read: give it a default"
        )


def _is_asserted(facts: Facts) -> bool:
    """Return whether the project itself declares the JSON type."""
    return facts.find(SchemaType) is not None or facts.find(Schemaless) is not None
