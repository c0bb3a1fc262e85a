"""Correct pydantic's serialization for Kubernetes: type fields, and defaults that were filled in place.

``exclude_unset`` is what server-side apply needs (send what was set), but pydantic does not count
``status.conditions.append(...)`` on a default list as setting it, and would silently drop the condition.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from kaiwu_runtime._json_equality import json_equal

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo
    from typing_extensions import TypeIs

_SCALARS = frozenset({str, int, float, bool, bytes, type(None)})
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def is_model(value: object) -> TypeIs[BaseModel | type[BaseModel]]:
    """Return whether a value is a pydantic model or model class, without importing pydantic if it is not used."""
    return _is_model_class(value if isinstance(value, type) else type(value))


@cache
def _is_model_class(kind: type[Any]) -> bool:
    # What inherits from a class of pydantic's cannot be made before pydantic is imported: the answer never changes.
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(kind, pydantic.BaseModel)


def is_validation_error(error: BaseException) -> TypeIs[ValidationError]:
    """Return whether an exception is pydantic's own list of what does not fit."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(error, pydantic.ValidationError)


class _Fields(NamedTuple):
    type_fields: frozenset[str]
    status: frozenset[str]
    mutable_defaults: tuple[tuple[str, Any], ...]
    plain_dump: bool
    """Whether the class writes itself as pydantic does, so that its serializer may be called directly."""


@cache
def _fields(kind: type[BaseModel]) -> _Fields:
    """Return a model's apiVersion and kind fields, its status, and the fields whose default can be changed in place."""
    named = {name: field.alias or name for name, field in kind.model_fields.items()}
    type_fields = frozenset(name for name, alias in named.items() if alias in {"apiVersion", "kind"})
    status = frozenset(name for name, alias in named.items() if alias == "status")
    mutable = [
        (name, _default(field))
        for name, field in kind.model_fields.items()
        if field.default_factory is not None or isinstance(field.default, (list, dict, set)) or is_model(field.default)
    ]
    return _Fields(type_fields, status, tuple(mutable), _is_plain(kind))


def _is_plain(kind: type[BaseModel]) -> bool:
    base = sys.modules["pydantic"].BaseModel
    return "__pydantic_serializer__" in kind.__dict__ and kind.model_dump_json is base.model_dump_json


def _default(field: FieldInfo) -> object:
    """Return the default value of a field. Once per field, because pydantic inspects the factory at each call."""
    try:
        return deepcopy(field.get_default(call_default_factory=True, validated_data={}))
    except BaseException:  # noqa: BLE001 - a factory of the user's, or one that needs the other fields; what it made counts as set
        return object()


@cache
def _fields_of(kind: type[Any]) -> _Fields | None:
    return _fields(kind) if is_model(kind) else None


def _claim(value: Any) -> bool:  # noqa: ANN401 - whatever a field holds
    """Mark defaults that were changed in place as set, all the way down; tell whether anything is set."""
    # Each write comes through here with everything it holds: types are compared, never asked for their bases.
    kind = type(value)
    if kind is list or kind is tuple:
        items: Any = value
    elif kind is dict:
        items = value.values()
    else:
        fields = _fields_of(kind)  # type: ignore[arg-type]  # a class is hashable
        return fields is not None and _claim_fields(value, fields)
    for item in items:
        if type(item) not in _SCALARS:
            _claim(item)
    return False


def _claim_fields(model: BaseModel, fields: _Fields) -> bool:
    held, chosen = model.__dict__, model.__pydantic_fields_set__
    for name, default in fields.mutable_defaults:
        if name in chosen:
            continue
        current = held.get(name)
        if _fields_of(type(current)) is not None:  # type: ignore[arg-type]
            if _claim(current):
                chosen.add(name)
        elif current != default or (current and not json_equal(current, default)):
            chosen.add(name)
    for name in chosen:
        current = held.get(name)
        if type(current) not in _SCALARS:
            _claim(current)
    return bool(chosen)


def dump_model(model: BaseModel | type[BaseModel]) -> bytes:
    """Return a model's JSON: the fields that were set, under their aliases, without apiVersion, kind and nulls."""
    instance = cast("BaseModel", model)
    _claim(instance)
    exclude = set(_fields(type(instance)).type_fields)
    return instance.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True, exclude=exclude).encode()


def _json(model: BaseModel, fields: _Fields) -> bytes:
    if fields.plain_dump:
        # Without the text in between, which pydantic decodes from these bytes.
        return model.__pydantic_serializer__.to_json(model, by_alias=True, exclude_none=True, exclude_unset=True)
    return model.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True).encode()


def dump_status(model: BaseModel | type[BaseModel]) -> bytes:
    """Return the JSON of a model's status: ``{}`` when none was set."""
    # Not of the whole model with its status alone: spec and metadata would be walked at each write of a status.
    instance: BaseModel = model  # type: ignore[assignment]  # not by `cast`, which is a call
    for name in _fields(type(instance)).status:
        status: Any = instance.__dict__.get(name)
        fields = _fields_of(type(status))  # type: ignore[arg-type]
        if fields is not None:
            _claim_fields(status, fields)
            return _json(status, fields)
    _claim(instance)
    include = set(_fields(type(instance)).status)
    whole = instance.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True, include=include)
    return bytes(_members.decode(whole).get("status", b"{}"))


def model_decoder(kind: type[Any]) -> Callable[[bytes], Any]:
    """Return a function that returns the instance that a JSON document describes.

    It raises pydantic's ValidationError when the document does not fit the model.
    """
    model = cast("type[BaseModel]", kind)
    plain = sys.modules["pydantic"].BaseModel.model_validate_json.__func__
    if getattr(model.model_validate_json, "__func__", None) is plain:
        # What it calls, once the validator is complete: that may be only now.
        return lambda data: model.__pydantic_validator__.validate_json(data)  # noqa: PLW0108
    return model.model_validate_json
