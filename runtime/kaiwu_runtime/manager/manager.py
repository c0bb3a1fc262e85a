"""The manager: one client, one cache, and the controllers that share them, from start to stop.

    probes -> webhooks -> caches synced -> leadership -> workers
    and back: workers, caches, leadership, webhooks, probes

See https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/manager for the model it follows.
"""

from __future__ import annotations

import asyncio
import logging
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from kaiwu_runtime import log
from kaiwu_runtime.cache.cache import Cache
from kaiwu_runtime.client.cached import CachedClient
from kaiwu_runtime.client.client import Client
from kaiwu_runtime.client.http_transport import HTTPTransport
from kaiwu_runtime.controller.controller import Controller
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.event import EventRecorder, EventSender
from kaiwu_runtime.manager.discovery import find
from kaiwu_runtime.manager.options import OFF, ManagerOptions, parse_address
from kaiwu_runtime.manager.process import run_to_the_end
from kaiwu_runtime.manager.signals import stop_on_signal
from kaiwu_runtime.manager.startup import unless_stopped, wait_until_synced

if TYPE_CHECKING:
    from kaiwu_runtime.component import Component
    from kaiwu_runtime.manager.leader_election import LeaderElector
    from kaiwu_runtime.manager.metrics import Metrics
    from kaiwu_runtime.manager.metrics_server import MetricsServer
    from kaiwu_runtime.manager.probes import Probes
    from kaiwu_runtime.webhook.server import WebhookServer

logger = logging.getLogger(__name__)


class Runnable(Protocol):
    """Something that runs as long as the manager does."""

    async def run(self) -> None:
        """Run until cancelled; a return is fine, an exception ends the manager."""


