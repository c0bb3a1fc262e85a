"""The cache: one informer per kind, shared by every controller and reader."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kaiwu_runtime._clock import monotonic
from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, key_of
from kaiwu_runtime.cache._doubtful_writes import DoubtfulWrites
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._informers import Informers
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.cache._lookup import select, watched_namespace
from kaiwu_runtime.cache._own_writes import WAIT_SECONDS
from kaiwu_runtime.cache._selector import label_selector as parse_label_selector
from kaiwu_runtime.client._codec import ListDecoder
from kaiwu_runtime.errors import (
    APIConnectionError,
    NotFoundError,
)
from kaiwu_runtime.rest._paths import object_path
from kaiwu_runtime.rest._transport import Transport

T = TypeVar("T")

SYNC_SECONDS = 120.0


class Cache(Informers):
    """Informers by kind.

    A kind that is asked for the first time is watched from then on; a read of it waits until it is synced.

    Args:
        transport: Sends the requests.
        namespaces: Watch these only; empty for all. Cluster-scoped kinds are watched whole in any case.
        sync_timeout: Seconds a read waits for a kind to be synced.
        streaming_list: See :class:`CacheOptions`.
        name: For logs, metrics and messages; empty for the manager's own.
        kind_informers: Those of the other caches that the same clients write to; by default there are no others.

    Raises:
        ConfigurationError: The namespaces are one string, whose characters would be watched.

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
        name: str = "",
        kind_informers: KindInformers | None = None,
    ) -> None:
        super().__init__(
            transport,
            namespaces=namespaces,
            streaming_list=streaming_list,
            name=name,
            kind_informers=kind_informers,
        )
        self._sync_timeout = sync_timeout
        self._doubtful_writes = DoubtfulWrites(transport)
        self.on_wait: Callable[[ResourceIdentity, float], None] | None = None

    async def wait_for_writes(self, informer: Informer[Any], keys: Sequence[ObjectKey]) -> None:
        """Wait until an informer has what this process wrote.

        Args:
            informer: Has the objects.
            keys: Which objects are missing, from `informer.own_writes`.

        Raises:
            APIConnectionError: Nothing came for ten seconds.
            APIError: The answer to a write was lost, and the API server could not be asked what is stored.
        """
        began = monotonic()
        while True:
            doubtful = [key for key in keys if informer.own_writes.in_doubt(key) is not None]
            if doubtful:
                await self._doubtful_writes.settle(informer, doubtful, WAIT_SECONDS)
            late = await informer.own_writes.wait(keys, WAIT_SECONDS)
            if late is not None or not any(informer.own_writes.in_doubt(key) for key in keys):
                break
        if self.on_wait is not None:
            self.on_wait(informer.identity, monotonic() - began)
        if late is not None:
            raise APIConnectionError(
                f"{informer.held_in} does not have the last write to {informer.identity} {late} "
                f"after {WAIT_SECONDS:g} s: {informer.last_error or 'its watch is late'}"
            )

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
            selectors = informer.scopes.described_in(key.namespace)
            limited = ""
            if selectors:
                limited = f" in {informer.held_in}, which holds {selectors} only; manager.api_reader reads all"
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
            reason = informer.last_error or (
                f"{self.described} does not run" if self._group is None else "no answer yet"
            )
            raise APIConnectionError(
                f"{informer.held_in} of {informer.identity} did not sync within {seconds:g} s: {reason}"
            ) from error
        finally:
            syncing.cancel()
