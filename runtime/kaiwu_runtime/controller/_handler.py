"""Handlers: map an event of an object to requests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kaiwu_runtime._callback import contained
from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, identify
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._store import EventType, ObjectEvent
from kaiwu_runtime.controller._request import Request, to_request

EventHandlerFunction = Callable[[ObjectEvent], Iterable[Request]]
MapFunction = Callable[[Any], Iterable[Request]]
"""From an object that changed to the requests that it wakes; called for every change, it must not block."""


def map_typed(kind: type[Any], function: MapFunction, *, metadata_only: bool = False) -> MapFunction:
    """Return a function of cached objects that gives a typed copy to a function of the project.

    Args:
        kind: The type of the objects.
        function: Takes an object of the kind, or a PartialObjectMetadata. A parameter annotated with CachedObject gets
            the cached form instead, which costs no decoding.
        metadata_only: Whether the cache has metadata only.
    """
    if _takes_cached(function):
        return function
    if metadata_only:
        from kaiwu_runtime.client._metadata import decode_metadata  # noqa: PLC0415 - few sources do

        identity = identify(kind)
        return lambda obj: function(decode_metadata(identity, obj.raw))
    return lambda obj: function(obj.decode(kind))


def _takes_cached(function: MapFunction) -> bool:
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):  # a function of C code has no signature
        return False
    annotation = first.annotation if first is not None else None
    return annotation is CachedObject or (
        isinstance(annotation, str) and annotation.strip("'\"").rpartition(".")[2] == "CachedObject"
    )


def enqueue_object(event: ObjectEvent) -> Iterable[Request]:
    """Return the object itself."""
    key = event.object.key
    return (Request(key.namespace, key.name),)


def enqueue_owner(
    owner: ResourceIdentity, known: Callable[[ObjectKey], CachedObject | None], *, only_controller: bool = True
) -> EventHandlerFunction:
    """Return a handler that finds the owner of an object among its owner references.

    The group and kind must be the owner's; the version may be another one, since it says only how the reference was
    written. An object that changed hands wakes the old owner as well as the new one.

    Args:
        owner: The owner's resource.
        known: Finds an owner in the cache. One that has another uid is a successor of the owner, which is gone; one
            that is not there may be new, and its request does no harm.
        only_controller: The reference must be the controller's.
    """

    def owners(obj: CachedObject, *, gone: bool) -> Iterable[Request]:
        for reference in obj.owner_references:
            group, _, _ = reference.api_version.rpartition("/")
            if (group, reference.kind) != (owner.group, owner.kind):
                continue
            if only_controller and not reference.controller:
                continue
            key = ObjectKey(obj.key.namespace if owner.namespaced else "", reference.name)
            present = known(key)
            # The deletion of a child concerns a successor too: the name it needs for its own child is free now.
            if gone or present is None or present.uid == reference.uid:
                yield Request(*key)

    def handle(event: ObjectEvent) -> Iterable[Request]:
        found = dict.fromkeys(owners(event.object, gone=event.type is EventType.DELETED))
        if event.old is not None and event.old is not event.object:
            found.update(dict.fromkeys(owners(event.old, gone=False)))
        return found

    return handle


def enqueue_mapped(function: MapFunction) -> EventHandlerFunction:
    """Return a handler that asks a function of the project which requests an object causes.

    It is asked about the state before a change as well: an object that is no longer concerned has to hear of that too.
    Each state is mapped on its own. The requests of one state, and those that a generator yields before it fails, come
    first; what the function raised comes last.

    Args:
        function: Takes the object, with its metadata decoded and its content as bytes.
    """

    def handle(event: ObjectEvent) -> Iterator[Request]:
        failures: list[Exception] = []
        found: dict[Request, None] = {}
        _map(function, event.object, found, failures)
        if event.old is not None and event.old is not event.object:
            _map(function, event.old, found, failures)
        yield from found
        if failures:
            raise failures[0]

    return handle


def _map(function: MapFunction, obj: CachedObject, found: dict[Request, None], failures: list[Exception]) -> None:
    try:
        for request in function(obj):
            found[to_request(request)] = None
    except BaseException as error:  # noqa: BLE001 - see callback
        failures.append(contained(error))
