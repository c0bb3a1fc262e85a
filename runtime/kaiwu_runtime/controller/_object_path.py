"""The path of one object through an ObjectReconciler.

key -> cache -> decode -> finalizer -> reconcile or finalize -> status
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

import msgspec

from kaiwu_runtime.api._conditions import Conditions
from kaiwu_runtime.api._field_names import written_name
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.api._resource import resource_definition
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._codec import encode_status
from kaiwu_runtime.client._finalizers import add_finalizer, has_finalizer, remove_finalizer
from kaiwu_runtime.client._status import status_manager, write_status
from kaiwu_runtime.client._status_base import StatusBase
from kaiwu_runtime.controller._decode_failures import DecodeFailureReporter
from kaiwu_runtime.controller._reconciler import Reconciler
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.errors import ConfigurationError, ConflictError, DecodeError, NotFoundError

logger = logging.getLogger("kaiwu_runtime.controller.object_path")


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw] | None)


class ObjectWork(Protocol):
    """What an ObjectReconciler is asked to do."""

    @property
    def kind(self) -> type[Any]:
        """The kind of the objects."""

    @property
    def finalizer(self) -> str:
        """The finalizer; empty for none."""

    async def reconcile(self, obj: Any, /) -> Result | None:  # noqa: ANN401 - of the kind
        """Do what is missing."""

    async def finalize(self, obj: Any, /) -> None:  # noqa: ANN401 - of the kind
        """Clean up."""


class ObjectPath(Reconciler):
    """Takes requests to an ObjectReconciler as objects.

    Args:
        work: The reconciler.
        informer: Has the objects of its kind.
        cache: Waits for own writes.
        client: Writes finalizers and the status.
        decode_failures: Tells of the objects that do not fit the kind.
    """

    reads_object = True

    def __init__(
        self,
        work: ObjectWork,
        *,
        informer: Informer[Any],
        cache: Cache,
        client: Client,
        decode_failures: DecodeFailureReporter | None,
    ) -> None:
        super().__init__(client)
        self._work = work
        self._kind: type[Any] = work.kind
        self._finalizer = work.finalizer
        self._informer = informer
        self._cache = cache
        self._decode_failures = decode_failures
        self._status = _status_model(self._kind)
        self._status_manager = status_manager(client)
        self._observes = self._status is not None and "observed_generation" in self._status.model_fields

    @property
    def described(self) -> str:
        """The reconciler's name, for messages."""
        return type(self._work).__name__

    def setup_with_manager(self, manager: Any) -> None:  # noqa: ANN401 - the Manager
        """Do nothing: the ObjectReconciler builds the controller."""

    async def reconcile(self, request: Request) -> Result | None:
        """Read the object that a request names, and give it to the reconciler."""
        own_writes = self._informer.own_writes
        if own_writes.pending and (missing := own_writes.missing(request)):
            await self._cache.wait_for_writes(self._informer, missing)
        cached = self._cached(request)
        if cached is None:
            return None
        failures = self._decode_failures
        try:
            obj: Any = cached.decode(self._kind)
        except DecodeError as error:
            if failures is None:
                raise
            return await failures.report(request, error)
        if failures is not None and failures.may_mark(cached) and await failures.unmark(request):
            return Result(requeue_after=0)  # until the cache has it too
        if self._status is None:
            return await self._run(obj, cached)
        return await self._run_with_status(obj, cached)

    def _cached(self, request: Request) -> CachedObject | None:
        informer = self._informer
        namespaced = informer.identity.namespaced
        found = informer.store.get(request if namespaced else ObjectKey("", request.name))
        if found is None and namespaced and informer.namespaces and request.namespace not in informer.namespaces:
            raise ConfigurationError(
                f"{informer.identity} {request}: the cache watches only {', '.join(informer.namespaces)}; "
                "add the namespace to --namespace"
            )
        return found

    async def _run(self, obj: Any, cached: CachedObject) -> Result | None:  # noqa: ANN401 - of the kind
        if cached.deletion_timestamp is not None:
            if self._finalizer and has_finalizer(obj, self._finalizer):
                await self._work.finalize(obj)
                await remove_finalizer(self.client, obj, self._finalizer)
            return None
        if self._finalizer:
            await add_finalizer(self.client, obj, self._finalizer)
        result = await self._work.reconcile(obj)
        if result is not None and not isinstance(result, Result):
            raise TypeError(f"{self.described}.reconcile returned {result!r}; it must return a Result or None")
        return result

    async def _run_with_status(self, obj: Any, cached: CachedObject) -> Result | None:  # noqa: ANN401 - of the kind
        before = encode_status(obj)
        if obj.status is None:
            obj.status = self._status()  # type: ignore[misc]  # there is one
        generation = cached.generation
        conditions = getattr(obj.status, "conditions", None)
        if isinstance(conditions, Conditions):
            conditions.generation = generation
        is_shared = cached.status_appliers not in {"", self._status_manager}
        with StatusBase(obj, before, is_shared=is_shared) as base:
            try:
                result = await self._run(obj, cached)
            except Exception:
                # What the reconciler has found out is worth telling, but it observed nothing if it changed nothing.
                await self._try_to_write(obj, base, generation)
                raise
            if cached.deletion_timestamp is None:
                try:
                    await self._write(obj, base, generation)
                except NotFoundError as error:
                    if not error.details.get("name"):
                        raise  # not the object, but its status subresource
        return result

    async def _write(self, obj: Any, base: StatusBase, generation: int) -> None:  # noqa: ANN401 - of the kind
        """Write the status where it differs from what was read."""
        status = obj.status
        if status is not None and generation:
            if self._observes and status.observed_generation != generation:
                status.observed_generation = generation
            _observe(obj, base.status, generation)
        encoded = base.wanted(encode_status(obj))
        if base.differs_from(encoded):
            # Not `apply_status`: the answer is not used, and decoding it costs as much as decoding the object.
            await write_status(self.client, obj, encoded, field_manager=self._status_manager)

    async def _try_to_write(self, obj: Any, base: StatusBase, generation: int) -> None:  # noqa: ANN401 - of the kind
        try:
            if base.differs_from(base.wanted(encode_status(obj))):
                await self._write(obj, base, generation)
        except (ConflictError, NotFoundError) as failure:
            logger.debug("Cannot write the status", extra={"error": str(failure)})
        except Exception as failure:  # noqa: BLE001 - the reconciler's own exception says more
            logger.warning("Cannot write the status", extra={"error": str(failure)})


