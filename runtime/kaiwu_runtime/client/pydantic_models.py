"""What pydantic's own dump would get wrong for Kubernetes: type fields, and defaults that were filled in place.

``exclude_unset`` is what server-side apply needs (send what was set), but pydantic does not count
``status.conditions.append(...)`` on a default list as setting it, and would drop the condition in silence.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo
    from typing_extensions import TypeIs

T = TypeVar("T")


def is_model(value: object) -> TypeIs[BaseModel | type[BaseModel]]:
    """Tell whether a value is a pydantic model or model class, without importing pydantic where nobody uses it."""
    pydantic = sys.modules.get("pydantic")
    if pydantic is None:
        return False
    base = pydantic.BaseModel
    return issubclass(value, base) if isinstance(value, type) else isinstance(value, base)


class _Fields(NamedTuple):
    type_fields: frozenset[str]
    mutable_defaults: tuple[tuple[str, Any], ...]


@cache
def _fields(kind: type[BaseModel]) -> _Fields:
    """Return a model's apiVersion and kind fields, and those whose default can be changed in place."""
    type_fields = {name for name, field in kind.model_fields.items() if (field.alias or name) in {"apiVersion", "kind"}}
    mutable = [
        (name, _default(field))
        for name, field in kind.model_fields.items()
        if field.default_factory is not None or isinstance(field.default, (list, dict, set)) or is_model(field.default)
    ]
    return _Fields(frozenset(type_fields), tuple(mutable))


def _default(field: FieldInfo) -> object:
    """Return what a field holds that nobody touched. Once per field: pydantic inspects the factory at each call."""
    try:
        return deepcopy(field.get_default(call_default_factory=True, validated_data={}))
    except Exception:  # noqa: BLE001 - a factory that needs the other fields; what it made counts as set
        return object()


def _claim(value: object) -> bool:
    """Mark defaults that were changed in place as set, all the way down; tell whether anything is set."""
    if is_model(value) and not isinstance(value, type):
        kind = type(value)
        for name, default in _fields(kind).mutable_defaults:
            if name in value.model_fields_set:
                continue
            current = value.__dict__.get(name)
            if is_model(current):
                if _claim(current):
                    value.model_fields_set.add(name)
            elif current and current != default:
                value.model_fields_set.add(name)
        for name in value.model_fields_set:
            _claim(value.__dict__.get(name))
        return bool(value.model_fields_set)
    if isinstance(value, (list, tuple)):
        for item in value:
            _claim(item)
    elif isinstance(value, dict):
        for item in value.values():
            _claim(item)
    return False


def dump_model(model: BaseModel | type[BaseModel]) -> bytes:
    """Return a model's JSON: the fields that were set, under their aliases, without apiVersion, kind and nulls."""
    instance = cast("BaseModel", model)
    _claim(instance)
    exclude = set(_fields(type(instance)).type_fields)
    return instance.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True, exclude=exclude).encode()


def validate_model(kind: type[T], data: bytes) -> T:
    """Return the instance that a JSON document describes.

    Raises:
        pydantic.ValidationError: The document does not fit the model; a ValueError too.
    """
    return cast("T", cast("type[BaseModel]", kind).model_validate_json(data))
