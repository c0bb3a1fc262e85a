"""The client of a reconciler: reads come from the cache, writes go to the API server.

Right after a write the cache may still hold the state before it. That is safe for a level-based reconciler whose
writes are server-side apply with names it can compute: running again changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kaiwu_runtime.api._identity import ObjectKey, subresource_of
from kaiwu_runtime.client._client import Client

if TYPE_CHECKING:
    from kaiwu_runtime.cache._cache import Cache

T = TypeVar("T")


class CachedClient(Client):
    """Reads every kind from the cache, which starts to watch a kind when it is first asked for.

    Args:
        client: Sends the writes.
        cache: Answers the reads.
    """

    def __init__(self, client: Client, cache: Cache) -> None:
        super().__init__(
            client.transport,
            field_manager=client.field_manager,
            namespace=client.namespace,
            field_validation=client.field_validation,
        )
        self._cache = cache

    async def get(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T:
        """Return one object from the cache, as a copy that may be changed; see :class:`Reader`.

        Subresources are not cached: they are read from the API server.
        """
        if subresource_of(kind) is not None:  # type: ignore[arg-type]  # a class is hashable
            return await super().get(kind, name, namespace=namespace)
        return await self._cache.get(kind, name, namespace=namespace)

    async def list(
        self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[T]:
        """Return objects from the cache, as copies that may be changed; see :class:`Reader`."""
        return await self._cache.list(
            kind, namespace=namespace, label_selector=label_selector, field_selector=field_selector
        )
