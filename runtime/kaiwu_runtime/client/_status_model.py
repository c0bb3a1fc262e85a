"""What the model of a status tells of its JSON: defaults that the API server has filled in.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.api._field_names import written_name
from kaiwu_runtime.client._pydantic_models import is_model
from kaiwu_runtime.client._status_type import Shape, members_of

if TYPE_CHECKING:
    from pydantic import BaseModel

_MISSING: Any = object()
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def with_read_defaults(status: object, wanted: bytes, base: bytes) -> bytes:
    """Return a status with the defaults that were read and that it still has: to leave them unset removes nothing.

    Args:
        status: The model of what is wanted, or its class where there is none; of anything else nothing is known.
        wanted: Its JSON, without what is not set.
        base: The JSON of what was read.
    """
    if not is_model(status):
        return wanted
    if isinstance(status, type):
        status = status.model_construct()
    return _encode(_completed(status, _decode(wanted), _decode(base)))


def _completed(model: BaseModel, wanted: dict[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    found, shapes = dict(wanted), members_of(type(model))
    for name, alias in _fields(model):
        was = base.get(alias, _MISSING)
        if was is _MISSING:
            continue
        if alias in wanted:
            found[alias] = _completed_value(getattr(model, name), wanted[alias], was, shapes[alias])
        elif json_equal(_dumped(model, [name]).get(alias, _MISSING), was):
            found[alias] = was
    return found


def _completed_value(value: Any, wanted: Any, base: Any, shape: Shape) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(wanted, dict) and isinstance(base, dict):
        if is_model(value):
            return _completed(cast("BaseModel", value), wanted, base)
        if isinstance(value, dict):
            models = {str(getattr(key, "value", key)): each for key, each in value.items()}  # a key may be an Enum
            values = shape.values or Shape()
            return {
                key: _completed_value(models.get(key), part, base.get(key, _MISSING), values)
                for key, part in wanted.items()
            }
    elif isinstance(wanted, list) and isinstance(base, list) and isinstance(value, list) and len(wanted) == len(value):
        keys, items = shape.keys, shape.items or Shape()
        names: list[Any] = [_key(each, keys) for each in value] if keys else [*range(len(value))]
        there: dict[Any, Any] = {_raw_key(each, keys): each for each in base} if keys else dict(enumerate(base))
        return [
            _completed_value(model, part, there.get(name), items)
            for name, model, part in zip(names, value, wanted, strict=True)
        ]
    return wanted


def _key(item: object, keys: Iterable[str]) -> bytes:
    """Return what names an item, where a key may be left to its default."""
    if not is_model(item):
        return b""
    names = [name for name, alias in _fields(item) if alias in keys]  # type: ignore[arg-type]
    return _raw_key(_dumped(item, names), keys)  # type: ignore[arg-type]


def _raw_key(item: Any, keys: Iterable[str]) -> bytes:  # noqa: ANN401 - any JSON
    return _encode([item.get(key) for key in keys]) if isinstance(item, Mapping) else b""


def _dumped(model: BaseModel, names: Iterable[str]) -> dict[str, Any]:
    """Return fields as they are written, unset ones too."""
    found: dict[str, Any] = _decode(
        model.model_dump_json(by_alias=True, exclude_none=True, include=set(names)),
    )
    return found


def _fields(model: BaseModel) -> Iterator[tuple[str, str]]:
    """Return each field's name, and its name in JSON."""
    for name, field in type(model).model_fields.items():
        yield name, written_name(name, field)
