"""JSON in and out of typed objects: a project's pydantic models and lightkube's msgspec kinds.

Writing sends what was set and nothing else, since with server-side apply every field sent is a field owned.
Reading never trusts one object to be well formed: :class:`DecodeError` names the object and the field, so that
a caller can go on with the others.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import PurePath
from typing import Any, Generic, Self, TypeVar, cast

import msgspec

from kaiwu_runtime._callback import contained
from kaiwu_runtime._error_text import invalid_fields, one_line
from kaiwu_runtime._lazy_pattern import lazy_pattern
from kaiwu_runtime.api._identity import identify, type_meta
from kaiwu_runtime.api._times import has_micro_time, to_builtins
from kaiwu_runtime.client._empty_fields import without_empty
from kaiwu_runtime.client._pydantic_models import (
    dump_model,
    dump_status,
    is_model,
    is_validation_error,
    model_decoder,
)
from kaiwu_runtime.errors import CallbackError, DecodeError
from kaiwu_runtime.rest._deep_json import members

T = TypeVar("T")


class _Name(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Named(msgspec.Struct):
    metadata: _Name | None = None


_named = msgspec.json.Decoder(_Named)
_mapping = msgspec.json.Decoder(dict[str, Any])
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()

_SUPPLIED_VALUE = lazy_pattern(r"supplied value .* for schema", re.DOTALL)
_EMPTY = msgspec.Raw(b"{}")


@cache
def _decoder(kind: type[Any]) -> Callable[[bytes], Any]:
    if is_model(kind):
        return model_decoder(kind)
    if issubclass(kind, msgspec.Struct):
        return msgspec.json.Decoder(kind).decode
    return lambda data: _generic(kind, _mapping.decode(data))


@cache
def _type_header(kind: type[Any]) -> bytes:
    api_version, name = type_meta(kind)
    return _encoder.encode({"apiVersion": api_version, "kind": name})[:-1]


def _with_type_header(kind: type[Any], body: bytes) -> bytes:
    """Put apiVersion and kind in front of the members of a JSON object that has neither."""
    header = _type_header(kind)  # type: ignore[arg-type]  # a class is hashable
    return header + b"}" if body == b"{}" else header + b"," + body[1:]


def encode(obj: object) -> bytes:
    """Return the JSON of an object, with apiVersion and kind filled in.

    Fields that were never set are left out, and so are those that are None: with server-side apply a field that is
    sent is a field that is owned. A list or mapping that was empty by default and then filled in place counts as set.

    Args:
        obj: An instance of a project's type or of a lightkube kind.

    Raises:
        TypeError: The object is not a Kubernetes resource.
        ValueError: It holds what JSON cannot, half a character for instance.

    See https://kubernetes.io/docs/reference/using-api/server-side-apply/
    """
    try:
        return _encoded(obj)
    except ValueError as error:
        kind, metadata = type(obj), getattr(obj, "metadata", None)
        found = _Name(getattr(metadata, "name", "") or "", getattr(metadata, "namespace", "") or "")
        raise ValueError(f"{_described(kind, found)} cannot be written as JSON: {error}") from None


def _encoded(obj: object) -> bytes:
    kind: type[Any] = type(obj)
    if is_model(obj):
        return _with_type_header(kind, dump_model(obj))
    if isinstance(obj, msgspec.Struct):
        body = _dump_struct(obj)
        if getattr(obj, "apiVersion", None) and getattr(obj, "kind", None):
            return body
        untyped = {name: raw for name, raw in _members.decode(body).items() if name not in {"apiVersion", "kind"}}
        return _with_type_header(kind, _encoder.encode(untyped))
    if isinstance(obj, dict):  # lightkube's generic resources
        api_version, name = type_meta(kind)
        return _encoder.encode({**obj, "apiVersion": api_version, "kind": name})
    raise TypeError(f"{kind.__module__}.{kind.__qualname__} is not a Kubernetes resource")


def encode_status(obj: object) -> msgspec.Raw:
    """Return the JSON of an object's status alone, ``{}`` when it has none. See `encode`."""
    if is_model(obj):
        return msgspec.Raw(dump_status(obj))
    if isinstance(obj, dict):  # lightkube's generic resources
        status: object = obj.get("status")
    else:
        status = getattr(obj, "status", None)
    return _EMPTY if status is None else msgspec.Raw(_dump_struct(status))


def _dump_struct(value: object) -> bytes:
    if isinstance(value, msgspec.Struct) and has_micro_time(type(value)):
        return _encoder.encode(to_builtins(value))
    body = _encoder.encode(value)
    if b":[]" in body or b":{}" in body:
        body = _encoder.encode(without_empty(value))
    return body


