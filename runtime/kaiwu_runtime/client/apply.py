"""What is sent in a server-side apply: what the caller wants, and nothing that the server alone writes.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from typing import Any

import msgspec

from kaiwu_runtime.api.identity import identify
from kaiwu_runtime.client.codec import encode, encode_status
from kaiwu_runtime.client.paths import object_names, object_path
from kaiwu_runtime.client.transport import Transport
from kaiwu_runtime.errors import ConflictError

_SERVER_OWNED = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "selfLink"})
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NO_METADATA = msgspec.Raw(b"{}")


class _StoredMetadata(msgspec.Struct, rename="camel"):
    uid: str
    resource_version: str


class _Stored(msgspec.Struct):
    metadata: _StoredMetadata


_stored = msgspec.json.Decoder(_Stored)


def apply_body(obj: object, *, with_status: bool) -> dict[str, Any]:
    """Return the members of an apply of an object.

    Args:
        obj: The object with the fields that are wanted.
        with_status: Keep the status. Where it has a subresource of its own it would be ignored, but look written.
    """
    members: dict[str, Any] = _members.decode(encode(obj))
    metadata = _members.decode(members.get("metadata", _NO_METADATA))
    members["metadata"] = {name: raw for name, raw in metadata.items() if name not in _SERVER_OWNED}
    if not with_status:
        members.pop("status", None)
    return members


def status_body(obj: Any) -> dict[str, Any]:  # noqa: ANN401 - a pydantic model or a lightkube kind
    """Return the members of an apply of an object's status: its metadata names the object, and nothing more.

    With an object that was read from a server go its uid and resourceVersion, so that no successor is written.
    """
    identity = identify(type(obj))
    namespace, name = object_names(obj)
    sent = {"name": name, "namespace": namespace} if namespace else {"name": name}
    metadata = obj.metadata
    if metadata is not None and metadata.uid and metadata.resourceVersion:
        sent |= {"uid": metadata.uid, "resourceVersion": metadata.resourceVersion}
    return {
        "apiVersion": identity.api_version,
        "kind": identity.kind,
        "metadata": sent,
        "status": encode_status(obj),
    }


async def newest_version(transport: Transport, obj: Any) -> str:  # noqa: ANN401 - see status_body
    """Return the resourceVersion that an object has now, if it is the same object still.

    Args:
        transport: Reads it.
        obj: The object as it was read, with its uid.

    Raises:
        ConflictError: It was replaced by another of the same name.
        NotFoundError: It is gone.
        APIError: Any other failure.
    """
    identity = identify(type(obj))
    namespace, name = object_names(obj)
    answer = await transport.request("GET", object_path(identity, namespace, name))
    present, uid = _stored.decode(answer).metadata, obj.metadata.uid
    if present.uid != uid:
        raise ConflictError(
            f"{identity.kind} {name}: the object with uid {uid} was replaced by one with uid {present.uid}",
            code=409,
            reason="Conflict",
        )
    return present.resource_version
