"""Copy what two versions of a kind have in common: where every conversion begins."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from kaiwu_runtime.api._identity import type_meta
from kaiwu_runtime.client._codec import decode, encode

T = TypeVar("T")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def copy_common(obj: object, kind: type[T]) -> T:
    """Return an object of another version with every field that both versions have under the same name.

    Metadata is copied whole. A field of the other version that this one lacks gets its default; what only this version
    has is left out: set and keep both in the conversion function.

    Args:
        obj: The object to convert.
        kind: The other version's type.

    Raises:
        DecodeError: A value does not fit the field of the same name; the message names it.
    """
    members: dict[str, Any] = dict(_members.decode(encode(obj)))
    members["apiVersion"], members["kind"] = type_meta(kind)
    return decode(kind, _encoder.encode(members))
