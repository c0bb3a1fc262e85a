"""What connects a manager to its cluster: a client of the API server, the caches, and clients that read from them.

See https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/cluster for the model it follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._cache_group import CacheGroup
from kaiwu_runtime.manager._options import OFF, ManagerOptions
from kaiwu_runtime.rest._fenced import FencedTransport, unfenced
from kaiwu_runtime.rest._forwarded import ForwardedTransport
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.rest._measured import MeasuredTransport
from kaiwu_runtime.rest._wrapper import layers

if TYPE_CHECKING:
    from kaiwu_runtime.metrics._controllers import Metrics


class Cluster:
    """Makes the clients and the caches when they are first used.

    Args:
        options: How to connect, and what to cache.
        client: A client to use instead of one for the options' kubeconfig.

    Attributes:
        caches: Every cache there is; none before the first one is used.
    """

    def __init__(self, options: ManagerOptions, client: Client | None) -> None:
        self._options = options
        self._given = client
        self._given_transport = client.transport if client is not None else None
        self._api_reader = self._prepared(client, measured=True) if client is not None else None
        self._client: CachedClient | None = None
        self._cache: Cache | None = None
        self._other_clients: dict[str, CachedClient] = {}
        self.caches = CacheGroup()

    @property
    def api_reader(self) -> Client:
        """Reads from and writes to the API server, past the cache.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        if self._api_reader is None:
            options = self._options
            self._api_reader = self._prepared(
                Client.connect(
                    options.kubeconfig or None, context=options.context, field_manager=options.field_manager
                ),
                measured=True,
            )
        return self._api_reader

    @property
    def cache(self) -> Cache:
        """The informers of every kind that is watched or read."""
        if self._cache is None:
            self._cache = self._new_cache("", self._options.namespaces, KindInformers())
            self.caches.add(self._cache)
        return self._cache

    def add_cache(self, name: str, namespaces: Sequence[str] | None) -> Cache:
        """Make another cache; see `Manager.add_cache`."""
        self.caches.check(name)
        if isinstance(namespaces, str):
            raise ConfigurationError(f"cache {name!r}: namespaces={namespaces!r}: use a list, [{namespaces!r}]")
        chosen = self._options.namespaces if namespaces is None else namespaces
        cache = self._new_cache(name, chosen, self.cache.kind_informers)
        self.caches.add(cache)
        return cache

    def client_for(self, cache: Cache) -> CachedClient:
        """Return the client that reads from a cache; see `Manager.client_for`."""
        if cache not in self.caches:
            raise ConfigurationError(f"the cache {cache.name!r} is not one of this manager: use manager.add_cache")
        if not cache.name:
            return self.client
        if cache.name not in self._other_clients:
            self._other_clients[cache.name] = self._new_client(cache)
        return self._other_clients[cache.name]

    def _new_client(self, cache: Cache) -> CachedClient:
        return CachedClient(self.api_reader, cache, observes=not self._options.dry_run)

    def _new_cache(self, name: str, namespaces: Sequence[str], kind_informers: KindInformers) -> Cache:
        options = self._options
        return Cache(
            self.api_reader.transport,
            namespaces=namespaces,
            sync_timeout=options.cache_sync_timeout,
            streaming_list=options.streaming_list,
            name=name,
            kind_informers=kind_informers,
        )

    @property
    def client(self) -> CachedClient:
        """Reads from the cache, writes to the API server."""
        if self._client is None:
            self._client = self._new_client(self.cache)
        return self._client

    def fence(self, check: Callable[[], None]) -> None:
        """Let a check run before every write of the clients: a process that has lost its leadership ends there."""

        def checked() -> None:
            if not unfenced.get():  # which requests of `connect` are, also where they go through this transport
                check()

        # The innermost one, so that nothing waits between it and the request; each chain has one: see _prepared.
        fenced = [each for each in layers(self.api_reader.transport) if hasattr(each, "fence")]
        fenced[-1].fence = checked

    def connect(self, loop: asyncio.AbstractEventLoop | None) -> Client:
        """Return another client for the same API server, whose writes are not fenced.

        Args:
            loop: The event loop of the client that the manager was given, for requests that have to go through it.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        given = self._given
        if given is None:
            return self._prepared(Client.connect(self._options.kubeconfig or None, context=self._options.context))
        other = given.reconnect()
        if other is not None:
            return self._prepared(other)
        forwarded = ForwardedTransport(self._given_transport or given.transport, loop)
        return self._prepared(Client(forwarded, field_manager=given.field_manager), fenced=False)

    async def close(self) -> None:
        """Close the connections of the clients."""
        if self._api_reader is not None:
            await self._api_reader.close()

    def measure(self, metrics: Metrics) -> None:
        """Count the requests of the clients, and measure them where that is asked for; measure the caches."""
        self.caches.measure(metrics)
        transport = self.api_reader.transport
        sending = next((each for each in layers(transport) if isinstance(each, HTTPTransport)), None)
        server = sending.server if sending is not None else str(getattr(transport, "server", ""))
        measured = next((each for each in layers(transport) if isinstance(each, MeasuredTransport)), None)
        if sending is not None:
            sending.on_response = metrics.client(server)
        elif measured is not None:
            measured.on_response = metrics.client(server)
        if measured is not None and self._options.metrics_request_latency:
            measured.on_duration = metrics.request_durations(server)

    def _prepared(self, client: Client, *, measured: bool = False, fenced: bool = True) -> Client:
        """Return a client with what the options wrap around its transport.

        Args:
            client: The client; its transport is replaced.
            measured: Whether its requests are counted.
            fenced: Whether a leader that has lost its lease must not write through it.
        """
        options = self._options
        transport = client.transport
        if fenced and options.leader_elect and not any(hasattr(each, "fence") for each in layers(transport)):
            transport = FencedTransport(transport)
        if options.kube_api_qps:
            from kaiwu_runtime.rest._rate_limited import RateLimitedTransport  # noqa: PLC0415 - off by default

            burst = options.kube_api_burst or max(1, round(2 * options.kube_api_qps))
            transport = RateLimitedTransport(transport, options.kube_api_qps, burst)
        if options.wrap_transport is not None:
            inner, transport = transport, options.wrap_transport(transport)
            if inner not in layers(transport) and fenced and options.leader_elect:
                transport = FencedTransport(transport)  # what it wraps cannot be reached
        counted = any(isinstance(each, HTTPTransport) for each in layers(transport))
        if measured and options.metrics_bind_address != OFF and (options.metrics_request_latency or not counted):
            transport = MeasuredTransport(transport)
        if options.dry_run:
            from kaiwu_runtime.manager._dry_run import DryRunTransport  # noqa: PLC0415 - few runs are dry

            transport = DryRunTransport(transport)
        client.transport = transport
        return client
