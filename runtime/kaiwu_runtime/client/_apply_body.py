"""The body of a server-side apply: the fields of the caller, without fields that only the server writes.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime.api._identity import ResourceIdentity, type_meta
from kaiwu_runtime.client._codec import encode
from kaiwu_runtime.errors import APIConnectionError, ConflictError
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.rest._paths import object_names, object_path
from kaiwu_runtime.rest._transport import Transport

_SERVER_OWNED = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "selfLink"})
_EMPTY = frozenset({b"{}", b"[]"})
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_document = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()
_VERSION = b'"resourceVersion":"'
_NO_METADATA = msgspec.Raw(b"{}")


class _StoredMetadata(msgspec.Struct, rename="camel"):
    uid: str
    resource_version: str = ""  # which the answer to a dry run of a creation does not have


class _Stored(msgspec.Struct):
    metadata: _StoredMetadata


_stored = msgspec.json.Decoder(_Stored)


def apply_body(obj: Any, *, with_status: bool) -> bytes:  # noqa: ANN401 - a pydantic model or a lightkube kind
    """Return the body of an apply of an object.

    Args:
        obj: The object with the fields that are wanted.
        with_status: Keep the status. Where it has a subresource of its own it would be ignored, but look written.
    """
    document = encode(obj)
    if (with_status or getattr(obj, "status", None) is None) and not isinstance(obj, dict) and _is_new(obj.metadata):
        return document  # nothing is in it that has to be left out: as most objects that a reconciler makes
    members: dict[str, Any] = _members.decode(document)
    metadata = _members.decode(members.get("metadata", _NO_METADATA))
    # Empty collections say nothing, and for a custom resource that has them the API server stores a new version at
    # each apply: a reconcile would be the reason of the next.
    members["metadata"] = {
        name: raw for name, raw in metadata.items() if name not in _SERVER_OWNED and bytes(raw) not in _EMPTY
    }
    if not with_status:
        members.pop("status", None)
    return _encoder.encode(members)


def _is_new(metadata: Any) -> bool:  # noqa: ANN401 - whatever an object has as metadata
    """Return whether metadata has nothing that only the server writes, and no empty collections."""
    return (
        isinstance(metadata, ObjectMeta)
        and metadata.resourceVersion is None
        and metadata.managedFields is None
        and metadata.generation is None
        and metadata.creationTimestamp is None
        and metadata.selfLink is None
        and (metadata.labels is None or len(metadata.labels) > 0)
        and (metadata.annotations is None or len(metadata.annotations) > 0)
        and (metadata.ownerReferences is None or len(metadata.ownerReferences) > 0)
        and (metadata.finalizers is None or len(metadata.finalizers) > 0)
    )


def status_body(obj: Any, status: msgspec.Raw) -> dict[str, Any]:  # noqa: ANN401 - a pydantic model or a lightkube kind
    """Return the members of an apply of an object's status: its metadata names the object, and nothing more.

    With an object that was read from a server go its uid and resourceVersion, so that no successor is written.

    Args:
        obj: The object.
        status: Its status, as `encode_status` returns it.
    """
    api_version, kind = type_meta(type(obj))
    namespace, name = object_names(obj)
    sent = {"name": name, "namespace": namespace} if namespace else {"name": name}
    metadata = obj.metadata
    if metadata is not None and metadata.uid and metadata.resourceVersion:
        sent |= {"uid": metadata.uid, "resourceVersion": metadata.resourceVersion}
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": sent,
        "status": status,
    }


def scale_body(obj: Any) -> dict[str, Any]:  # noqa: ANN401 - see status_body
    """Return the members of an apply of an object's scale: how many replicas there should be.

    Args:
        obj: The object itself, whose replicas are taken, or one of lightkube's scale classes.

    Raises:
        ValueError: The number of replicas is not set.
    """
    namespace, name = object_names(obj)
    kind: type[Any] = type(obj)
    definition = kind.__dict__.get("__kaiwu_resource__")
    scale = definition.scale if definition is not None else None
    path = scale.spec_replicas_path if scale is not None else ".spec.replicas"
    replicas: Any = _document.decode(encode(obj))
    for field in path.strip(".").split("."):
        replicas = replicas.get(field) if isinstance(replicas, dict) else None
    if replicas is None:
        raise ValueError(f"{kind.__name__} {name}: {path.lstrip('.')} is not set")
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": {"replicas": replicas}}


def check_removed(body: bytes, paths: Sequence[str]) -> None:
    """Reject the removal of a field that an apply sets.

    Args:
        body: The apply.
        paths: Names joined by dots.

    Raises:
        ValueError: A path is empty or leads through a list, the field is set, or the paths are one string.
    """
    if isinstance(paths, str):
        raise ValueError(f"remove: invalid value {paths!r}: use a list of paths")
    content: Any = _document.decode(body)
    for path in paths:
        if not path or "[" in path or "" in path.split("."):
            raise ValueError(
                f"remove: invalid path {path!r}: use names joined by dots, as in spec.strategy.rollingUpdate"
            )
        found = content
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found is not None:
            raise ValueError(f"remove: {path} is set in the object that is applied")


def version_in(answer: bytes, what: str = "object") -> str:
    """Return the resourceVersion of the object in an answer; empty after a dry run of a creation.

    Args:
        answer: The body.
        what: Names the object in errors.

    Raises:
        APIConnectionError: The answer is not an object.
    """
    begin = answer.find(_VERSION) + len(_VERSION)
    if begin >= len(_VERSION) and answer.find(_VERSION, begin) < 0:  # quotes inside strings are escaped
        end = answer.find(b'"', begin)
        if end > 0 and answer[begin:end].isalnum():
            return answer[begin:end].decode()
    return read_answer(_stored, answer, what).metadata.resource_version


def kept_version(answer: bytes) -> str:
    """Return the resourceVersion of the object in an answer; empty where there is none, as in a Status."""
    try:
        return version_in(answer)
    except APIConnectionError:
        return ""


async def read_again(
    transport: Transport, identity: ResourceIdentity, namespace: str, read: ObjectMeta
) -> tuple[bytes, str]:
    """Return an object as it is stored now, and its resourceVersion, if it is the same object still.

    Args:
        transport: Reads it.
        identity: Its resource.
        namespace: Where it is.
        read: Its metadata as it was read, with its uid.

    Raises:
        ConflictError: It was replaced by another of the same name.
        NotFoundError: It is gone.
        APIError: Any other failure.
    """
    name = read.name or ""
    answer = await transport.request("GET", object_path(identity, namespace, name))
    present = read_answer(_stored, answer, f"{identity.kind} {name}").metadata
    if present.uid != read.uid:
        raise ConflictError(
            f"{identity.kind} {name}: the object with uid {read.uid} was replaced by one with uid {present.uid}",
            code=409,
            reason="Conflict",
        )
    return answer, present.resource_version
