"""Members that a type requires: the API server converts objects that an apply has left half empty.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from kaiwu_runtime.client._codec import MAX_DESCRIBED_ERRORS, decode
from kaiwu_runtime.client._managed_items import Trees, has_other_versions, inner
from kaiwu_runtime.client._pydantic_models import is_model, is_validation_error, model_decoder
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.rest._deep_json import UNREADABLE

T = TypeVar("T")

MAX_ROUNDS = 10
"""How often an object is looked at: a part that is filled in may lack members too."""

_EMPTY = {
    "string_type": b'""',
    "int_type": b"0",
    "float_type": b"0",
    "bool_type": b"false",
    "list_type": b"[]",
    "set_type": b"[]",
    "dict_type": b"{}",
    "model_type": b"{}",
}
"""What is filled in, by the error that pydantic raises of null."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def decode_half_empty(kind: type[T], data: bytes) -> T:
    """Return the object that a JSON document describes; a member that is null and must not be is left out.

    When a field manager applies no item of a map or list any more, the API server makes the map null, and converts the
    object to find out what others own, before it rejects null or takes it out. Go reads such a null as none.

    It also takes out all that the manager has applied in another version before, and converts what remains. A required
    member that is missing then is what it is in Go, zero or empty: the API server looks at the names only, and takes
    the values from the whole object. It is missing though managed fields have it; any other is an error.

    Args:
        kind: A project's type or a lightkube kind.
        data: The object's JSON.

    Raises:
        DecodeError: The document does not fit the type for another reason.
    """
    try:
        return decode(kind, data)
    except DecodeError:
        if not is_model(kind) or (found := _mended(kind, data)) is None:
            raise
    return decode(kind, found)


def _mended(kind: type[Any], data: bytes) -> bytes | None:
    """Return JSON without the nulls that its type rejects, and with what it lacks; None if there are none."""
    try:
        half = _Half(_decode(data))
    except UNREADABLE:
        return None
    found = None
    for _ in range(MAX_ROUNDS):
        mended = [half.mend(each["loc"], each["type"]) for each in _errors(kind, found or data)]
        if not any(mended):
            break
        found = _encode(half.content)
    return found


def _errors(kind: type[Any], data: bytes) -> Sequence[Any]:
    """Return what does not fit; nothing if it is too much, or another failure, which `decode` reports."""
    try:
        model_decoder(kind)(data)
    except Exception as error:  # noqa: BLE001 - a validator may raise anything
        if is_validation_error(error) and error.error_count() <= MAX_DESCRIBED_ERRORS:
            return error.errors(include_url=False, include_context=False, include_input=False)
    return ()


class _Half:
    """An object that may lack members.

    Args:
        content: Its JSON.
    """

    def __init__(self, content: Any) -> None:  # noqa: ANN401 - any JSON
        self.content = content
        self._filled: set[tuple[int | str, ...]] = set()
        metadata = content.get("metadata") if isinstance(content, dict) else None
        managed = metadata.get("managedFields") if isinstance(metadata, dict) else None
        entries = [each for each in (managed if isinstance(managed, list) else ()) if isinstance(each, dict)]
        version = content.get("apiVersion") if isinstance(content, dict) else None
        here = [each for each in entries if each.get("apiVersion") == version]
        self._fields = [each["fieldsV1"] for each in here if isinstance(each.get("fieldsV1"), dict)]
        self._has_others = has_other_versions(entries, str(version))

    def _is_managed(self, place: Sequence[int | str]) -> bool:
        """Return whether managed fields have a member. An item of a list is taken out as a whole.

        Those of another version have other names, so that in a status, which is made anew, it may be any member.
        """
        if self._has_others and place[0] == "status":
            return True
        fields: Trees = self._fields
        for name in place:
            fields = inner(fields, f"f:{name}")
        return bool(fields)

    def mend(self, place: tuple[int | str, ...], reason: str) -> bool:
        """Take a member out that is null, or fill it in if it is missing; return whether it was.

        What is filled in is null at first, so that the next error says of which type it is.
        """
        *outer, last = place
        found = self.content
        for name in outer:
            try:
                found = found[name]
            except (LookupError, TypeError):  # in a union, a place has the names of types too
                return False
        if not isinstance(found, dict):
            return False
        if reason == "missing" and last not in found and self._is_managed(place):
            self._filled.add(place)
            found[last] = None
        elif found.get(last, "") is not None:
            return False
        elif place not in self._filled:
            del found[last]
        elif reason in _EMPTY:
            found[last] = _decode(_EMPTY[reason])
        else:
            return False
        return True
