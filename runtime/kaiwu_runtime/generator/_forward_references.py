"""Resolve the annotations of a model that name other models, and find the place of a name that is not defined.

See https://docs.pydantic.dev/latest/concepts/forward_annotations/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.errors import PydanticUndefinedAnnotation

from kaiwu_runtime.errors import DefinitionError


def resolve_annotations(model: type[BaseModel]) -> None:
    """Resolve annotations that name models defined further down in their module.

    Args:
        model: The model.

    Raises:
        DefinitionError: A name is not defined; the message says in which field of which model it is.
    """
    try:
        model.model_rebuild()
    except PydanticUndefinedAnnotation as error:
        where = _place_of_name(model, error.name or "", set()) or model.__name__
        raise DefinitionError(
            f"{where}: {error.name!r}, an annotation in it or in a model inside it, is not defined"
        ) from None


def _place_of_name(model: type[BaseModel], name: str, seen: set[type[Any]]) -> str:
    """Return the model and the field whose annotation has a name; the empty string if none is found."""
    seen.add(model)
    for field_name, field in getattr(model, "__pydantic_fields__", {}).items():
        written = [vars(base).get("__annotations__", {}).get(field_name) for base in model.__mro__]
        if any(re.search(rf"\b{re.escape(name)}\b", str(each)) for each in [*written, field.annotation] if each):
            return f"{model.__name__}.{field_name}"
    for field in getattr(model, "__pydantic_fields__", {}).values():
        for inner in _models_in(field.annotation):
            if inner not in seen and (found := _place_of_name(inner, name, seen)):
                return found
    return ""


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
