"""The cache: one informer per kind, shared by every controller and reader."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeVar, overload

from kaiwu_runtime._clock import monotonic
from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, identify, key_of
from kaiwu_runtime.cache._index import IndexFunction
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._list_scope import CacheOptions, KindOptions, ListScope, Transform
from kaiwu_runtime.cache._lookup import KEY_FIELDS, select, watched_namespace
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._own_writes import WAIT_SECONDS
from kaiwu_runtime.cache._selector import label_selector as parse_label_selector
from kaiwu_runtime.client._codec import ListDecoder
from kaiwu_runtime.client._metadata import PartialObjectMetadata
from kaiwu_runtime.errors import (
    APIConnectionError,
    ConfigurationError,
    NotFoundError,
)
from kaiwu_runtime.rest._paths import object_path
from kaiwu_runtime.rest._transport import Transport

T = TypeVar("T")

SYNC_SECONDS = 120.0

_FIELD = re.compile(r"[^\s=!,\\]+")


class Cache:
    """Informers by kind.

    A kind that is asked for the first time is watched from then on; a read of it waits until it is synced.

    Args:
        transport: Sends the requests.
        namespaces: Watch these only; empty for all. Cluster-scoped kinds are watched whole in any case.
        sync_timeout: Seconds a read waits for a kind to be synced.
        streaming_list: See :class:`CacheOptions`.

    Attributes:
        on_wait: Called with a resource, and how many seconds a read of it has waited for an own write; for metrics.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        namespaces: Sequence[str] = (),
        sync_timeout: float = SYNC_SECONDS,
        streaming_list: bool = False,
    ) -> None:
        self._transport = transport
        self._namespaces = tuple(dict.fromkeys(namespaces))
        self._sync_timeout = sync_timeout
        self._streaming_list = streaming_list
        self._watched: dict[type[Any], KindOptions] = {}
        self._optional: set[type[Any]] = set()
        self._indexes: dict[type[Any], dict[str, IndexFunction]] = {}
        self._informers: dict[tuple[type[Any], bool], Informer[Any]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.on_wait: Callable[[ResourceIdentity, float], None] | None = None

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """The informers there are."""
        return tuple(self._informers.values())

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are watched; empty for all."""
        return self._namespaces

    def configure(
        self,
        kind: type[Any],
        *,
        label_selector: str = "",
        field_selector: str = "",
        namespaces: Sequence[str] | None = None,
        transform: Transform | None = None,
    ) -> None:
        """Configure which objects of a kind are watched, and what is kept of them; before the first use of the kind.

        All readers of the kind from the cache see only these objects, in this form.

        Args:
            kind: A project's type or a lightkube kind.
            label_selector: For example ``app=db``; evaluated by the API server.
            field_selector: For example ``status.phase=Running``; the API server supports few fields of each kind.
            namespaces: Namespaces to watch instead of the cache's own; empty for all.
            transform: See :data:`Transform`.

        Raises:
            ConfigurationError: The kind is watched already, with other options.
        """
        wanted = KindOptions(
            label_selector, field_selector, None if namespaces is None else tuple(dict.fromkeys(namespaces)), transform
        )
        present = self._watched.get(kind)
        watched = any((kind, metadata_only) in self._informers for metadata_only in (False, True))
        if wanted != (present or KindOptions()) and (present is not None or watched):
            raise ConfigurationError(
                f"{identify(kind)} is watched already, with other selectors, namespaces or another transform; "
                "a kind has one cache, so configure it once, before the first use"
            )
        self._watched[kind] = wanted

    def allow_absent(self, kind: type[Any]) -> None:
        """Let a kind be optional: while the API server lacks it, it has no objects, and it is waited for.

        Call it before the first use of the kind; later it does nothing. A kind is optional for all its readers.

        Args:
            kind: A project's type or a lightkube kind.
        """
        self._optional.add(kind)

    @overload
    def informer(self, kind: type[Any], *, metadata_only: Literal[True]) -> Informer[PartialObjectMetadata]: ...

    @overload
    def informer(self, kind: type[T], *, metadata_only: Literal[False] = False) -> Informer[T]: ...

    @overload
    def informer(self, kind: type[Any], *, metadata_only: bool) -> Informer[Any]: ...

    def informer(self, kind: type[Any], *, metadata_only: bool = False) -> Informer[Any]:
        """Return the informer of a kind; the first call creates it, and starts it if the cache runs.

        Args:
            kind: A project's type or a lightkube kind.
            metadata_only: Return a separate informer, which keeps only the objects' metadata.

        Raises:
            TypeError: The type is not a Kubernetes resource.
        """
        informer = self._informers.get((kind, metadata_only))
        if informer is None:
            watched = self._watched.get(kind, KindOptions())
            chosen = self._namespaces if watched.namespaces is None else watched.namespaces
            scopes = [
                ListScope(namespace, watched.label_selector, watched.field_selector)
                for namespace in (chosen if identify(kind).namespaced else ()) or ("",)
            ]
            optional = (lambda _: None) if kind in self._optional else None
            options = CacheOptions(metadata_only, watched.transform, self._streaming_list, optional)
            informer = Informer(self._transport, kind, scopes, options)
            for field, function in ({} if metadata_only else self._indexes.get(kind, {})).items():
                informer.add_index(field, function)
            self._informers[kind, metadata_only] = informer
            if self._group is not None:
                self._start(informer)
        return informer

    def version_of(self, kind: type[Any], key: ObjectKey) -> str | None:
        """Return the resourceVersion of a cached object; empty if it is not there, None for a kind that is not synced.

        Args:
            kind: A project's type or a lightkube kind; it is not watched because of this.
            key: The object's key.
        """
        for metadata_only in (False, True):
            informer = self._informers.get((kind, metadata_only))
            if informer is not None and informer.has_synced and not informer.selectors:
                if informer.namespaces and key.namespace not in informer.namespaces:
                    return None
                found = informer.store.get(key)
                return "" if found is None else found.resource_version
        return None

    def holding(self, kind: type[Any], namespace: str) -> Iterator[Informer[Any]]:
        """Yield the informers that are synced and get every object of a kind in a namespace."""
        for metadata_only in (False, True):
            informer = self._informers.get((kind, metadata_only))
            if (
                informer is not None
                and informer.has_synced
                and not informer.selectors
                and (not informer.namespaces or namespace in informer.namespaces)
            ):
                yield informer

    async def wait_for_writes(self, informer: Informer[Any], keys: Sequence[ObjectKey]) -> None:
        """Wait until an informer has what this process wrote.

        Args:
            informer: Has the objects.
            keys: Which objects are missing, from `informer.own_writes`.

        Raises:
            APIConnectionError: Nothing came for ten seconds.
        """
        began = monotonic()
        late = await informer.own_writes.wait(keys, WAIT_SECONDS)
        if self.on_wait is not None:
            self.on_wait(informer.identity, monotonic() - began)
        if late is not None:
            raise APIConnectionError(
                f"the cache does not have the last write to {informer.identity} {late} after {WAIT_SECONDS:g} s: "
                f"{informer.last_error or 'its watch is late'}"
            )

    def whole(self, kind: type[Any], key: ObjectKey) -> CachedObject | None:
        """Return what is cached of an object at the moment; None if it, or its kind, is not there.

        Args:
            kind: A project's type or a lightkube kind; it is not watched because of this.
            key: The object's key.
        """
        informer = self._informers.get((kind, False))
        return None if informer is None or not informer.has_synced else informer.store.get(key)

    def index_field(self, kind: type[T], field: str, function: Callable[[T], Iterable[str]]) -> None:
        """Let `list` find the objects of a kind by a field: ``field_selector="spec.secret=a"``; at any time.

        Args:
            kind: A project's type or a lightkube kind.
            field: Name of the field in selectors, usually its path.
            function: Returns the values by which an object is found; may be empty. An exception is logged, and the
                object is not found by this field.

        Raises:
            ValueError: The field is indexed already, or is not a valid field of a selector.
        """
        if field in KEY_FIELDS or not _FIELD.fullmatch(field):
            raise ValueError(
                f"index of {identify(kind)}: {field!r} is not a valid field name: use its path, as in spec.secret"
            )
        present = self._informers.get((kind, False))
        indexes = self._indexes.setdefault(kind, {})
        if field in indexes:
            raise ValueError(f"index of {identify(kind)}: {field} is indexed already")
        indexes[field] = lambda obj: function(obj.decode(kind))
        if present is not None:
            present.add_index(field, indexes[field])

    async def run(self) -> None:
        """Run all informers, including those created later, until cancelled.

        Raises:
            RuntimeError: The cache runs already.
        """
        if self._group is not None:
            raise RuntimeError("the cache runs already")
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for informer in self._informers.values():
                    self._start(informer)
                await asyncio.Event().wait()  # until cancelled: informers may come at any time
            finally:
                self._group = None

    async def wait_for_sync(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - says why it gave up
        """Wait until all present informers have synced.

        Args:
            timeout: Seconds to wait; default: the cache's own timeout.

        Raises:
            APIConnectionError: An informer did not sync in time; the message names it and the reason.
        """
        for informer in self.informers:
            await self._wait(informer, self._sync_timeout if timeout is None else timeout)

    async def wait_for(self, informer: Informer[Any]) -> None:
        """Wait until one informer has synced.

        Raises:
            ConfigurationError: It cannot sync without a change; the message names the change.
            APIConnectionError: It did not sync within the cache's timeout; the message has the reason.
        """
        if not informer.has_synced:
            await self._wait(informer, self._sync_timeout)

    async def get(
        self, kind: type[T], name: str | ObjectKey, *, namespace: str = "", wait_for_writes: bool = True
    ) -> T:
        """Return a copy of one object; see :class:`~kaiwu_runtime.client.Reader`.

        Args:
            kind: A project's type or a lightkube kind.
            name: The object's name.
            namespace: Its namespace; ignored for a cluster-scoped kind, as the API server's client does.
            wait_for_writes: Wait until the cache has what this process wrote to the object.

        Raises:
            ConfigurationError: The namespace is not watched, so the cache has no data for it.
            ValueError: The name or the namespace is missing.
            APIConnectionError: The cache is not synced, or behind an own write, for too long.
        """
        informer = self.informer(kind)
        identity = informer.identity
        namespace, name = key_of(name, namespace)
        if not name or (identity.namespaced and not namespace):
            object_path(identity, namespace, name)  # raises what the API server's client does
        key = ObjectKey(watched_namespace(informer, namespace), name)
        await self.wait_for(informer)
        if wait_for_writes and informer.own_writes.pending and (missing := informer.own_writes.missing(key)):
            await self.wait_for_writes(informer, missing)
        found = informer.store.get(key)
        if found is None:
            resource = f"{identity.plural}.{identity.group}" if identity.group else identity.plural
            selectors = informer.selectors
            limited = f" in the cache, which holds {selectors} only; manager.api_reader reads all" if selectors else ""
            raise NotFoundError(
                f'{resource} "{name}" not found{limited}',
                code=404,
                reason="NotFound",
                details={"name": name, "group": identity.group, "kind": identity.plural},
            )
        return found.decode(kind)

    async def list(
        self,
        kind: type[T],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        wait_for_writes: bool = True,
    ) -> list[T]:
        """Return copies of the objects that match; see :class:`~kaiwu_runtime.client.Reader`.

        Raises:
            ConfigurationError: The namespace is not watched.
            DecodeError: An object does not fit its type; `decoded` has the others.
            ValueError: A selector is malformed, or selects by a field that is not indexed and is not the object's name
                or namespace.
        """
        informer = self.informer(kind)
        namespace = watched_namespace(informer, namespace)
        await self.wait_for(informer)
        if wait_for_writes and informer.own_writes.pending and (missing := informer.own_writes.missing_in(namespace)):
            await self.wait_for_writes(informer, missing)
        matches = parse_label_selector(label_selector)
        chosen = select(informer, namespace, field_selector) if field_selector else informer.store.list(namespace)
        return ListDecoder(kind).take(obj.raw for obj in chosen if matches(obj.labels)).result()

    async def _wait(self, informer: Informer[Any], seconds: float) -> None:
        syncing = asyncio.ensure_future(informer.wait_for_sync())
        try:
            async with asyncio.timeout(seconds):
                while not syncing.done():
                    await asyncio.wait({syncing}, timeout=0.1)
                    if not syncing.done():
                        informer.raise_if_hopeless()
        except TimeoutError as error:
            reason = informer.last_error or ("the cache does not run" if self._group is None else "no answer yet")
            raise APIConnectionError(
                f"the cache of {informer.identity} did not sync within {seconds:g} s: {reason}"
            ) from error
        finally:
            syncing.cancel()

    def _start(self, informer: Informer[Any]) -> None:
        if self._group is not None:
            self._group.create_task(informer.run(), name=f"informer {informer.identity}")
