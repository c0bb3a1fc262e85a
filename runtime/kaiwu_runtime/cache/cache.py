"""The cache: one informer per kind, shared by every controller and reader."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from kaiwu_runtime.api.identity import ObjectKey, identify
from kaiwu_runtime.cache.informer import Informer
from kaiwu_runtime.cache.object import CachedObject
from kaiwu_runtime.cache.reflector import Selection
from kaiwu_runtime.client.selector import label_selector as parse_label_selector
from kaiwu_runtime.client.transport import Transport
from kaiwu_runtime.errors import APIConnectionError, NotFoundError

T = TypeVar("T")

SYNC_SECONDS = 120.0

_FIELD = re.compile(r"metadata\.(?P<field>name|namespace)\s*==?\s*(?P<value>[^,=!]+)")


class Cache:
    """Informers by kind.

    A kind that is asked for the first time is watched from then on; a read of it waits until it is synced.

    Args:
        transport: Sends the requests.
        namespaces: Watch these only; empty for all. Cluster-scoped kinds are watched whole in any case.
        sync_timeout: Seconds a read waits for a kind to be synced.
    """

    def __init__(
        self, transport: Transport, *, namespaces: Sequence[str] = (), sync_timeout: float = SYNC_SECONDS
    ) -> None:
        self._transport = transport
        self._namespaces = tuple(dict.fromkeys(namespaces))
        self._sync_timeout = sync_timeout
        self._informers: dict[type[Any], Informer] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def informers(self) -> tuple[Informer, ...]:
        """The informers there are."""
        return tuple(self._informers.values())

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are watched; empty for all."""
        return self._namespaces

    def informer(self, kind: type[Any]) -> Informer:
        """Return the informer of a kind; the first call makes it, and starts it when the cache runs.

        Raises:
            TypeError: The type is no Kubernetes resource.
        """
        informer = self._informers.get(kind)
        if informer is None:
            namespaces = self._namespaces if identify(kind).namespaced else ()
            selections = [Selection(namespace=namespace) for namespace in namespaces or ("",)]
            informer = self._informers[kind] = Informer(self._transport, kind, selections)
            if self._group is not None:
                self._start(informer)
        return informer

    async def run(self) -> None:
        """Run every informer, those that are made later included, until cancelled.

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
        """Return when every informer there is has synced.

        Args:
            timeout: Seconds; default is the cache's own.

        Raises:
            APIConnectionError: They did not in time; the message says which and why.
        """
        for informer in self.informers:
            await self._wait(informer, self._sync_timeout if timeout is None else timeout)

    async def wait_for(self, informer: Informer) -> None:
        """Return when one informer has synced.

        Raises:
            APIConnectionError: It did not within the cache's time; the message says why.
        """
        if not informer.has_synced:
            await self._wait(informer, self._sync_timeout)

    async def get(self, kind: type[T], name: str, *, namespace: str = "") -> T:
        """Return a copy of one object; see :class:`~kaiwu_runtime.client.Reader`."""
        informer = await self._synced(kind)
        key = ObjectKey(namespace, name)
        found = informer.get(key)
        if found is None:
            identity = informer.identity
            resource = f"{identity.plural}.{identity.group}" if identity.group else identity.plural
            raise NotFoundError(
                f'{resource} "{name}" not found',
                code=404,
                reason="NotFound",
                details={"name": name, "group": identity.group, "kind": identity.plural},
            )
        return found.decode(kind)

    async def list(
        self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[T]:
        """Return copies of the objects that match; see :class:`~kaiwu_runtime.client.Reader`.

        Raises:
            ValueError: A selector is malformed, or selects by a field other than the object's name and namespace.
        """
        informer = await self._synced(kind)
        matches = parse_label_selector(label_selector)
        fields = _fields(field_selector)
        return [obj.decode(kind) for obj in informer.list(namespace) if matches(obj.labels) and _selected(obj, fields)]

    async def _synced(self, kind: type[Any]) -> Informer:
        informer = self.informer(kind)
        await self.wait_for(informer)
        return informer

    async def _wait(self, informer: Informer, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await informer.wait_for_sync()
        except TimeoutError as error:
            reason = informer.last_error or ("the cache does not run" if self._group is None else "no answer yet")
            raise APIConnectionError(
                f"the cache of {informer.identity} did not sync within {seconds:g} s: {reason}"
            ) from error

    def _start(self, informer: Informer) -> None:
        if self._group is not None:
            self._group.create_task(informer.run(), name=f"informer {informer.identity}")


def _fields(selector: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in selector.split(","))):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise ValueError(
                f"field selector {part!r}: the cache knows metadata.name= and metadata.namespace= only; "
                "use an index, or the uncached reader"
            )
        fields[match["field"]] = match["value"].strip()
    return fields


def _selected(obj: CachedObject, fields: dict[str, str]) -> bool:
    return all(getattr(obj.key, field) == value for field, value in fields.items())
