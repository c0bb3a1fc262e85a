"""A client that reads and writes only one namespace."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, identify, key_of, subresource_of
from kaiwu_runtime.client._client import Client

T = TypeVar("T")


class NamespacedClient(Client):
    """Reads and writes the namespaced kinds of one namespace, which need not be named; cluster-scoped kinds as ever.

    Objects without ``metadata.namespace`` are written to the namespace, and a list is a list of it.

    Args:
        client: Sends the requests; a client that reads from the cache is fine.
        namespace: The namespace.

    Raises:
        ValueError: The namespace is empty. The methods raise it for another namespace than the client's.
    """

    def __init__(self, client: Client, namespace: str) -> None:
        if not namespace:
            raise ValueError("NamespacedClient: the namespace is empty")
        super().__init__(
            client.transport,
            field_manager=client.field_manager,
            namespace=namespace,
            field_validation=client.field_validation,
        )
        self._reader = client
        self._own_applies = client._own_applies  # noqa: SLF001 - of the same class
        self._observer = client._observer  # noqa: SLF001 - of the same class
        self._skips_unchanged = client._skips_unchanged  # noqa: SLF001 - of the same class

    def namespace_for(self, identity: ResourceIdentity, namespace: str) -> str:
        """Return the client's namespace, for a namespaced kind.

        Raises:
            ValueError: The caller gave another one.
        """
        if not identity.namespaced:
            return ""
        if namespace not in {"", self.namespace}:
            raise ValueError(f"{identity.kind}: namespace {namespace!r} is not the client's, {self.namespace!r}")
        return self.namespace

    async def get(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T:
        """Return one object; see :class:`~kaiwu_runtime.client.Reader`."""
        namespace, name = key_of(name, namespace)
        return await self._reader.get(kind, name, namespace=self._place(kind, namespace))

    async def list(
        self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[T]:
        """Return the objects of the namespace that match; see :class:`~kaiwu_runtime.client.Reader`."""
        return await self._reader.list(
            kind,
            namespace=self._place(kind, namespace),
            label_selector=label_selector,
            field_selector=field_selector,
        )

    async def _versions(self, kind: type[Any], key: ObjectKey, read: str) -> Collection[str]:
        return await self._reader._versions(kind, key, read)  # noqa: SLF001 - of the same class

    def _remember(self, kind: type[Any], key: ObjectKey, version: str) -> None:
        self._reader._remember(kind, key, version)  # noqa: SLF001 - of the same class

    def _place(self, kind: type[T], namespace: str) -> str:
        subresource = subresource_of(kind)
        return self.namespace_for(identify(kind) if subresource is None else subresource.parent, namespace)
