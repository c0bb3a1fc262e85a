"""Copy what two versions of a kind have in common: where every conversion begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from kaiwu_runtime.api._identity import type_meta
from kaiwu_runtime.client._codec import decode, encode
from kaiwu_runtime.client._pydantic_models import dump_model, is_model

T = TypeVar("T")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def _as_json(value: object) -> object:
    """Return what msgspec cannot encode as something that it can."""
    return msgspec.Raw(dump_model(value)) if is_model(value) else str(value)


_values = msgspec.json.Encoder(enc_hook=_as_json)


def copy_common(obj: object, kind: type[T], values: Mapping[str, object] | None = None) -> T:
    """Return an object of another version with every field that both versions have under the same name.

    Metadata is copied whole. A field of the other version that this one lacks gets its default; what only this version
    has is left out: set and keep both in the conversion function.

    A field of the same name and another form, or one that the other version requires, needs a value::

        hub = copy_common(obj, Hub, {"spec.storage": Storage(size=obj.spec.storage), "spec.region": "eu"})

    Args:
        obj: The object to convert.
        kind: The other version's type.
        values: Values by the path of a field, in the names of the object's JSON: ``spec.storageSize``. None leaves the
            field out. The objects on the way to it are made when they are missing.

    Raises:
        DecodeError: A value does not fit the field of the same name; the message names it.
        ValueError: A path leads through something that is not an object.
    """
    members: dict[str, Any] = dict(_members.decode(encode(obj)))
    members["apiVersion"], members["kind"] = type_meta(kind)
    for path, value in (values or {}).items():
        _put(members, path, value)
    return decode(kind, _encoder.encode(members))


def _put(members: dict[str, Any], path: str, value: object) -> None:
    """Set or remove what a path names; only the objects on the way are decoded."""
    *way, last = path.split(".")
    place = members
    for name in way:
        inner = place.get(name, {})
        if isinstance(inner, msgspec.Raw):
            try:
                inner = dict(_members.decode(inner))
            except msgspec.ValidationError:
                raise ValueError(f"values: {path}: {name} is not an object") from None
        place[name] = place = inner
    if value is None:
        place.pop(last, None)
    else:
        place[last] = msgspec.Raw(_values.encode(value))
