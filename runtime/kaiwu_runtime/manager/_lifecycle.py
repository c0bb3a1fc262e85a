"""The life of a manager, from start to stop.

probes -> webhooks -> caches synced -> leadership -> workers
and back: workers, caches, leadership, webhooks, probes
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from kaiwu_runtime import _fork as fork
from kaiwu_runtime import _log as log
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.manager._cluster import Cluster
from kaiwu_runtime.manager._debug_signals import debug_signals
from kaiwu_runtime.manager._feature_gates import check_gates
from kaiwu_runtime.manager._last_resort import Deadline
from kaiwu_runtime.manager._log_level import LogLevel
from kaiwu_runtime.manager._options import OFF, ManagerOptions
from kaiwu_runtime.manager._process import report, run_to_the_end, unwrapped
from kaiwu_runtime.manager._runnable_group import RunnableGroup
from kaiwu_runtime.manager._signals import stop_on_signal
from kaiwu_runtime.manager._startup import unless_stopped, wait_until_synced
from kaiwu_runtime.manager._supervisor import Supervisor
from kaiwu_runtime.recorder import EventRecorder, EventSender
from kaiwu_runtime.serving._address import parse_address
from kaiwu_runtime.serving._probes import Probes

if TYPE_CHECKING:
    from kaiwu_runtime.manager._leader_election import LeaderElector
    from kaiwu_runtime.manager._runnable import Server
    from kaiwu_runtime.metrics._controllers import Metrics
    from kaiwu_runtime.metrics._server import MetricsServer

logger = logging.getLogger("kaiwu_runtime.manager.manager")

_END_SECONDS = 5.0
"""What tasks get to end once they are cancelled; the last events take up to two."""

_IDLE_SECONDS = 1.0
"""How long nothing happens at the end of a dry run."""

_LAST_SECONDS = 9.0
"""How long after the grace period a blocked event loop keeps the process: the kubelet would kill it a second later."""


class Lifecycle:
    """Starts and stops the servers, the cache, the leader election and the runnables of a manager.

    Args:
        options: The manager's options.
        cluster: The manager's clients and cache.
    """

    def __init__(self, options: ManagerOptions, cluster: Cluster) -> None:
        self.options = options
        self._cluster = cluster
        self._runnables = RunnableGroup()
        self._events = EventSender(lambda: cluster.api_reader)
        self._stop = asyncio.Event()
        self._stop_lock = threading.RLock()  # reentrant: a signal handler may call stop() in the middle of it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = False
        self._ready = False
        self._failure: ConfigurationError | None = None
        self.incomplete: list[object] = []
        self._deadline: Deadline | None = None
        self._ended_by: BaseException | None = None
        self._log_level = LogLevel(options.log_level)
        self.probes = _probes(options)
        self.elector: LeaderElector | None = None
        self.metrics: Metrics | None = None
        self.webhooks: Server | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the manager runs and every cache that a controller needs is synced; False again once it stops."""
        return self._ready

    @property
    def started(self) -> bool:
        """Whether `start` was called."""
        return self._started

    def check_leadership(self) -> None:
        """Return when this process may write; a process that has lost its leadership ends."""
        if self.elector is not None:
            self.elector.check()

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

    def describe(self) -> str:
        """Return what the manager is doing, as text: controllers and queues, caches, tasks and threads.

        It can be called in any thread. SIGUSR1 writes it to standard error.
        """
        from kaiwu_runtime.manager._state_dump import describe_state  # noqa: PLC0415 - while something is wrong

        leads = "no election" if self.elector is None else str(self.elector.is_leader).lower()
        summary = f"manager: ready={str(self._ready).lower()} leader={leads} log_level={self._log_level.name}"
        return describe_state(summary, self._runnables.controllers, self._cluster.caches.informers, self._loop)

    async def start(self) -> None:
        """Run until `stop` is called or something fails; `run` without signals and process-wide settings.

        A failure while the manager runs is logged at once; work in progress then gets its time, as after `stop`, and
        the failure is raised at the end. Cancelling the call ends everything without that time.

        Raises:
            ConfigurationError: A controller could not be set up, `complete` of a builder was not called, or there is
                no feature gate of a name that is set.
            APIError: The API server could not be used at the start.
            ExceptionGroup: Several things failed at the same time.
            RuntimeError: The manager ran before.
        """
        self._check_set_up()
        if self._started:
            raise RuntimeError("a manager runs once; make a new one")
        check_gates(self.options.feature_gates)  # not before: a controller's module may define one
        self._started = True
        with self._stop_lock:
            self._loop = asyncio.get_running_loop()
        with fork.operator():
            await self._serve()

    def _check_set_up(self) -> None:
        """Raise the first mistake in what `setup` and the builders were given."""
        if self._failure is not None:
            raise self._failure
        if self.incomplete:
            raise ConfigurationError(f"{self.incomplete[0]!r} does nothing: end it with .complete()")

    async def _serve(self) -> None:
        self.probes.add_readyz_check("caches", self._check_caches)
        webhooks = None if self.options.dry_run else self.webhooks
        if webhooks is not None:
            self.probes.add_readyz_check("webhook", webhooks.check)
        async with AsyncExitStack() as ending:
            ending.callback(self._runnables.close)
            ending.push_async_callback(self._cluster.close)
            ending.push_async_callback(self.probes.stop)
            await self.probes.start()
            server = self._metrics_server()
            if server is not None:
                ending.push_async_callback(server.stop)
                await unless_stopped(server.start(), self._stop)  # it may make a certificate
            if webhooks is not None:
                # Before the caches: their first list may need a conversion that only this process serves.
                ending.push_async_callback(webhooks.stop)
                await unless_stopped(webhooks.start(), self._stop)
            ending.push_async_callback(self._release)
            await self._run_everything()

    async def _release(self) -> None:
        if self.elector is not None:
            # After the workers: while a reconcile may still write, no other process must lead.
            await self.elector.release()

    async def _main(self) -> None:
        self._check_set_up()  # before anything that needs a loop in the main thread
        seconds = self.options.grace_period + _LAST_SECONDS
        self._deadline = Deadline(seconds, "The manager does not stop; ending the process")
        with stop_on_signal(self.stop, self._deadline, also=debug_signals(self.describe, self._log_level)):
            await self.start()

    async def _run_everything(self) -> None:
        # Every informer exists before the cache runs, so that all of them list at the same time.
        cache, caches = self._cluster.cache, self._cluster.caches
        informers = list(dict.fromkeys((*self._runnables.informers(), *caches.informers)))
        tasks = Supervisor(self._fail)
        caches.start(tasks)
        grace = 0.0
        events: list[asyncio.Task[None]] = []
        try:
            await wait_until_synced(cache, informers, self._stop)
            self._ready = not self._stop.is_set()
            if not self._stop.is_set():
                events.append(tasks.start(self._events.run(), "events"))
                self._runnables.start(tasks)
            await self._until_leader()
            if not self._stop.is_set():
                self._runnables.start_leader(tasks)
                if self.options.dry_run:
                    tasks.start(self._stop_when_idle(), "dry run")
            await self._stop.wait()
            grace = self.options.grace_period
        except Exception as error:  # noqa: BLE001 - raised at the end
            self._fail(error)
        finally:
            self._ready = False
            self._runnables.close()
            await self._end(tasks, events, grace)
        if self._ended_by is not None:
            raise self._ended_by
        logger.info("Stopped")

    async def _end(self, tasks: Supervisor, events: list[asyncio.Task[None]], grace: float) -> None:
        # A stack, from the last to the first: what is cancelled while it stops still has to stop everything.
        async with AsyncExitStack() as ending:
            ending.push_async_callback(tasks.cancel_all, _END_SECONDS)
            ending.push_async_callback(self._cluster.caches.stop, tasks, _END_SECONDS)
            # After the controllers: their last events are written too.
            ending.push_async_callback(tasks.cancel, events, _END_SECONDS)
            await self._runnables.stop(tasks, grace=grace, seconds=_END_SECONDS)

    async def _stop_when_idle(self) -> None:
        """Stop once every object has been reconciled, and nothing has come after it for a second."""
        idle = 0.0
        while idle < _IDLE_SECONDS:
            await asyncio.sleep(_IDLE_SECONDS / 10)
            idle = idle + _IDLE_SECONDS / 10 if self._runnables.is_idle else 0.0
        logger.info("Dry run complete")
        self._stop.set()

    def _fail(self, error: Exception) -> None:
        """Note what ends the manager, say so at once, and stop."""
        reason = unwrapped(error)
        if self._ended_by is None:
            self._ended_by = reason
        report(reason)
        if self._deadline is not None:
            self._deadline.start()
        self._stop.set()

    async def _until_leader(self) -> None:
        """Wait for the leadership where it is asked for, or until the manager is stopped."""
        options = self.options
        if not options.leader_elect or self._stop.is_set():
            return
        from kaiwu_runtime.manager._leader_election import LeaderElector, LeaseTimings  # noqa: PLC0415

        elector = LeaderElector(
            lambda: self._cluster.connect(self._loop),
            name=options.leader_election_id,
            namespace=options.leader_election_namespace or self._cluster.api_reader.namespace,
            timings=LeaseTimings(options.lease_duration, options.renew_deadline, options.retry_period),
        )
        self.elector = elector
        # A reconcile that was in progress when the process was paused goes on when it is resumed.
        self._cluster.fence(elector.check)
        if self.metrics is not None:
            self.metrics.leader.labels(options.leader_election_id).set_function(lambda: float(elector.is_leader))
        await unless_stopped(elector.acquire(), self._stop)
        if elector.is_leader:
            note = f"{elector.identity} became leader"
            recorder = EventRecorder(self._events, "leader-election")
            recorder.event(elector.lease, reason="LeaderElection", action="Acquire", note=note)

    def _metrics_server(self) -> MetricsServer | None:
        options, cluster = self.options, self._cluster
        if options.metrics_bind_address == OFF:
            return None
        from kaiwu_runtime.manager._metrics_setup import measure_manager, server_of  # noqa: PLC0415 - see there

        self.metrics = measure_manager(cluster, self._runnables, self.webhooks)
        return server_of(self.metrics, options, cluster, self.describe, self._log_level)

    def _check_caches(self) -> None:
        # Once ready it stays so until the stop: a kind that is first read later on must not take
        # the webhooks of this process out of service.
        if self._stop.is_set():
            raise APIConnectionError("stopping")
        # No Service sends conversions to a process that is not ready, and without them the caches may never sync.
        if not self._ready and not (self.webhooks is not None and self.webhooks.serves_conversions):
            informers = self._cluster.caches.informers
            waiting = [str(informer.identity) for informer in informers if not informer.has_synced]
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
