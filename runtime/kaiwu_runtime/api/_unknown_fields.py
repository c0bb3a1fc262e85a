"""Fields that keep the unknown fields of their model, and write them again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from kaiwu_runtime.api._whole_numbers import whole_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel, GetCoreSchemaHandler
    from pydantic_core.core_schema import CoreSchema


def keep_unknown_fields(schema: CoreSchema, handler: GetCoreSchemaHandler) -> CoreSchema:
    """Return a core schema that reads a model with its unknown fields and writes them; the model is the same elsewhere.

    Args:
        schema: Of a model, or of a model or None; any other is returned as it is.
        handler: Resolves references to definitions and generates schemas.
    """
    found: Any = handler.resolve_ref_schema(schema)
    if found["type"] == "nullable":
        return core_schema.nullable_schema(keep_unknown_fields(found["schema"], handler))
    while found["type"] in {"function-before", "function-after", "function-wrap"}:  # the model's own validators
        found = found["schema"]
    if found["type"] != "model":
        return schema
    model = found["cls"]
    return core_schema.no_info_wrap_validator_function(
        _reader(model),
        handler.generate_schema(_keeping(model)),
        serialization=core_schema.wrap_serializer_function_ser_schema(_write, schema=schema),
    )


@cache
def _keeping(model: type[BaseModel]) -> type[BaseModel]:
    """Return a subclass that keeps unknown fields: pydantic validates a class everywhere in the same way."""
    namespace = {
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__doc__": model.__doc__,
        "model_config": {"extra": "allow"},
    }
    made_by: Any = type(model)
    kept: type[BaseModel] = made_by(model.__name__, (model,), namespace)
    return kept


def _reader(model: type[BaseModel]) -> Callable[[Any, Callable[[Any], Any]], Any]:
    def read(value: Any, handler: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any value
        if isinstance(value, model):
            return value
        made = handler(value)
        # Of the class that the annotation names, and equal to one from Python, which has no unknown fields.
        object.__setattr__(made, "__class__", model)
        if not made.__pydantic_extra__:
            object.__setattr__(made, "__pydantic_extra__", None)
        return made

    return read


def _write(instance: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401 - a model
    return {**handler(instance), **whole_numbers(instance.__pydantic_extra__ or {})}
