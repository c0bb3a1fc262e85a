"""Fields for which null is a separate value, and does not mean that the field is absent."""

from __future__ import annotations

import types
import typing
from typing import TYPE_CHECKING, Annotated, Any, NewType, Union, get_args, get_origin

import typing_extensions

from kaiwu_runtime.api._field_names import written_name
from kaiwu_runtime.api._markers import Nullable, Schemaless, SchemaType
from kaiwu_runtime.api._whole_numbers import whole_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

ALIAS_TYPES: tuple[type[Any], ...] = tuple(
    {typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType)}
)
"""What ``type Name = ...`` makes, and what ``TypeAliasType("Name", ...)`` makes before Python 3.14."""


def null_is_a_value(field: FieldInfo) -> bool:
    """Return whether None in a field is written as null.

    It is if the field has ``Nullable()``, or if it is ``Any`` and its absence would be read as another value or be
    rejected.
    """
    said = list(field.metadata)
    bare = _unwrap(field.annotation, said)
    if any(isinstance(item, Nullable) for item in said):
        return True
    open_type = bare is Any and not any(isinstance(item, SchemaType | Schemaless) for item in said)
    return open_type and (field.is_required() or field.default is not None or field.default_factory is not None)


def nullable_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return the names, in Python and in the object, of the fields of a model for which null is a value."""
    fields: dict[str, FieldInfo] = getattr(model, "__pydantic_fields__", {})
    return {name: written_name(name, field) for name, field in fields.items() if null_is_a_value(field)}


def write_null(nullable: dict[str, str]) -> Callable[[Any, Any, Any], dict[str, Any]]:
    """Return a serializer that keeps null where it is a value: ``exclude_none`` is how absent fields are left out.

    An unknown field that the model keeps is written as it was in the object, null too.
    """

    def write(model: Any, handler: Any, info: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's signature
        content: dict[str, Any] = handler(model)
        for name, alias in nullable.items():
            if name in model.model_fields_set and getattr(model, name) is None:
                content[alias if info.by_alias else name] = None
        for name, value in (model.__pydantic_extra__ or {}).items():
            if value is None or isinstance(value, float | list | dict):
                content[name] = whole_numbers(value)
        return content

    return write


def _unwrap(annotation: object, said: list[object]) -> object:
    """Return the bare type of an annotation, and collect its metadata."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        said += _flat(metadata)
        return _unwrap(inner, said)
    if isinstance(annotation, ALIAS_TYPES):
        return _unwrap(annotation.__value__, said)
    if isinstance(origin, ALIAS_TYPES):
        return _unwrap(origin.__value__[get_args(annotation)], said)
    if isinstance(annotation, NewType):
        return _unwrap(annotation.__supertype__, said)
    if origin in {Union, types.UnionType}:
        some = [member for member in get_args(annotation) if member is not type(None)]
        # A marker on a member of a union, Annotated[int, Nullable()] | None, is about the field too.
        return _unwrap(some[0], said) if len(some) == 1 else annotation
    return annotation


def _flat(metadata: list[object]) -> Iterator[object]:
    for item in metadata:
        inner = getattr(item, "metadata", None)
        if isinstance(inner, list):  # pydantic's Field(...) inside Annotated
            yield from inner
        yield item
