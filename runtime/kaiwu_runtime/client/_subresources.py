"""Subresources: their request paths, and the types of requests and responses.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import msgspec
from lightkube.core.resource import Resource

from kaiwu_runtime.api._identity import ResourceIdentity, identify, not_a_class, subresource_of
from kaiwu_runtime.client._codec import decode
from kaiwu_runtime.rest._deep_json import UNREADABLE

if TYPE_CHECKING:
    from lightkube.models.autoscaling_v1 import Scale

T = TypeVar("T")

_DEFINITION = "__kaiwu_resource__"
_STATUS = {"apiVersion": "v1", "kind": "Status"}


class Target(NamedTuple):
    """Where a request goes.

    Attributes:
        identity: The resource of the path.
        subresource: Last segment of the path, or empty.
    """

    identity: ResourceIdentity
    subresource: str


class _TypeMeta(msgspec.Struct):
    apiVersion: str = ""  # noqa: N815 - the field's name
    kind: str = ""


_type_meta = msgspec.json.Decoder(_TypeMeta)


def target(kind: type[Any], verb: str, subresource: str = "") -> Target:
    """Return where a request for a type goes.

    Args:
        kind: A project's type, a lightkube kind, or one of lightkube's subresource classes.
        verb: ``get``, ``patch`` or ``post``.
        subresource: What the caller names beside the type.

    Raises:
        TypeError: The type is not a resource, or a subresource that does not offer the verb.
        ValueError: The type is one subresource, and another one is named.
    """
    try:
        return _target(kind, verb, subresource)  # type: ignore[arg-type]  # a class is hashable
    except TypeError:
        if isinstance(kind, type):
            raise
        raise not_a_class(kind) from None


@lru_cache(maxsize=1024)  # the same few for every request
def _target(kind: type[Any], verb: str, subresource: str) -> Target:
    own = subresource_of(kind)
    if own is None:
        return Target(identify(kind), subresource)
    if subresource not in {"", own.name}:
        raise ValueError(f"{kind.__qualname__} is the subresource {own.name!r}, not {subresource!r}")
    if verb not in own.verbs:
        offered = ", ".join(sorted(own.verbs))
        raise TypeError(
            f"{kind.__qualname__}: {own.parent.plural}/{own.name} does not offer {verb!r}, only {offered}; "
            f"use {own.parent.kind} for the object itself"
        )
    if not issubclass(kind, msgspec.Struct | dict):
        raise TypeError(f"{kind.__qualname__}: {own.parent.plural}/{own.name} is not an object; use client.transport")
    return Target(own.parent, own.name)


def decode_answer(kind: type[T], subresource: str, data: bytes) -> T:
    """Return what a request for an object or a subresource was answered with.

    Args:
        kind: The type that was asked for.
        subresource: As `target` returned it; the answer of ``scale`` is a Scale, whatever the type.
        data: The answer.

    Raises:
        DecodeError: The answer does not fit.
    """
    if subresource == "scale" and subresource_of(kind) is None:
        return cast("T", decode(_scale(), data))
    return decode(kind, data)


def decode_created(obj: T, data: bytes) -> T:
    """Return what a creation was answered with; the object itself when the server answers with a mere success.

    Evictions and bindings are answered so.
    """
    if subresource_of(type(obj)) is not None:
        with suppress(*UNREADABLE):  # which the decoding below reports
            found = _type_meta.decode(data)
            if {"apiVersion": found.apiVersion, "kind": found.kind} == _STATUS:
                return obj
    return decode(type(obj), data)


@cache
def has_status_subresource(kind: type[Any]) -> bool | None:
    """Return whether a kind's status is written apart; None when the type does not tell, as with generic kinds."""
    own = subresource_of(kind)
    if own is not None:
        return own.name == "status"
    definition = kind.__dict__.get(_DEFINITION)
    if definition is not None:
        return bool(definition.status)
    if issubclass(kind, dict):
        return None
    return issubclass(kind, Resource) and hasattr(kind, "Status")


def _scale() -> type[Scale]:
    from lightkube.models.autoscaling_v1 import Scale  # noqa: PLC0415 - few programs scale anything

    return Scale
