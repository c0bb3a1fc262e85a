"""Null where a type knows none: the API server converts objects that an apply has left half empty.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from kaiwu_runtime.client._codec import MAX_DESCRIBED_ERRORS, decode
from kaiwu_runtime.client._pydantic_models import is_model, is_validation_error, model_decoder
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.rest._deep_json import UNREADABLE

T = TypeVar("T")

_json = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def decode_half_empty(kind: type[T], data: bytes) -> T:
    """Return the object that a JSON document describes; a member that is null and must not be is left out.

    When a field manager applies no item of a map or list any more, the API server makes the map null, and converts the
    object to find out what others own, before it rejects null or takes it out. Go reads such a null as none.

    Args:
        kind: A project's type or a lightkube kind.
        data: The object's JSON.

    Raises:
        DecodeError: The document does not fit the type for another reason.
    """
    try:
        return decode(kind, data)
    except DecodeError:
        if b"null" not in data or (less := _without_rejected_nulls(kind, data)) is None:
            raise
    return decode(kind, less)


def _without_rejected_nulls(kind: type[Any], data: bytes) -> bytes | None:
    """Return JSON without the nulls that its type rejects; None if there are none."""
    if not is_model(kind):
        return None
    try:
        content: Any = _json.decode(data)
        model_decoder(kind)(data)
    except UNREADABLE:
        return None
    except Exception as error:  # noqa: BLE001 - a validator may raise anything, which `decode` has reported
        if is_validation_error(error) and error.error_count() <= MAX_DESCRIBED_ERRORS:
            places = [
                each["loc"] for each in error.errors(include_url=False, include_context=False, include_input=False)
            ]
            if any([_take_out(content, place) for place in places]):  # noqa: C419 - all of them
                return _encoder.encode(content)
    return None


def _take_out(content: Any, place: Iterable[int | str]) -> bool:  # noqa: ANN401 - any JSON
    """Take a member out if it is null; return whether it was."""
    *outer, last = place
    for name in outer:
        try:
            content = content[name]
        except (LookupError, TypeError):  # in a union, a place has the names of types too
            return False
    if isinstance(content, dict) and last in content and content[last] is None:
        del content[last]
        return True
    return False