def decode(kind: type[T], data: bytes) -> T:
    """Return the object that a JSON document describes; unknown fields are ignored.

    Args:
        kind: A project's type or a lightkube kind.
        data: The object's JSON.

    Raises:
        DecodeError: The document does not fit the type; the message names kind, object and field.
    """
    try:
        return cast("T", _decoder(kind)(data))  # type: ignore[arg-type]  # a class is hashable
    except BaseException as error:  # noqa: BLE001 - a validator of the type's may raise anything: it costs this object
        found = _names(data)
        message = f"{_described(kind, found)}: {_reason(contained(error))}"
        # Without its cause: pydantic's text has the value that was rejected, which may be a secret and would be logged.
        raise DecodeError(message, kind=kind, namespace=found.namespace, name=found.name) from None


def _generic(kind: type[T], content: dict[str, Any]) -> T:
    """Return one of lightkube's generic resources, which are dicts; the items of a list come without their type."""
    if "kind" not in content:
        api_version, name = type_meta(kind)
        content = {"apiVersion": api_version, "kind": name, **content}
    return kind(content)  # type: ignore[call-arg]


class ListDecoder(Generic[T]):
    """Decodes the objects of a list, and keeps those that fit when one does not.

    Args:
        kind: A project's type or a lightkube kind.
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._found: list[T] = []
        self._first: DecodeError | None = None
        self._failures = 0

    def take(self, items: Iterable[bytes]) -> Self:
        """Decode some more objects."""
        for item in items:
            try:
                self._found.append(decode(self._kind, item))
            except DecodeError as error:
                self._first = self._first or error
                self._failures += 1
        return self

    def result(self) -> list[T]:
        """Return the objects.

        Raises:
            DecodeError: One does not fit the type. The message names the first of them, and `decoded` has the others:
                to leave one out unasked would make a reconciler delete or double what it stands for.
        """
        first = self._first
        if first is None:
            return self._found
        more = f" (and {self._failures - 1} more of the list)" if self._failures > 1 else ""
        raise DecodeError(
            f"{first}{more}", kind=self._kind, namespace=first.namespace, name=first.name, decoded=self._found
        )


def describe(kind: type[Any], data: bytes) -> str:
    """Name an object for a message, from its bytes alone: ``ConfigMap default/settings``."""
    return _described(kind, _names(data))


def _described(kind: type[Any], found: _Name) -> str:
    where = f"{found.namespace}/{found.name}" if found.namespace else found.name
    return f"{_kind_name(kind)} {where}" if found.name else _kind_name(kind)


def _names(data: bytes) -> _Name:
    """Return what an object is called, as far as its bytes tell."""
    try:
        return _named.decode(data).metadata or _Name()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Name()
    except RecursionError:
        return _deep_names(data)


def _deep_names(data: bytes) -> _Name:
    try:
        metadata = members(members(data)["metadata"])
        names = [msgspec.json.decode(metadata.get(field, b'""'), type=str) for field in ("name", "namespace")]
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        return _Name()
    return _Name(*names)


def _kind_name(kind: type[Any]) -> str:
    # The type of a version may have another name than the kind, and the kind is what a user knows.
    try:
        return identify(kind).kind
    except TypeError:
        return kind.__name__


MAX_DESCRIBED_ERRORS = 1000
"""How many values that do not fit are looked at to name the first ones; pydantic takes 10 us for each."""


def _reason(error: Exception) -> str:
    """Turn a validation error of either library into one line that begins with the field."""
    if isinstance(error, msgspec.ValidationError):
        what, _, where = str(error).partition(" - at `")
        return f"{where.removeprefix('$.').rstrip('`')}: {what}" if where else what
    if is_validation_error(error):
        if error.error_count() > MAX_DESCRIBED_ERRORS:
            return f"{error.error_count()} values do not fit the type"
        return invalid_fields(error.errors(include_url=False, include_input=False))
    if isinstance(error, RecursionError) and "deserializing" in str(error):
        return f"nested too deeply to be read ({error})"
    if isinstance(error, msgspec.MsgspecError | UnicodeDecodeError):
        return str(error)
    return _raised(error)


def _raised(error: Exception) -> str:
    """Describe an unexpected exception of a validator, and where it was raised."""
    origin = error.__cause__ if isinstance(error, CallbackError) and error.__cause__ is not None else error
    # pydantic puts the value into this text; it may be a secret.
    text = _SUPPLIED_VALUE().sub("the value for schema", one_line(origin))
    frames = traceback.extract_tb(origin.__traceback__)
    where = f" ({PurePath(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"validation raised {type(origin).__name__}{': ' if text else ''}{text}{where}"
