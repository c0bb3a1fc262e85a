"""Server-side apply of a status, as bytes: the answer is decoded by those who want it.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/#object-spec-and-status
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.client._apply_body import read_again, status_body, version_in
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._codec import decode, encode_status
from kaiwu_runtime.client._emptied import RejectedApply, remove_emptied
from kaiwu_runtime.client._request_options import PatchType, apply_params
from kaiwu_runtime.client._status_merge import merged_status, own_part, removal_patch, removes
from kaiwu_runtime.client._subresources import has_status_subresource, target
from kaiwu_runtime.errors import ConflictError, DecodeError, InvalidError
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.rest._paths import object_names, object_path

STATUS_ATTEMPTS = 5
"""How often a status is sent when the object changes meanwhile."""

_APPLY = PatchType.APPLY.value
_MERGE = PatchType.MERGE.value
_json = msgspec.json.Encoder()


class _Metadata(msgspec.Struct):
    managed: list[dict[str, Any]] | None = msgspec.field(default=None, name="managedFields")


class _Answer(msgspec.Struct):
    status: Any = None
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_answers = msgspec.json.Decoder(_Answer)


class StatusBase(msgspec.Struct):
    """From what the status of an object is made, for those that write it.

    Attributes:
        obj: The object.
        status: Its status as it was read, or as it was written since, encoded by `encode_status`.
        is_shared: Whether other field managers have applied to it.
        unsure: What may have been written since, wholly or in part, as its write failed.
    """

    obj: object
    status: bytes
    is_shared: bool = False
    unsure: list[bytes] = msgspec.field(default_factory=list)

    def differs_from(self, status: bytes) -> bool:
        """Return whether a status is still to be written."""
        return status != self.status or bool(self.unsure)

    def merged(self, wanted: bytes, stored: bytes) -> msgspec.Raw:
        """Return the stored status with the changes that lead to what is wanted."""
        for base in (self.status, *self.unsure):
            stored = merged_status(base, wanted, stored)
        return msgspec.Raw(stored)

    def written(self, status: bytes) -> None:
        """Take note of a write that is complete."""
        self.status = bytes(status)
        self.unsure.clear()


_base: ContextVar[StatusBase | None] = ContextVar("kaiwu_status_base", default=None)


@contextmanager
def status_base(obj: object, status: bytes, *, is_shared: bool = False) -> Iterator[StatusBase]:
    """Keep what other writers make of an object's status: what is written in this context are the changes to a base.

    Args:
        obj: The object; a copy of it is another.
        status: Its status as it was read.
        is_shared: Whether other field managers have applied to it: then each write costs a read, which tells what is
            theirs. What they alone apply, and what stays as it is, is not sent.
    """
    base = StatusBase(obj, status, is_shared)
    token = _base.set(base)
    try:
        yield base
    finally:
        _base.reset(token)


def status_manager(client: BaseClient) -> str:
    """Return the field manager by which a client writes a status."""
    return f"{client.field_manager}-status"


async def write_status(
    client: BaseClient,
    obj: Any,  # noqa: ANN401 - a pydantic model or a lightkube kind
    status: msgspec.Raw,
    *,
    force: bool = True,
    field_manager: str = "",
    dry_run: bool = False,
) -> bytes:
    """Write an object's status and return the answer; see :meth:`~kaiwu_runtime.client.Client.apply_status`.

    When the object has changed since it was read, what other writers have made of its status is overwritten, unless a
    `status_base` tells which part of it is a change. With one, what was removed is removed, whatever its owner.

    Args:
        client: Sends the requests.
        obj: The object.
        status: Its status, as `encode_status` returns it.
        force: See `Client.apply`.
        field_manager: See `Client.apply_status`.
        dry_run: See `Client.apply`.
    """
    kind: type[Any] = type(obj)
    if has_status_subresource(kind) is False:  # type: ignore[arg-type]  # a class is hashable
        raise ValueError(f"{kind.__name__} has no status subresource: write its status with apply")
    identity, subresource = target(kind, "patch", "status")
    namespace, name = object_names(obj)
    namespace = client.namespace_for(identity, namespace)
    path = object_path(identity, namespace, name, subresource)
    params = apply_params(
        field_manager=field_manager or status_manager(client),
        field_validation=client.field_validation,
        dry_run=dry_run,
        force=force,
    )
    key = ObjectKey(namespace, name)
    body = status_body(obj, status)
    guarded = "resourceVersion" in body["metadata"]
    base = _base.get()
    if base is not None and (base.obj is not obj or dry_run):
        base = None
    before = len(base.unsure) if base is not None else 0
    wanted, conflict = status, None
    reads = guarded and base is not None and base.is_shared
    for attempt in range(1, STATUS_ATTEMPTS + 1):
        if reads:
            newest, version = await read_again(client.transport, identity, namespace, obj.metadata)
            body["metadata"]["resourceVersion"] = version
            if base is not None:
                wanted, body["status"] = _rebased(
                    base, kind, newest, status, manager=params["fieldManager"], conflict=conflict
                )
        try:
            if base is not None:
                base.unsure[before:] = [bytes(status)]
            with client._attempt(kind, key, dry_run=dry_run) as doubts:  # noqa: SLF001 - of this package
                answer = await client.transport.request(
                    "PATCH", path, params=params, body=_json.encode(body), content_type=_APPLY
                )
            client._heard(kind, key, answer, dry_run=dry_run, doubts=doubts)  # noqa: SLF001 - of this package
            if base is not None:
                if left := _left(base.status, wanted, answer, str(identity)):
                    answer = await _remove(client, kind, key, path, answer, status=left, manager=params["fieldManager"])
                base.written(status)
            return answer
        except ConflictError as error:
            if not guarded or error.is_ownership or attempt == STATUS_ATTEMPTS:
                raise
            conflict, reads = error, True
        except InvalidError as error:
            rejected = RejectedApply((object_path(identity, namespace, name), path), _json.encode(body), params)
            last = dry_run or attempt == STATUS_ATTEMPTS
            if last or not await remove_emptied(client, kind, key, rejected, error):
                raise
            reads = guarded
    raise AssertionError("unreachable")


def _rebased(
    base: StatusBase,
    kind: type[Any],
    newest: bytes,
    status: msgspec.Raw,
    *,
    manager: str,
    conflict: ConflictError | None,
) -> tuple[msgspec.Raw, msgspec.Raw]:
    """Return a status as it is wanted on top of what is stored now, and what is applied of it."""
    try:
        stored = encode_status(decode(kind, newest))
    except DecodeError as error:  # it does not fit the type any longer, which the next reconcile reports
        raise conflict or ConflictError(str(error), code=409, reason="Conflict") from None
    wanted = base.merged(status, stored)
    managed = read_answer(_answers, newest, kind.__name__).metadata.managed or ()
    return wanted, own_part(wanted, stored, managed, manager)


async def _remove(
    client: BaseClient,
    kind: type[Any],
    key: ObjectKey,
    path: str,
    applied: bytes,
    *,
    status: dict[str, Any],
    manager: str,
) -> bytes:
    """Remove from a status what others own too, which an apply cannot, and return the answer.

    Raises:
        ConflictError: The object has changed meanwhile.
        APIError: Any other failure.
    """
    body = {"metadata": {"resourceVersion": version_in(applied)}, "status": status}
    with client._attempt(kind, key) as doubts:  # noqa: SLF001 - of this package
        answer = await client.transport.request(
            "PATCH", path, params={"fieldManager": manager}, body=_json.encode(body), content_type=_MERGE
        )
    client._heard(kind, key, answer, dry_run=False, doubts=doubts)  # noqa: SLF001 - of this package
    return answer


def _left(base: bytes, status: bytes, answer: bytes, what: str) -> dict[str, Any]:
    """Return the members of a status to patch after an apply of it."""
    if not removes(base, status):
        return {}
    found = read_answer(_answers, answer, what)
    return removal_patch(base, status, found.status, found.metadata.managed or ())
