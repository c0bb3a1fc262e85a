"""Report objects that do not fit their type by an event and a condition, and ignore them until they change.

A type's own validation may be stricter than the schema of its CRD, or older than the object. A retry does not help, and
to the author of the object an operator that only logs would seem to do nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, get_args

import msgspec

from kaiwu_runtime.api._conditions import Condition, set_condition
from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.api._markers import ListMapKeys
from kaiwu_runtime.api._resource import resource_definition
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._removed_versions import send_patch
from kaiwu_runtime.client._request_options import PatchType
from kaiwu_runtime.controller._failure import find
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.errors import APIError, ConfigurationError, DecodeError, NotFoundError, TerminalError
from kaiwu_runtime.recorder import EventRecorder, Reference
from kaiwu_runtime.rest._deep_json import UNREADABLE, members
from kaiwu_runtime.rest._paths import object_path

logger = logging.getLogger("kaiwu_runtime.controller.decode_failures")

CONDITION = "Decoded"
REASON = "DecodeFailed"

_MARK = b'"type":"Decoded"'
_MESSAGE_LENGTH = 1000
_MOST_TOLD = 4096
"""Objects that are remembered; telling of one again does no harm."""

_json = msgspec.json.Encoder()


class _Mark(msgspec.Struct):
    type: str = ""
    reason: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether it was written here, and is not the reconciler's own of that name."""
        return self.type == CONDITION and self.reason == REASON


class _Status(msgspec.Struct):
    conditions: list[msgspec.Raw] = []


class _Object(msgspec.Struct):
    status: _Status | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Answer(msgspec.Struct):
    metadata: _Metadata


_object = msgspec.json.Decoder(_Object)
_status = msgspec.json.Decoder(_Status | None)
_mark = msgspec.json.Decoder(_Mark)
_answer = msgspec.json.Decoder(_Answer)
_condition = msgspec.json.Decoder(Condition)


class DecodeFailureReporter:
    """Tells of the objects of one kind that cannot be decoded.

    The condition is ``Decoded=False`` with reason ``DecodeFailed``, written by a field manager of its own, and only
    where the kind's status has `Conditions`. It is removed before the object is reconciled again, so that no
    reconciler sees it, and none takes it for its own.

    Args:
        kind: What the controller is for.
        informer: Returns the kind's informer.
        client: Returns the client that writes the condition.
        recorder: Records the event.
        conditions: Whether the informer has the objects' conditions; False for one of metadata.
    """

    def __init__(
        self,
        kind: type[Any],
        informer: Callable[[], Informer[Any]],
        client: Callable[[], Client],
        recorder: EventRecorder,
        *,
        conditions: bool = True,
    ) -> None:
        self._kind = kind
        self._identity = identify(kind)
        self._informer = informer
        self._client = client
        self._recorder = recorder
        self._has_conditions = conditions and has_conditions(kind)
        self._told: dict[Request, tuple[str, int, str]] = {}

    def find(self, request: Request, error: BaseException) -> DecodeError | None:
        """Return the failure to decode the object of a request that is in an exception; None without one.

        A failure to decode another object, which the reconciler needs, is not what this is about.
        """
        for found in find(error, DecodeError):
            if found.kind is self._kind and (found.namespace, found.name) == request.key:
                return found
        return None

    async def report(self, request: Request, error: DecodeError) -> Result | None:
        """Report an object that does not fit its type, once for each of its states.

        Returns:
            When to try again, where the condition could not be written. None for a failure that was reported already:
            the condition itself wakes the controller once more.

        Raises:
            TerminalError: It is reported now, and not to be tried again until the object changes.
        """
        if self._knows(request, error):
            return None
        if not await self._tell(request, error):
            return Result(requeue_after=0)
        raise TerminalError(str(error)) from None  # which says the same

    def _knows(self, request: Request, error: DecodeError) -> bool:
        obj = self._find(request)
        return obj is not None and self._told.get(request) == _failure(obj, error)

    async def _tell(self, request: Request, error: DecodeError) -> bool:
        """Record the event and write the condition; False when that has to be tried again."""
        obj = self._find(request)
        if obj is None:
            return True  # gone meanwhile
        if self._has_conditions:
            try:
                await self._mark(obj, str(error))
            except (APIError, ConfigurationError) as failure:
                if isinstance(failure, ConfigurationError) or failure.may_pass:
                    logger.debug("Cannot write the condition; retrying", extra={"error": str(failure)})
                    return False
                if not isinstance(failure, NotFoundError):
                    logger.warning("Cannot write the condition", extra={"error": str(failure)})
        if len(self._told) >= _MOST_TOLD:
            del self._told[next(iter(self._told))]
        self._told[request] = _failure(obj, error)
        reference = Reference(self._identity.api_version, self._identity.kind, *obj.key, obj.uid)
        self._recorder.event(reference, type="Warning", reason=REASON, action="Decode", note=str(error))
        return True

    def is_marked(self, request: Request) -> bool:
        """Return whether the condition may be on the object of a request."""
        obj = self._find(request) if self._has_conditions else None
        return obj is not None and self.may_mark(obj)

    def may_mark(self, obj: CachedObject) -> bool:
        """Return whether the condition may be on an object."""
        # Each reconcile asks: the bytes answer in less time than it takes to decode them.
        return self._has_conditions and _MARK in obj.raw

    async def unmark(self, request: Request) -> bool:
        """Remove the condition from an object that fits again; True when it was there, and is in the cache still.

        False in a dry run, which leaves it there: the object is reconciled with it.
        """
        obj = self._find(request)
        if obj is None:
            return False
        conditions = _conditions(obj)
        others = [raw for raw, mark in conditions if not mark.is_ours]
        if len(others) == len(conditions):
            return False  # the reconciler's own condition of that name
        try:
            obj.decode(self._kind)
        except DecodeError:
            return False
        self._told.pop(request, None)
        # By a patch, and not by giving up the field: a client that wrote a whole status since would own the entry too.
        patch = {"metadata": {"resourceVersion": obj.resource_version}, "status": {"conditions": others}}
        try:
            answer = await self._write(obj.key, patch, PatchType.MERGE, {"fieldManager": self._manager})
        except (APIError, ConfigurationError) as failure:
            if isinstance(failure, APIError) and not failure.may_pass:
                logger.warning("Cannot remove the condition", extra={"error": str(failure)})
                return False
            return True
        return _version(answer) != obj.resource_version

    async def _mark(self, obj: CachedObject, message: str) -> None:
        text = message if len(message) <= _MESSAGE_LENGTH else f"{message[: _MESSAGE_LENGTH - 1]}…"
        present = [(raw, mark) for raw, mark in _conditions(obj) if mark.type == CONDITION]
        if any(not mark.is_ours for _, mark in present):
            return
        conditions = _decoded(present)
        generation = obj.generation
        if not set_condition(
            conditions, type=CONDITION, status=False, reason=REASON, message=text, observed_generation=generation
        ):
            return
        metadata = {"name": obj.key.name, "resourceVersion": obj.resource_version}
        if obj.key.namespace:
            metadata["namespace"] = obj.key.namespace
        body = {
            "apiVersion": self._identity.api_version,
            "kind": self._identity.kind,
            "metadata": metadata,
            "status": {"conditions": conditions},
        }
        await self._write(obj.key, body, PatchType.APPLY, {"fieldManager": self._manager, "force": "true"})

    @property
    def _manager(self) -> str:
        return f"{self._client().field_manager}-decode"

    async def _write(self, key: ObjectKey, body: object, patch_type: PatchType, params: dict[str, str]) -> bytes:
        path = object_path(self._identity, key.namespace, key.name, "status")
        return await send_patch(self._client().transport, path, params, _json.encode(body), patch_type.value)

    def _find(self, request: Request) -> CachedObject | None:
        return self._informer().store.get(request.key)


