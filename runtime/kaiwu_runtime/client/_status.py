"""Server-side apply of a status, as bytes: the answer is decoded by those who want it.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/#object-spec-and-status
"""

from __future__ import annotations

import zlib
from collections.abc import Coroutine, Mapping
from typing import Any

import msgspec

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.client._apply_body import read_again, status_body, version_in
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._codec import decode, encode_status
from kaiwu_runtime.client._emptied import RejectedApply, remove_emptied
from kaiwu_runtime.client._managed_items import has_other_versions
from kaiwu_runtime.client._removed_versions import send_patch
from kaiwu_runtime.client._request_options import PatchType, apply_params
from kaiwu_runtime.client._status_base import StatusBase, base_of
from kaiwu_runtime.client._status_part import Part
from kaiwu_runtime.client._subresources import has_status_subresource, target
from kaiwu_runtime.errors import ConflictError, DecodeError, InvalidError
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.rest._paths import object_names, object_path

STATUS_ATTEMPTS = 5
"""How often a status is sent when the object changes meanwhile."""

MANAGER_BYTES = 128
"""How long the name of a field manager may be."""

_APPLY = PatchType.APPLY.value
_MERGE = PatchType.MERGE.value
_json = msgspec.json.Encoder()


class _Metadata(msgspec.Struct):
    managed: list[dict[str, Any]] | None = msgspec.field(default=None, name="managedFields")


class _Answer(msgspec.Struct):
    status: Any = None
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_answers = msgspec.json.Decoder(_Answer)


def status_manager(client: BaseClient) -> str:
    """Return the field manager by which a client writes a status; a shorter one where an API server rejects it."""
    name = f"{client.field_manager}-status"
    if len(encoded := name.encode()) <= MANAGER_BYTES:
        return name
    end = f"-{zlib.crc32(encoded):08x}-status"
    return encoded[: MANAGER_BYTES - len(end)].decode(errors="ignore") + end


def write_status(
    client: BaseClient,
    obj: Any,  # noqa: ANN401 - a pydantic model or a lightkube kind
    status: msgspec.Raw,
    *,
    force: bool = True,
    field_manager: str = "",
    dry_run: bool = False,
) -> Coroutine[Any, Any, bytes]:
    """Write an object's status, and return the answer; see :meth:`~kaiwu_runtime.client.Client.apply_status`.

    When the object has changed since it was read, what other writers have made of its status is overwritten, unless a
    `StatusBase` tells which part of it is a change. With one, what was removed is removed, whatever its owner.

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
    params = apply_params(
        field_manager=field_manager or status_manager(client),
        field_validation=client.field_validation,
        dry_run=dry_run,
        force=force,
    )
    return _StatusWrite(client, obj, status, params, dry_run=dry_run).run()


class _StatusWrite:
    """One write of a status, repeated until it is stored.

    Args:
        client: Sends the requests.
        obj: The object.
        status: What is wanted, as `encode_status` returns it.
        params: The query of the apply.
        dry_run: Whether nothing is stored.
    """

    def __init__(
        self,
        client: BaseClient,
        obj: Any,  # noqa: ANN401 - a pydantic model or a lightkube kind
        status: msgspec.Raw,
        params: Mapping[str, str],
        *,
        dry_run: bool,
    ) -> None:
        self._client = client
        self._kind: type[Any] = type(obj)
        self._identity, subresource = target(self._kind, "patch", "status")
        namespace, name = object_names(obj)
        self._key = ObjectKey(client.namespace_for(self._identity, namespace), name)
        self._path = object_path(self._identity, *self._key, subresource)
        self._metadata = obj.metadata
        self._params, self._dry_run = params, dry_run
        self._base = None if dry_run else base_of(obj)
        self._status = self._wanted = status if self._base is None else self._base.wanted(status)
        self._body = status_body(obj, self._status)
        self._is_guarded = "resourceVersion" in self._body["metadata"]
        self._unsure = len(self._base.unsure) if self._base is not None else 0

    async def run(self) -> bytes:
        """Write, and return the answer."""
        base = self._base
        reads = base is not None and base.is_shared
        for attempt in range(1, STATUS_ATTEMPTS + 1):
            is_last = attempt == STATUS_ATTEMPTS
            if reads and self._is_guarded and (kept := await self._rebase()) is not None and base is not None:
                base.written(self._status)
                return kept
            try:
                if base is not None:
                    base.unsure[self._unsure :] = [bytes(self._status)]
                answer = await self._patch(_APPLY, self._params, self._body)
                if base is None:
                    return answer
                if base.difference(self._wanted).removes:
                    answer = await self._remove(base, answer)
                base.written(self._status)
                return answer
            except ConflictError as error:
                if not self._is_guarded or error.is_ownership or is_last:
                    raise
            except InvalidError as error:
                if self._dry_run or is_last or not await self._remove_emptied(error):
                    raise
            reads = True
        raise AssertionError("unreachable")

    async def _remove(self, base: StatusBase, answer: bytes) -> bytes:
        """Remove what the apply has left because other managers own it too; return the answer."""
        found = read_answer(_answers, answer, str(self._identity))
        left = base.removal(self._wanted, found.status, found.metadata.managed or (), self._body["apiVersion"])
        if not left:
            return answer
        body = {"metadata": {"resourceVersion": version_in(answer)}, "status": left}
        return await self._patch(_MERGE, {"fieldManager": self._params["fieldManager"]}, body)

    async def _rebase(self) -> bytes | None:
        """Read the object, and change its newest status instead of the one that was read before.

        Returns:
            The object, if there is nothing to change in it.
        """
        newest, version = await read_again(self._client.transport, self._identity, self._key.namespace, self._metadata)
        self._body["metadata"]["resourceVersion"] = version
        if self._base is None:
            return None
        try:
            stored = encode_status(decode(self._kind, newest))
        except DecodeError as error:  # it does not fit the type any longer, which the next reconcile reports
            raise ConflictError(f"the object has changed: {error}", code=409, reason="Conflict") from None
        managed = read_answer(_answers, newest, str(self._identity)).metadata.managed or ()
        self._wanted = wanted = self._base.merged(self._status, stored, managed, self._body["apiVersion"])
        own = Part(stored, managed, self._params["fieldManager"], self._body["apiVersion"])
        if has_other_versions(managed, own.version):
            own = own._replace(described=self._base.described(wanted, stored))
        self._body["status"] = part = own.of(wanted)
        return newest if own.changes_nothing(part, wanted) else None

    async def _remove_emptied(self, error: InvalidError) -> bool:
        """Remove the maps that the apply would leave empty; return whether it was rejected because of any."""
        paths = (object_path(self._identity, *self._key), self._path)
        rejected = RejectedApply(paths, _json.encode(self._body), self._params)
        return await remove_emptied(self._client, self._kind, self._key, rejected, error)

    async def _patch(self, content_type: str, params: Mapping[str, str], body: dict[str, Any]) -> bytes:
        client, kind, key, dry_run = self._client, self._kind, self._key, self._dry_run
        with client._attempt(kind, key, dry_run=dry_run) as doubts:  # noqa: SLF001 - of this package
            answer = await send_patch(client.transport, self._path, params, _json.encode(body), content_type)
        client._heard(kind, key, answer, dry_run=dry_run, doubts=doubts)  # noqa: SLF001 - of this package
        return answer