class Manager:
    """Runs controllers.

    Args:
        options: How; default reads nothing but the environment's kubeconfig.
        client: Instead of one that the options lead to, for instance one on a
            :class:`~kaiwu_runtime.testing.FakeTransport`; closed when the manager stops.

    Attributes:
        webhooks: The server of :func:`~kaiwu_runtime.webhook.webhook_managed_by`; None while there are no webhooks.
    """

    def __init__(self, options: ManagerOptions | None = None, *, client: Client | None = None) -> None:
        self.options = options or ManagerOptions()
        self.logger = logger
        self._controllers: dict[str, Controller] = {}
        self._runnables: list[Runnable] = []
        self._events = EventSender(lambda: self.api_reader)
        self._stop = asyncio.Event()
        self._started = False
        self._ready = False
        self._failure: ConfigurationError | None = None
        self._api_reader = client
        self._client: CachedClient | None = None
        self._cache: Cache | None = None
        self.probes = _probes(self.options)
        self.elector: LeaderElector | None = None
        self.metrics: Metrics | None = None
        self.webhooks: WebhookServer | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the manager runs and every cache that a controller needs is synced; False again once it stops."""
        return self._ready

    @property
    def api_reader(self) -> Client:
        """Reads from and writes to the API server, past the cache.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        if self._api_reader is None:
            self._api_reader = Client.connect(
                self.options.kubeconfig or None,
                context=self.options.context,
                field_manager=self.options.field_manager,
            )
        return self._api_reader

    @property
    def cache(self) -> Cache:
        """The informers of every kind that is watched or read."""
        if self._cache is None:
            self._cache = Cache(
                self.api_reader.transport,
                namespaces=self.options.namespaces,
                sync_timeout=self.options.cache_sync_timeout,
                streaming_list=self.options.streaming_list,
            )
        return self._cache

    @property
    def client(self) -> CachedClient:
        """Reads from the cache, writes to the API server."""
        if self._client is None:
            self._client = CachedClient(self.api_reader, self.cache)
        return self._client

    def discover(self, *packages: ModuleType) -> None:
        """Set up every reconciler in the ``*_controller.py`` and every webhook in the ``*_webhook.py`` modules.

        A mistake in one of them is reported by `run`, as one line and status 1.

        Args:
            packages: For example ``controllers``, imported; packages below are searched too.
        """
        try:
            kinds = [kind for package in packages for kind in find(package)]
        except ConfigurationError as error:
            self._failure = self._failure or error
        else:
            self.setup(*kinds)

    def setup(self, *kinds: type[Component]) -> None:
        """Make reconcilers and webhooks, and let them build what they need.

        A mistake in one of them, or a missing kubeconfig, is reported by `run`, as one line and status 1.

        Args:
            kinds: Classes whose only argument is the client.
        """
        try:
            for kind in kinds:
                kind(self.client).setup_with_manager(self)
        except ConfigurationError as error:
            self._failure = self._failure or error

    def add_controller(self, controller: Controller) -> None:
        """Run a controller; :func:`~kaiwu_runtime.controller.controller_managed_by` calls this.

        Raises:
            ConfigurationError: There is one of that name.
        """
        if controller.name in self._controllers:
            raise ConfigurationError(
                f"two controllers are named {controller.name!r} "
                f"({type(self._controllers[controller.name].reconciler).__name__} and "
                f"{type(controller.reconciler).__name__}); give one another name with named()"
            )
        self._controllers[controller.name] = controller

    def add(self, runnable: Runnable) -> None:
        """Run something beside the controllers, once the caches are synced."""
        self._runnables.append(runnable)

    def event_recorder(self, name: str) -> EventRecorder:
        """Return a recorder of events that names a controller as their source.

        Raises:
            ValueError: The name is no name of a controller.
        """
        return EventRecorder(self._events, name)

    def stop(self) -> None:
        """Ask a running manager to stop, as SIGTERM does."""
        self._stop.set()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT and return the exit status of the process.

        Uses uvloop where it is installed.

        Returns:
            0 after an orderly stop; 1 when something failed, with the reason as one line in the log.
        """
        log.configure(level=self.options.log_level, format=self.options.log_format)
        return run_to_the_end(self._main)

    async def start(self) -> None:
        """Run until `stop` is called or something fails; `run` without signals and process-wide settings.

        Raises:
            ConfigurationError: A controller could not be set up.
            APIError: The API server could not be used at the start.
            RuntimeError: The manager ran before.
        """
        if self._failure is not None:
            raise self._failure
        if self._started:
            raise RuntimeError("a manager runs once; make a new one")
        self._started = True
        if self.probes is not None:
            self.probes.add_readyz_check("caches", self._check_caches)
            if self.webhooks is not None:
                self.probes.add_readyz_check("webhook", self.webhooks.check)
            await self.probes.start()
        server = self._metrics_server()
        try:
            if server is not None:
                await server.start()
            if self.webhooks is not None:
                # Before the caches: their first list may need a conversion that nobody but this process serves.
                await self.webhooks.start()
            await self._run_everything()
        finally:
            if self.elector is not None:
                # After the workers: while a reconcile may still write, nobody else must lead.
                await self.elector.release()
            if self.webhooks is not None:
                await self.webhooks.stop()
            if server is not None:
                await server.stop()
            if self.probes is not None:
                await self.probes.stop()
            await self.api_reader.close()

    async def _main(self) -> None:
        if self._failure is not None:
            raise self._failure  # before anything that needs a loop in the main thread
        with stop_on_signal(self.stop):
            await self.start()

    async def _run_everything(self) -> None:
        # Every informer exists before the cache runs, so that all of them list at the same time.
        informers = [
            informer for controller in self._controllers.values() for informer in controller.informers(self.cache)
        ]
        async with asyncio.TaskGroup() as group:
            caches = group.create_task(self.cache.run(), name="cache")
            await wait_until_synced(self.cache, informers, self._stop)
            self._ready = True
            await self._until_leader()
            running = [
                group.create_task(controller.run(self.cache), name=f"controller {controller.name}")
                for controller in ([] if self._stop.is_set() else self._controllers.values())
            ]
            events = group.create_task(self._events.run(), name="events")
            beside = [group.create_task(runnable.run(), name=type(runnable).__name__) for runnable in self._runnables]
            # A task of the group that fails cancels this wait, and with it everything else.
            await self._stop.wait()
            self._ready = False
            for task in beside:
                task.cancel()
            await asyncio.gather(
                *(controller.stop(self.options.grace_period) for controller in self._controllers.values())
            )
            for task in running:
                task.cancel()
            events.cancel()  # after the controllers: their last events are written too
            caches.cancel()
        logger.info("Stopped")

    async def _until_leader(self) -> None:
        """Wait for the leadership where it is asked for, or until the manager is stopped."""
        options = self.options
        if not options.leader_elect or self._stop.is_set():
            return
        from kaiwu_runtime.manager.leader_election import LeaderElector  # noqa: PLC0415

        elector = LeaderElector(
            lambda: Client.connect(options.kubeconfig or None, context=options.context),
            name=options.leader_election_id,
            namespace=options.leader_election_namespace or self.api_reader.namespace,
        )
        self.elector = elector
        if isinstance(self.api_reader.transport, HTTPTransport):
            # A reconcile that was in progress when the process was paused goes on when it is resumed.
            self.api_reader.transport.guard = elector.check
        for controller in self._controllers.values():
            controller.guard = elector.check
        if self.metrics is not None:
            self.metrics.leader.labels(options.leader_election_id).set_function(lambda: float(elector.is_leader))
        await unless_stopped(elector.acquire(), self._stop)
        if elector.is_leader:
            note = f"{elector.identity} became leader"
            recorder = self.event_recorder("leader-election")
            recorder.event(elector.lease, reason="LeaderElection", action="Acquire", note=note)

    def _metrics_server(self) -> MetricsServer | None:
        options = self.options
        if options.metrics_bind_address == OFF:
            return None
        # Imported here: nobody who serves no metrics pays for them.
        from kaiwu_runtime.manager.metrics import Metrics  # noqa: PLC0415
        from kaiwu_runtime.manager.metrics_server import metrics_server  # noqa: PLC0415

        self.metrics = Metrics()
        if isinstance(self.api_reader.transport, HTTPTransport):
            self.api_reader.transport.on_answer = self.metrics.client(self.api_reader.transport.server)
        for controller in self._controllers.values():
            self.metrics.watch(controller)
        if self.webhooks is not None:
            self.webhooks.measure(self.metrics.registry)
        return metrics_server(options, self.metrics.registry, self.api_reader)

    def _check_caches(self) -> None:
        # Once ready it stays so until the stop: a kind that is read for the first time later on is no reason to take
        # the webhooks of this process out of service.
        if self._stop.is_set():
            raise APIConnectionError("stopping")
        # No Service sends conversions to a process that is not ready, and without them the caches may never sync.
        if not self._ready and not (self.webhooks is not None and self.webhooks.conversions):
            waiting = [str(informer.identity) for informer in self.cache.informers if not informer.has_synced]
            raise APIConnectionError(f"not synced: {', '.join(waiting) or 'not started'}")


def _probes(options: ManagerOptions) -> Probes | None:
    if options.health_probe_bind_address == OFF:
        return None
    from kaiwu_runtime.manager.probes import Probes  # noqa: PLC0415 - an HTTP server, for those who want one

    return Probes(*parse_address(options.health_probe_bind_address, "--health-probe-bind-address"))
