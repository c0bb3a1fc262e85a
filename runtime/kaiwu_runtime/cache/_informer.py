"""An informer: the store of one kind, kept current by reflectors, which calls handlers for every change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Generic, TypeVar, cast

import msgspec

from kaiwu_runtime._callback import contained, forget_stack
from kaiwu_runtime._collector import collector_paused
from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.cache._index import IndexFunction
from kaiwu_runtime.cache._list_scope import CacheOptions, ListScope, explain
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._own_writes import OwnWrites
from kaiwu_runtime.cache._reflector import Reflector
from kaiwu_runtime.cache._scopes import Scopes
from kaiwu_runtime.cache._store import EventType, ObjectEvent, Store
from kaiwu_runtime.client._codec import ListDecoder
from kaiwu_runtime.errors import (
    ConfigurationError,
    CredentialsError,
    ForbiddenError,
    KaiwuError,
    NotFoundError,
    UnauthorizedError,
)
from kaiwu_runtime.rest._transport import Transport

logger = logging.getLogger("kaiwu_runtime.cache.informer")

T = TypeVar("T")

_HOPELESS = (NotFoundError, ForbiddenError, UnauthorizedError, ConfigurationError)

EventHandler = Callable[[ObjectEvent], None]
"""Called for every change of an object in the cache, in the event loop; it must not block."""


class Informer(Generic[T]):
    """The cached objects of one kind, in one or several namespaces.

    `get`, `list` and `by_index` return typed copies. `store` has the same objects as they are cached: their bytes, and
    the metadata that the runtime looks at, which costs no decoding.

    Handlers are plain functions: they put a key into a queue and return. They are called in the order of the
    server's events, after the store has changed.

    Args:
        transport: Sends the requests.
        kind: A project's type or a lightkube kind.
        scopes: Which objects; one reflector each.
        options: What is kept of each object.
        cache: Name of the cache, for the log; empty for the manager's own.

    Attributes:
        kind: The kind.
        identity: The resource.
        cache: The cache's name.
        metadata_only: Whether nothing but the objects' metadata is kept.
        keeps_whole: Whether objects are kept as the API server has them, but for managedFields.
        scopes: Which objects it gets.
        store: The objects as they are cached; not to be changed.
        own_writes: What this process has written, and the store has not yet.
    """

    def __init__(
        self,
        transport: Transport,
        kind: type[T],
        scopes: Sequence[ListScope] = (ListScope(),),
        options: CacheOptions | None = None,
        *,
        cache: str = "",
    ) -> None:
        self.kind = kind
        self.cache = cache
        self.metadata_only = options is not None and options.metadata_only
        self.keeps_whole = not self.metadata_only and (options is None or options.transform is None)
        self.identity = identify(kind)
        self.store = Store()
        self.own_writes = OwnWrites(self.store)
        # Replaced and never changed: a handler may remove itself while it is being called.
        self._handlers: tuple[EventHandler, ...] = ()
        self._synced = asyncio.Event()
        self._listed: set[str] = set()
        self.scopes = Scopes(scopes)
        self._whole, self._others_whole = self.scopes.whole, self.scopes.whole.get("", False)
        self._served: bool | None = None
        self._availability: list[Callable[[bool], None]] = []
        if options is not None and options.on_served is not None:
            options = msgspec.structs.replace(options, on_served=self._set_served)
        self._reflectors = {
            scope: Reflector(transport, self.identity, self, scope, options, cache=cache) for scope in scopes
        }

    @property
    def has_synced(self) -> bool:
        """Whether every object that existed at the start is in the store."""
        return self._synced.is_set()

    def holds_all(self, namespace: str) -> bool:
        """Return whether it is synced and gets every object of a namespace."""
        return self._synced.is_set() and self.selects_all(namespace)

    def selects_all(self, namespace: str) -> bool:
        """Return whether it gets every object of a namespace, once it is synced."""
        return self._whole.get(namespace, self._others_whole)

    @property
    def held_in(self) -> str:
        """The cache, for a message."""
        return f"the cache {self.cache!r}" if self.cache else "the cache"

    def describe(self) -> str:
        """Return a line about what is cached."""
        what = f" in {self.cache}" if self.cache else ""
        what += " metadata only" if self.metadata_only else ""
        synced = str(self.has_synced).lower() if self.is_served else "(not served)"
        where = f" namespaces={','.join(self.namespaces)}" if self.namespaces else ""
        selectors = self.scopes.describe()
        where += f" selectors=({selectors})" if selectors else ""
        return f"{self.identity}{what}: objects={len(self.store)} synced={synced} handlers={len(self._handlers)}{where}"

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are watched; empty for all, and for a cluster-scoped kind."""
        return self.scopes.namespaces

    @property
    def last_error(self) -> str:
        """Why the store is not current at the moment, in one line; empty while it is."""
        for scope, reflector in self._reflectors.items():
            if reflector.last_error is not None:
                return explain(reflector.last_error, self.identity, scope)
        return ""

    @property
    def is_failing(self) -> bool:
        """Whether a watch is interrupted, or was and has brought nothing since: what it shows may be old."""
        return any(reflector.last_error is not None for reflector in self._reflectors.values())

    @property
    def error(self) -> KaiwuError | None:
        """The failure that `last_error` tells of."""
        return next((each.last_error for each in self._reflectors.values() if each.last_error), None)

    def raise_if_hopeless(self) -> None:
        """Raise a failure that waiting does not solve; the informer keeps trying, and syncs once it is solved.

        Raises:
            ConfigurationError: A CRD or a rule is missing, or the credentials are bad; the message says which.
        """
        # Credentials that are not available now may be later: an identity provider may recover.
        if isinstance(self.error, _HOPELESS) and not isinstance(self.error, CredentialsError):
            raise ConfigurationError(self.last_error)

    def add_event_handler(self, handler: EventHandler) -> None:
        """Call a function for every change from now on, and once for each present object."""
        self._call((ObjectEvent(EventType.ADDED, obj, initial=True) for obj in self.store), (handler,))
        self._handlers = (*self._handlers, handler)

    def remove_event_handler(self, handler: EventHandler) -> None:
        """Stop calling a function.

        Raises:
            ValueError: It is not a handler of this informer.
        """
        at = self._handlers.index(handler)
        self._handlers = self._handlers[:at] + self._handlers[at + 1 :]

    @property
    def is_served(self) -> bool:
        """Whether the API server has the kind, as far as is known; always true for one that it must have."""
        return self._served is not False

    def add_availability_handler(self, handler: Callable[[bool], None]) -> None:
        """Call a function whenever an optional kind appears (True) or disappears (False)."""
        self._availability.append(handler)

    def remove_availability_handler(self, handler: Callable[[bool], None]) -> None:
        """Stop calling a function; one that was added several times, once less.

        Raises:
            ValueError: It is not a handler of this informer.
        """
        self._availability.remove(handler)

    def _set_served(self, served: bool) -> None:
        before, self._served = self._served, served
        if served == before:
            return
        if before is not None or not served:
            message = "An optional kind is served now" if served else "An optional kind is not served; waiting for it"
            logger.info(message, extra={"kind": self.identity.kind, "group": self.identity.group, **self._fields()})
        for handler in tuple(self._availability) if before is not None else ():
            try:
                handler(served)
            except BaseException as error:
                logger.error("An availability handler failed", exc_info=contained(error))
                forget_stack(error)

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Index the objects by the values a function gives; see :meth:`Store.add_index`."""
        self.store.add_index(name, function)

    def get(self, key: ObjectKey) -> T | None:
        """Return a copy of one object, or None.

        Raises:
            DecodeError: It does not fit its type.
        """
        found = self.store.get(key)
        return None if found is None else self._typed([found])[0]

    def by_index(self, name: str, value: str) -> Sequence[T]:
        """Return copies of the objects whose index has a value; see `Cache.index_field`.

        Raises:
            KeyError: There is no index of that name.
        """
        return self._typed(self.store.by_index(name, value))

    def list(self, namespace: str = "") -> Sequence[T]:
        """Return copies of the objects of a namespace; empty for all.

        Raises:
            DecodeError: An object does not fit its type; `decoded` has the others.
        """
        return self._typed(self.store.list(namespace))

    def _typed(self, objects: Iterable[CachedObject]) -> Sequence[T]:
        if self.metadata_only:
            from kaiwu_runtime.client._metadata import decode_metadata  # noqa: PLC0415 - few informers do

            return [cast("T", decode_metadata(self.identity, obj.raw)) for obj in objects]
        return ListDecoder(self.kind).take(obj.raw for obj in objects).result()

    async def wait_for_sync(self) -> None:
        """Return when every object that existed at the start is in the store."""
        await self._synced.wait()

    async def run(self) -> None:
        """Keep the store current until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors.values():
                group.create_task(reflector.run(), name=f"reflector {self.identity}")

    def known(self, obj: CachedObject) -> CachedObject:
        """Return what the store has of this very state of an object, else what was given."""
        old = self.store.get(obj.key)
        return old if old is not None and old.is_state_of(obj) else obj

    def replace(self, objects: Iterable[CachedObject], namespace: str, version: str = "") -> None:
        """Take a complete list from a reflector, and its resourceVersion."""
        first = namespace not in self._listed
        besides = () if namespace else self.scopes.besides
        with collector_paused() if first else nullcontext():
            self._call(self.store.replace(objects, namespace=namespace, besides=besides, initial=first))
        self._listed.add(namespace)
        if first:
            self.own_writes.complete = len(self._listed) == len(self._reflectors)
        self.own_writes.listed(namespace, version, besides, first=first)
        if len(self._listed) == len(self._reflectors):
            self._synced.set()

    def put(self, obj: CachedObject) -> None:
        """Take an added or modified object from a reflector."""
        self._call(self.store.put(obj))
        if self.own_writes.pending:
            self.own_writes.seen(obj)

    def remove(self, obj: CachedObject) -> None:
        """Take a deleted object from a reflector."""
        self._call(self.store.remove(obj))
        self.own_writes.gone(obj)

    def _call(self, events: Iterable[ObjectEvent], only: tuple[EventHandler, ...] | None = None) -> None:
        for event in events:
            for handler in self._handlers if only is None else only:
                try:
                    handler(event)
                except BaseException as error:
                    # A failing handler must not stop the watch, and other handlers must still get the event.
                    logger.error(
                        "An event handler failed",
                        extra={"kind": self.identity.kind, "object": str(event.object.key), **self._fields()},
                        exc_info=contained(error),
                    )
                    forget_stack(error)

    def _fields(self) -> dict[str, str]:
        return {"cache": self.cache} if self.cache else {}
