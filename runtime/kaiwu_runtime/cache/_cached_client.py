"""The client of a reconciler: reads come from the cache, writes go to the API server.

An apply that would change nothing is not sent: see :mod:`~kaiwu_runtime.cache._applied_objects`.

A read waits until the cache has what this process wrote: see :mod:`~kaiwu_runtime.cache._own_writes`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeVar

from kaiwu_runtime.api._identity import ObjectKey, subresource_of
from kaiwu_runtime.cache._applied_objects import AppliedObjects
from kaiwu_runtime.cache._writes_to_informers import WritesToInformers
from kaiwu_runtime.client._client import Client

if TYPE_CHECKING:
    from kaiwu_runtime.cache._cache import Cache

T = TypeVar("T")

_MOST_APPLIED = 4096
"""Maximum number of objects whose last apply is remembered; without it, the next one may count as a change."""


class CachedClient(Client):
    """Reads every kind from the cache, which starts to watch a kind when it is first asked for.

    Args:
        client: Sends the writes.
        cache: Answers the reads.
        observes: Let reads wait for the writes; False in a dry run, which stores nothing.
    """

    def __init__(self, client: Client, cache: Cache, *, observes: bool = True) -> None:
        super().__init__(
            client.transport,
            field_manager=client.field_manager,
            namespace=client.namespace,
            field_validation=client.field_validation,
        )
        self._cache = cache
        # For both clients, and those of other caches: what one has written, the others must not take for unchanged.
        informers, applies = cache.kind_informers, client._own_applies  # noqa: SLF001 - of the same class
        if not isinstance(applies, AppliedObjects) or applies.finder is not informers:
            client._own_applies = AppliedObjects(informers)  # noqa: SLF001
            client._observer = WritesToInformers(informers) if observes else None  # noqa: SLF001
        self._own_applies, self._observer = client._own_applies, client._observer  # noqa: SLF001
        self._skips_unchanged = True
        self._applied_versions: dict[
            tuple[type[Any], ObjectKey], str
        ] = {}  # resourceVersions that the cache may not have yet

    async def get(
        self, kind: type[T], name: str | ObjectKey, *, namespace: str = "", wait_for_writes: bool = True
    ) -> T:
        """Return one object from the cache, as a copy that may be changed; see :class:`Reader`.

        Subresources are not cached: they are read from the API server.

        Args:
            kind: See :class:`Reader`.
            name: See :class:`Reader`.
            namespace: See :class:`Reader`.
            wait_for_writes: Wait until the cache has what this process wrote to the object.
        """
        if subresource_of(kind) is not None:
            return await super().get(kind, name, namespace=namespace)
        return await self._cache.get(kind, name, namespace=namespace, wait_for_writes=wait_for_writes)

    async def list(
        self,
        kind: type[T],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        wait_for_writes: bool = True,
    ) -> list[T]:
        """Return objects from the cache, as copies that may be changed; see :class:`Reader`.

        Args:
            kind: See :class:`Reader`.
            namespace: See :class:`Reader`.
            label_selector: See :class:`Reader`.
            field_selector: See :class:`Reader`.
            wait_for_writes: Wait until the cache has what this process wrote to objects of the kind and namespace.
        """
        return await self._cache.list(
            kind,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            wait_for_writes=wait_for_writes,
        )

    async def _versions(self, kind: type[Any], key: ObjectKey, read: str) -> Collection[str]:
        cached = self._cache.version_of(kind, key)
        if cached is None:
            return await super()._versions(kind, key, read)
        return {cached, read, self._applied_versions.get((kind, key), "")}

    def _remember(self, kind: type[Any], key: ObjectKey, version: str) -> None:
        self._applied_versions.pop((kind, key), None)
        if len(self._applied_versions) >= _MOST_APPLIED:
            del self._applied_versions[next(iter(self._applied_versions))]
        self._applied_versions[kind, key] = version
