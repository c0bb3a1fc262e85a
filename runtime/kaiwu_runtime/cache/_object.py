"""One object as the cache keeps it: its bytes, and the metadata that the runtime itself looks at.

Decoding everything would cost ten times the memory and most of the CPU of a large list; a reconciler decodes the
objects it asks for, and gets a copy of its own each time.
"""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import msgspec

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._ownership import owners
from kaiwu_runtime.client._codec import decode
from kaiwu_runtime.rest._deep_json import assembled, members

T = TypeVar("T")

_MANAGED_FIELDS = b'"managedFields":'
_COMMA = ord(",")
_LENGTH = len(_MANAGED_FIELDS)
_EMPTY: dict[str, str] = {}


class OwnerReference(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The part of an owner reference that says whose events an object belongs to."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    deletion_timestamp: str | None = None
    managed_fields: msgspec.Raw = msgspec.Raw()


class _Object(msgspec.Struct):
    metadata: _Metadata


_object_decoder = msgspec.json.Decoder(_Object)
_metadata_decoder = msgspec.json.Decoder(_Metadata)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


class CachedObject(msgspec.Struct, eq=False, gc=False):
    """An object of the API server at one resourceVersion.

    The garbage collector does not follow it: nothing in it can be part of a cycle, and a cache has many thousands.

    Attributes:
        raw: Its JSON without managedFields.
        key: Namespace and name.
        uid: Tells it from a later object of the same name.
        resource_version: Opaque; equal means unchanged.
        generation: Counts changes of the spec.
        labels: Not to be changed.
        annotations: Not to be changed.
        owner_references: Its owners.
        deletion_timestamp: When deletion was asked for; None while it was not.
        ownership: Hash of the fields that each apply owns; see :func:`~kaiwu_runtime.cache._ownership.owners`.
        status_appliers: The field managers that have applied its status, a line each.
    """

    raw: bytes
    key: ObjectKey
    uid: str
    resource_version: str
    generation: int
    labels: dict[str, str]
    annotations: dict[str, str]
    owner_references: tuple[OwnerReference, ...]
    deletion_timestamp: str | None
    ownership: int
    status_appliers: str

    @classmethod
    def parse(cls, raw: bytes, *, strict: bool = False) -> CachedObject:
        """Read an object's metadata and drop its managedFields, often its larger half.

        An object may be nested deeper than it can be decoded; its metadata is read all the same.

        Args:
            raw: Its JSON.
            strict: Read only what is JSON as a whole, which is not known of what is nested too deep.

        Raises:
            msgspec.MsgspecError: Not even the metadata is that of a Kubernetes object.
            RecursionError: It is nested too deep, and `strict` is set.
        """
        try:
            metadata = _object_decoder.decode(raw).metadata
        except RecursionError:
            if strict:
                raise
            raw = _without_deep_managed_fields(raw)
            metadata = _metadata_decoder.decode(members(raw)["metadata"])
        managed_fields = bytes(metadata.managed_fields)
        if managed_fields:
            raw = without_managed_fields(raw, managed_fields)
        return cls(
            raw,
            ObjectKey(sys.intern(metadata.namespace), metadata.name),
            metadata.uid,
            metadata.resource_version,
            metadata.generation,
            _interned(metadata.labels) if metadata.labels else _EMPTY,
            metadata.annotations or _EMPTY,
            tuple(metadata.owner_references) if metadata.owner_references else (),
            metadata.deletion_timestamp,
            *owners(managed_fields),
        )

    def is_state_of(self, other: CachedObject) -> bool:
        """Return whether both are the same object at the same version."""
        return self.resource_version == other.resource_version and self.uid == other.uid

    def decode(self, kind: type[T]) -> T:
        """Return a typed copy; changing it leaves the cache as it is.

        Raises:
            DecodeError: It does not fit the type; the message names object and field.
        """
        return decode(kind, self.raw)

    def __repr__(self) -> str:
        return f"<CachedObject {self.key} {self.resource_version}>"


def without_managed_fields(raw: bytes, value: bytes) -> bytes:
    """Cut out metadata.managedFields, where the API server writes it; otherwise serialize the object again.

    Args:
        raw: The object.
        value: Its managedFields.
    """
    begin = raw.find(_MANAGED_FIELDS)
    start = begin + _LENGTH
    if begin > 0 and raw.startswith(value, start) and raw.find(_MANAGED_FIELDS, start) < 0:
        end = start + len(value)
        if raw[begin - 1] == _COMMA:
            return raw[: begin - 1] + raw[end:]
        if raw.startswith(b",", end):
            return raw[:begin] + raw[end + 1 :]
    members = _members_decoder.decode(raw)
    metadata: dict[str, Any] = _members_decoder.decode(members["metadata"])
    metadata.pop("managedFields", None)
    return _encoder.encode({**members, "metadata": metadata})


def _without_deep_managed_fields(raw: bytes) -> bytes:
    """Cut out managedFields without reading them: they are nested as deep as the object."""
    parts = members(raw)
    metadata = members(parts.get("metadata", b"null"))
    metadata.pop("managedFields", None)
    return assembled({**parts, "metadata": assembled(metadata)})


def _interned(labels: dict[str, str]) -> dict[str, str]:
    """Share label keys and values between objects: thousands of them say the same."""
    return {sys.intern(key): sys.intern(value) for key, value in labels.items()}
