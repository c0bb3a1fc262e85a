"""Models that keep the fields they do not know, and write them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic_core import core_schema

from kaiwu_runtime.api.whole_numbers import whole_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from pydantic_core.core_schema import CoreSchema

_M = TypeVar("_M", bound="BaseModel")


def keep_unknown_fields(schema: CoreSchema, resolve: Callable[[CoreSchema], CoreSchema]) -> CoreSchema:
    """Return a core schema that reads a model with its unknown fields and writes them; the model is the same elsewhere.

    Args:
        schema: Of a model, or of a model or None; any other is returned as it is.
        resolve: Returns what a reference to a definition stands for.
    """
    model = resolve(schema)
    if model["type"] == "nullable":
        return core_schema.nullable_schema(keep_unknown_fields(model["schema"], resolve))
    if model["type"] != "model":
        return schema
    alone = cast("CoreSchema", {key: value for key, value in model.items() if key != "ref"})
    return core_schema.no_info_after_validator_function(
        _none_for_no_fields,
        _allowing(alone),
        serialization=core_schema.wrap_serializer_function_ser_schema(_write_unknown, schema=alone),
    )


def _allowing(schema: Any) -> Any:  # noqa: ANN401 - a core schema
    content = dict(schema)
    if content["type"] == "model-fields":
        content["extra_behavior"] = "allow"
    elif "schema" in content:
        content["schema"] = _allowing(content["schema"])
    return content


def _none_for_no_fields(instance: _M) -> _M:
    """Let an instance without unknown fields equal one that was made in Python, which can have none."""
    if not instance.__pydantic_extra__:
        object.__setattr__(instance, "__pydantic_extra__", None)
    return instance


def _write_unknown(instance: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401
    return {**handler(instance), **whole_numbers(instance.__pydantic_extra__ or {})}