def has_conditions(kind: type[Any]) -> bool:
    """Return whether a kind's status has conditions that several writers can share: a list merged by type."""
    definition = resource_definition(kind)
    if definition is None or not definition.reports_status:
        return False
    status = getattr(kind, "model_fields", {}).get("status")
    models = [] if status is None else _parts(status.annotation)
    fields = [getattr(model, "model_fields", {}).get("conditions") for model in models]
    return any(
        ListMapKeys("type") in (*field.metadata, *_parts(field.annotation)) for field in fields if field is not None
    )


def _parts(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - any annotation
    """Yield an annotation and everything in it: the members of a union, the metadata of an Annotated."""
    yield annotation
    yield from getattr(annotation, "__metadata__", ())
    yield from getattr(getattr(annotation, "__kaiwu_annotation__", None), "__metadata__", ())
    for argument in get_args(annotation):
        yield from _parts(argument)


def _decoded(marks: list[tuple[msgspec.Raw, _Mark]]) -> list[Condition]:
    try:
        return [_condition.decode(raw) for raw, _ in marks]
    except UNREADABLE:
        return []  # half a condition, which another client wrote: made anew


def _failure(obj: CachedObject, error: DecodeError) -> tuple[str, int, str]:
    """Return what makes a failure the same as one that was told of."""
    return obj.uid, obj.generation, str(error)


def _version(answer: bytes) -> str:
    """Return the resourceVersion of an answer: of a dry run it is that of the object which is stored."""
    try:
        return _answer.decode(answer).metadata.resource_version
    except UNREADABLE:
        return ""


def _conditions(obj: CachedObject) -> list[tuple[msgspec.Raw, _Mark]]:
    try:
        status = _status_of(obj.raw)
        return [] if status is None else [(raw, _mark.decode(raw)) for raw in status.conditions]
    except UNREADABLE:
        return []  # no conditions that writers could share


def _status_of(raw: bytes) -> _Status | None:
    try:
        return _object.decode(raw).status
    except RecursionError:  # of another part of the object
        found: _Status | None = _status.decode(members(raw).get("status", b"null"))
        return found
