"""What connects a manager to its cluster: a client of the API server, the cache, and a client that reads from it.

See https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/cluster for the model it follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.manager._options import ManagerOptions
from kaiwu_runtime.rest._fenced import FencedTransport
from kaiwu_runtime.rest._forwarded import ForwardedTransport


class Cluster:
    """Makes the clients and the cache when they are first used.

    Args:
        options: How to connect, and what to cache.
        client: A client to use instead of one for the options' kubeconfig.
    """

    def __init__(self, options: ManagerOptions, client: Client | None) -> None:
        if client is not None and options.leader_elect and not hasattr(client.transport, "fence"):
            client.transport = FencedTransport(client.transport)
        self._options = options
        self._given = client
        self._api_reader = self._dry(client) if client is not None else None
        self._client: CachedClient | None = None
        self._cache: Cache | None = None

    @property
    def api_reader(self) -> Client:
        """Reads from and writes to the API server, past the cache.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        if self._api_reader is None:
            options = self._options
            self._api_reader = self._dry(
                Client.connect(options.kubeconfig or None, context=options.context, field_manager=options.field_manager)
            )
        return self._api_reader

    @property
    def cache(self) -> Cache:
        """The informers of every kind that is watched or read."""
        if self._cache is None:
            options = self._options
            self._cache = Cache(
                self.api_reader.transport,
                namespaces=options.namespaces,
                sync_timeout=options.cache_sync_timeout,
                streaming_list=options.streaming_list,
            )
        return self._cache

    @property
    def client(self) -> CachedClient:
        """Reads from the cache, writes to the API server."""
        if self._client is None:
            self._client = CachedClient(self.api_reader, self.cache)
        return self._client

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """The informers there are; none before the cache is first used."""
        return self._cache.informers if self._cache is not None else ()

    def fence(self, check: Callable[[], None]) -> None:
        """Let a check run before every write of the clients: a process that has lost its leadership ends there."""
        self.api_reader.transport.fence = check  # type: ignore[attr-defined]  # each transport has one: see __init__

    def connect(self, loop: asyncio.AbstractEventLoop | None) -> Client:
        """Return another client for the same API server, whose writes are not fenced.

        Args:
            loop: The event loop of the client that the manager was given, for requests that have to go through it.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        given = self._given
        if given is None:
            return self._dry(Client.connect(self._options.kubeconfig or None, context=self._options.context))
        other = given.reconnect()
        if other is not None:
            return self._dry(other)
        inner = given.transport.inner if isinstance(given.transport, FencedTransport) else given.transport
        return Client(ForwardedTransport(inner, loop), field_manager=given.field_manager)

    def _dry(self, client: Client) -> Client:
        """Return a client, whose writes are only checked in a dry run."""
        if self._options.dry_run:
            from kaiwu_runtime.manager._dry_run import DryRunTransport  # noqa: PLC0415 - few runs are dry

            client.transport = DryRunTransport(client.transport)
        return client