def _observe(obj: Any, before: bytes, generation: int) -> None:  # noqa: ANN401 - of a project's kind
    """Set the generation in conditions that were set without one; one that was read so is another writer's, and stays.

    Args:
        obj: The object, with its status as it will be written.
        before: The status that was read, or written since.
        generation: Of the object that was read.
    """
    conditions = getattr(obj.status, "conditions", None) or ()
    for condition in conditions:
        if getattr(condition, "observedGeneration", generation) is None:
            break
    else:
        return
    written = _conditions_in(encode_status(obj), type(obj.status))
    if len(written) != len(conditions):
        return  # as they are the type's default, which is not written
    read = {bytes(raw) for raw in _conditions_in(before, type(obj.status))}
    for condition, raw in zip(conditions, written, strict=True):
        if bytes(raw) not in read and getattr(condition, "observedGeneration", generation) is None:
            condition.observedGeneration = generation


def _conditions_in(status: bytes, model: type[Any]) -> list[msgspec.Raw]:
    field = model.model_fields.get("conditions")
    name = written_name("conditions", field) if field is not None else "conditions"
    found = _members.decode(status).get(name)
    return (_items.decode(found) or []) if found is not None else []


def _status_model(kind: type[Any]) -> type[Any] | None:
    """Return the model of a status that is written by its subresource, where the runtime can make an empty one."""
    definition = resource_definition(kind)
    if definition is None or not definition.reports_status:
        return None
    field = kind.model_fields.get("status")
    if field is None:
        return None
    candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
    model = next((each for each in candidates if isinstance(each, type) and hasattr(each, "model_fields")), None)
    if model is None or any(each.is_required() for each in model.model_fields.values()):
        return None
    return model
