"""The manager: one client, one cache, and the controllers that share them, from start to stop.

    probes -> webhooks -> caches synced -> leadership -> workers
    and back: workers, caches, leadership, webhooks, probes

See https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/manager for the model it follows.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

from kaiwu_runtime import _fork as fork
from kaiwu_runtime import _log as log
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.manager._constructor import construct, own_values
from kaiwu_runtime.manager._discovery import find
from kaiwu_runtime.manager._last_resort import Deadline
from kaiwu_runtime.manager._options import OFF, ManagerOptions
from kaiwu_runtime.manager._process import report, run_to_the_end, unwrapped
from kaiwu_runtime.manager._signals import stop_on_signal
from kaiwu_runtime.manager._startup import unless_stopped, wait_until_synced
from kaiwu_runtime.manager._supervisor import Supervisor
from kaiwu_runtime.recorder import EventRecorder, EventSender
from kaiwu_runtime.rest._fenced import FencedTransport
from kaiwu_runtime.rest._forwarded import ForwardedTransport
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.serving._address import parse_address
from kaiwu_runtime.serving._probes import Check, Probes

if TYPE_CHECKING:
    from kaiwu_runtime.manager._leader_election import LeaderElector
    from kaiwu_runtime.manager._runnable import Component, ManagedRunnable, Runnable, Server
    from kaiwu_runtime.metrics._controllers import Metrics
    from kaiwu_runtime.metrics._server import MetricsServer

logger = logging.getLogger("kaiwu_runtime.manager.manager")

T = TypeVar("T")

_END_SECONDS = 5.0
"""What tasks get to end once they are cancelled; the last events take up to two."""

_LAST_SECONDS = 9.0
"""How long after the grace period a blocked event loop keeps the process: the kubelet would kill it a second later."""


class Manager:
    """Run controllers and webhooks.

    Args:
        options: The options; by default only the environment's kubeconfig is read.
        client: A client to use instead of one for the options' kubeconfig, for instance one on a
            :class:`~kaiwu_runtime.testing.FakeTransport`; closed when the manager stops. It is used for the Lease and
            the webhooks' certificates too, and with leader election its writes are fenced: a `fence` is set on its
            transport, which is wrapped where it has no such attribute.

    Attributes:
        probes: The checks behind /healthz and /readyz, whether they are served or not.
        webhooks: The server of :func:`~kaiwu_runtime.webhook.webhook_managed_by`; None while there are no webhooks.
    """

    def __init__(self, options: ManagerOptions | None = None, *, client: Client | None = None) -> None:
        self.options = options or ManagerOptions()
        self._values = own_values(self)
        self.logger = logger
        self._controllers: dict[str, ManagedRunnable] = {}
        self._runnables: list[tuple[Runnable, bool]] = []
        self._events = EventSender(lambda: self.api_reader)
        self._stop = asyncio.Event()
        self._stop_lock = threading.RLock()  # reentrant: a signal handler may call stop() in the middle of it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = False
        self._ready = False
        self._leads = False
        self._stopping = False
        self._tasks: Supervisor | None = None
        self._beside: list[asyncio.Task[None]] = []
        self._failure: ConfigurationError | None = None
        self._deadline: Deadline | None = None
        self._ended_by: BaseException | None = None
        if client is not None and self.options.leader_elect and not hasattr(client.transport, "fence"):
            client.transport = FencedTransport(client.transport)
        self._given = client
        self._api_reader = client
        self._client: CachedClient | None = None
        self._cache: Cache | None = None
        self.probes = _probes(self.options)
        self.elector: LeaderElector | None = None
        self.metrics: Metrics | None = None
        self.webhooks: Server | None = None

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

        `run` reports an error in one of them, as one line and status 1.

        Args:
            packages: For example ``controllers``, imported; packages below are searched too.
        """
        try:
            kinds = [kind for package in packages for kind in find(package)]
        except ConfigurationError as error:
            self._set_up_failed(error)
        else:
            self.setup(*kinds)

    def setup(self, *kinds: type[Component]) -> None:
        """Create reconcilers and webhooks, and let them build their controllers and handlers.

        A mistake in one of them, or a missing kubeconfig, is reported by `run`, as one line and status 1.

        Args:
            kinds: Classes whose constructors take what the manager has: by their annotations Client, Reader (past the
                cache), Cache, EventRecorder, Clock, Manager, and the types of `provide`.

        Raises:
            ConfigurationError: A mistake in one of them, when the manager runs already.
        """
        try:
            for kind in kinds:
                construct(kind, self._values).setup_with_manager(self)
        except ConfigurationError as error:
            self._set_up_failed(error)

    def provide(self, kind: type[T], value: T) -> None:
        """Provide a value for constructor parameters of a type; call it before `discover` and `setup`.

        ``manager.provide(Registry, registry)`` gives it to ``def __init__(self, client: Client, registry: Registry)``.

        Args:
            kind: The type that parameters are annotated with.
            value: The value, the same for each class. A value for Client, Clock and the like replaces that of the
                manager.
        """
        self._values[kind] = lambda _: value

    def add_controller(self, controller: ManagedRunnable) -> None:
        """Run a controller; :func:`~kaiwu_runtime.controller.controller_managed_by` calls this.

        One that is added while the manager runs is started at once.

        Raises:
            ConfigurationError: There is one of that name, or the manager has stopped.
        """
        self._refuse_after_stop(f"the controller {controller.name!r}")
        if controller.name in self._controllers:
            raise ConfigurationError(
                f"two controllers are named {controller.name!r} "
                f"({self._controllers[controller.name]} and {controller}); give one another name with named()"
            )
        self._controllers[controller.name] = controller
        if self.metrics is not None:
            controller.measure(self.metrics)
        if self._is_started(controller.needs_leader) and self._tasks is not None:
            self._run_controller(self._tasks, controller)

    def add(self, runnable: Runnable, *, leader_only: bool = True) -> None:
        """Add a runnable, which runs once the caches are synced; at once if the manager runs already.

        Args:
            runnable: The runnable.
            leader_only: Wait for the leadership if leader election is enabled; False: run on every replica.

        Raises:
            ConfigurationError: The manager has stopped.
        """
        self._refuse_after_stop(type(runnable).__name__)
        self._runnables.append((runnable, leader_only))
        if self._is_started(leader_only) and self._tasks is not None:
            self._run_beside(self._tasks, runnable)

    def check_leadership(self) -> None:
        """Return when this process may write; a process that has lost its leadership ends."""
        if self.elector is not None:
            self.elector.check()

    def add_healthz_check(self, name: str, check: Check) -> None:
        """Add a check of liveness, whether probes are served or not; see `Probes.add_healthz_check`."""
        self.probes.add_healthz_check(name, check)

    def add_readyz_check(self, name: str, check: Check) -> None:
        """Add a check of readiness, whether probes are served or not; see `Probes.add_readyz_check`."""
        self.probes.add_readyz_check(name, check)

    @property
    def started(self) -> bool:
        """Whether `start` was called."""
        return self._started

    def connect(self) -> Client:
        """Return another client for the same API server, which may be used in another event loop.

        Its writes are not fenced, and it has to be closed. The client that the manager was given is asked for another
        of its kind; where that has no credentials to connect with, requests go through it and the manager's event loop.

        Raises:
            ConfigurationError: There is no usable kubeconfig.
        """
        if self._given is None:
            return Client.connect(self.options.kubeconfig or None, context=self.options.context)
        other = self._given.reconnect()
        if other is not None:
            return other
        transport = self._given.transport
        inner = transport.inner if isinstance(transport, FencedTransport) else transport
        return Client(ForwardedTransport(inner, self._loop), field_manager=self._given.field_manager)

    def event_recorder(self, name: str) -> EventRecorder:
        """Return a recorder of events that names a controller as their source.

        Raises:
            ValueError: The name is not a valid controller name.
        """
        return EventRecorder(self._events, name)

    def stop(self) -> None:
        """Ask a running manager to stop, as SIGTERM does; from any thread, and from a signal handler."""
        with self._stop_lock:
            loop = self._loop
            if loop is None:
                self._stop.set()
                return
        if _is_running_here(loop):
            self._stop.set()
        with suppress(RuntimeError):  # the loop is closed: it has stopped
            # Also from the loop's own thread: a signal handler runs there while the loop sleeps.
            loop.call_soon_threadsafe(self._stop.set)

    def run(self) -> int:
        """Run until SIGTERM or SIGINT and return the exit status of the process.

        Uses uvloop where it is installed.

        Returns:
            0 after an orderly stop; 1 after a failure, with the reason as one line in the log.
        """
        log.configure(level=self.options.log_level, format=self.options.log_format)
        return run_to_the_end(self._main, is_reported=lambda error: error is self._ended_by)

    async def start(self) -> None:
        """Run until `stop` is called or something fails; `run` without signals and process-wide settings.

        A failure while the manager runs is logged at once; work in progress then gets its time, as after `stop`, and
        the failure is raised at the end. Cancelling the call ends everything without that time.

        Raises:
            ConfigurationError: A controller could not be set up.
            APIError: The API server could not be used at the start.
            ExceptionGroup: Several things failed at the same time.
            RuntimeError: The manager ran before.
        """
        if self._failure is not None:
            raise self._failure
        if self._started:
            raise RuntimeError("a manager runs once; make a new one")
        self._started = True
        with self._stop_lock:
            self._loop = asyncio.get_running_loop()
        with fork.operator():
            await self._serve()

    async def _serve(self) -> None:
        self.probes.add_readyz_check("caches", self._check_caches)
        if self.webhooks is not None:
            self.probes.add_readyz_check("webhook", self.webhooks.check)
        await self.probes.start()
        server = self._metrics_server()
        try:
            if server is not None:
                await server.start()
            if self.webhooks is not None:
                # Before the caches: their first list may need a conversion that only this process serves.
                await self.webhooks.start()
            await self._run_everything()
        finally:
            self._stopping = True
            if self.elector is not None:
                # After the workers: while a reconcile may still write, no other process must lead.
                await self.elector.release()
            if self.webhooks is not None:
                await self.webhooks.stop()
            if server is not None:
                await server.stop()
            await self.probes.stop()
            await self.api_reader.close()

    async def _main(self) -> None:
        if self._failure is not None:
            raise self._failure  # before anything that needs a loop in the main thread
        seconds = self.options.grace_period + _LAST_SECONDS
        self._deadline = Deadline(seconds, "The manager does not stop; ending the process")
        with stop_on_signal(self.stop, self._deadline):
            await self.start()

    async def _run_everything(self) -> None:
        # Every informer exists before the cache runs, so that all of them list at the same time.
        informers = [informer for controller in self._controllers.values() for informer in controller.informers()]
        tasks = Supervisor(self._fail)
        caches = tasks.start(self.cache.run(), "cache")
        grace = 0.0
        events: list[asyncio.Task[None]] = []
        try:
            await wait_until_synced(self.cache, informers, self._stop)
            self._ready = not self._stop.is_set()
            self._tasks = tasks
            if not self._stop.is_set():
                events.append(tasks.start(self._events.run(), "events"))
                self._run_all(tasks, needs_leader=False)
            await self._until_leader()
            if not self._stop.is_set():
                self._leads = True
                self._run_all(tasks, needs_leader=True)
            await self._stop.wait()
            grace = self.options.grace_period
        except Exception as error:  # noqa: BLE001 - raised at the end
            self._fail(error)
        finally:
            self._ready, self._leads, self._stopping, self._tasks = False, False, True, None
            await self._end(tasks, caches, events, grace)
        if self._ended_by is not None:
            raise self._ended_by
        logger.info("Stopped")

    def _run_all(self, tasks: Supervisor, *, needs_leader: bool) -> None:
        for controller in self._controllers.values():
            if controller.needs_leader == needs_leader:
                self._run_controller(tasks, controller)
        for runnable, leader_only in self._runnables:
            if leader_only == needs_leader:
                self._run_beside(tasks, runnable)

    def _is_started(self, needs_leader: bool) -> bool:
        """Whether the others of its sort are started already, where the manager runs."""
        return self._leads or not needs_leader

    def _run_controller(self, tasks: Supervisor, controller: ManagedRunnable) -> None:
        tasks.start(controller.run(), f"controller {controller.name}")

    def _run_beside(self, tasks: Supervisor, runnable: Runnable) -> None:
        self._beside.append(tasks.start(runnable.run(), type(runnable).__name__))

    async def _end(
        self, tasks: Supervisor, caches: asyncio.Task[None], events: list[asyncio.Task[None]], grace: float
    ) -> None:
        beside = asyncio.ensure_future(tasks.cancel(self._beside, grace + _END_SECONDS))
        await asyncio.gather(*(controller.stop(grace) for controller in self._controllers.values()))
        await beside
        await tasks.cancel(events, _END_SECONDS)  # after the controllers: their last events are written too
        await tasks.cancel([caches], _END_SECONDS)
        await tasks.cancel_all(_END_SECONDS)

    def _fail(self, error: Exception) -> None:
        """Note what ends the manager, say so at once, and stop."""
        reason = unwrapped(error)
        if self._ended_by is None:
            self._ended_by = reason
        report(reason)
        if self._deadline is not None:
            self._deadline.start()
        self._stop.set()

    def _set_up_failed(self, error: ConfigurationError) -> None:
        if self._started:
            raise error  # `start` has looked for a failure already
        self._failure = self._failure or error

    def _refuse_after_stop(self, what: str) -> None:
        if self._stopping:
            raise ConfigurationError(f"{what} cannot be added: the manager has stopped")

    async def _until_leader(self) -> None:
        """Wait for the leadership where it is asked for, or until the manager is stopped."""
        options = self.options
        if not options.leader_elect or self._stop.is_set():
            return
        from kaiwu_runtime.manager._leader_election import LeaderElector, LeaseTimings  # noqa: PLC0415

        elector = LeaderElector(
            self.connect,
            name=options.leader_election_id,
            namespace=options.leader_election_namespace or self.api_reader.namespace,
            timings=LeaseTimings(options.lease_duration, options.renew_deadline, options.retry_period),
        )
        self.elector = elector
        # A reconcile that was in progress when the process was paused goes on when it is resumed.
        self.api_reader.transport.fence = elector.check  # type: ignore[attr-defined]  # see __init__
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
        # Imported here: a manager without metrics does not pay for them.
        from kaiwu_runtime.metrics._controllers import Metrics  # noqa: PLC0415
        from kaiwu_runtime.metrics._server import metrics_server  # noqa: PLC0415

        self.metrics = Metrics()
        if isinstance(self.api_reader.transport, HTTPTransport):
            self.api_reader.transport.on_response = self.metrics.client(self.api_reader.transport.server)
        for controller in self._controllers.values():
            controller.measure(self.metrics)
        if self.webhooks is not None:
            self.webhooks.measure(self.metrics)
        server = metrics_server(
            options.metrics_bind_address,
            self.metrics.registry,
            self.api_reader,
            secure=options.metrics_secure,
            folder=Path(options.metrics_cert_path) if options.metrics_cert_path else None,
        )
        if server.certificate is not None:
            server.certificate.on_read = self.metrics.certificate_read
        return server

    def _check_caches(self) -> None:
        # Once ready it stays so until the stop: a kind that is first read later on must not take
        # the webhooks of this process out of service.
        if self._stop.is_set():
            raise APIConnectionError("stopping")
        # No Service sends conversions to a process that is not ready, and without them the caches may never sync.
        if not self._ready and not (self.webhooks is not None and self.webhooks.serves_conversions):
            waiting = [str(informer.identity) for informer in self.cache.informers if not informer.has_synced]
            raise APIConnectionError(f"not synced: {', '.join(waiting) or 'not started'}")


def _probes(options: ManagerOptions) -> Probes:
    address = options.health_probe_bind_address
    if address == OFF:
        return Probes(served=False)
    return Probes(*parse_address(address, "--health-probe-bind-address"))


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
