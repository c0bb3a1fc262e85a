"""What connects a manager to its cluster: a client of the API server, the cache, and a client that reads from it.

See https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/cluster for the model it follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.manager._options import OFF, ManagerOptions
from kaiwu_runtime.rest._fenced import FencedTransport
from kaiwu_runtime.rest._forwarded import ForwardedTransport
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.rest._measured import MeasuredTransport
from kaiwu_runtime.rest._wrapper import layers

if TYPE_CHECKING:
    from kaiwu_runtime.metrics._controllers import Metrics


class Cluster:
    """Makes the clients and the cache when they are first used.

    Args:
        options: How to connect, and what to cache.
        client: A client to use instead of one for the options' kubeconfig.
    """

    def __init__(self, options: ManagerOptions, client: Client | None) -> None:
        self._options = options
        self._given = client
        self._given_transport = client.transport if client is not None else None
        self._api_reader = self._prepared(client, measured=True) if client is not None else None
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
        # The innermost one, so that nothing waits between it and the request; each chain has one: see _prepared.
        fenced = [each for each in layers(self.api_reader.transport) if hasattr(each, "fence")]
        fenced[-1].fence = check

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

    def measure(self, metrics: Metrics) -> None:
        """Count the requests of the clients, and measure them where that is asked for."""
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
