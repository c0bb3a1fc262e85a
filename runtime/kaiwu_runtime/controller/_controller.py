"""The controller: events in, keys through the queue, reconciles out.

informer event -> predicates -> handler -> queue -> worker -> reconcile -> forget, requeue or back off
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kaiwu_runtime import _clock as clock
from kaiwu_runtime import _fork as fork
from kaiwu_runtime import _log as log
from kaiwu_runtime._callback import forget_stack, is_delivered, take_back_cancellation
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.controller._decode_failures import DecodeFailureReporter
from kaiwu_runtime.controller._handler import MapFunction, enqueue_mapped, map_typed
from kaiwu_runtime.controller._invocation import Invocation
from kaiwu_runtime.controller._options import ControllerMetrics, ControllerOptions
from kaiwu_runtime.controller._outcome import OutcomeHandler
from kaiwu_runtime.controller._predicate import Filter, all_predicates
from kaiwu_runtime.controller._reconciler import Reconciler
from kaiwu_runtime.controller._request import Request, to_request
from kaiwu_runtime.controller._source import ChannelSource, Source
from kaiwu_runtime.errors import TerminalError
from kaiwu_runtime.queue import Priority, QueueMetrics, QueueShutDown, WorkQueue

logger = logging.getLogger("kaiwu_runtime.controller.controller")

_SHOWN = 20
"""How many requests in progress a description names."""

_TURN = 8
"""How many requests the workers take at most before everything else in the event loop runs: probes, watches, timers."""

_STOP_SECONDS = 1.0
"""Seconds for a reconcile to end after its cancellation; one that ignores its cancellation is abandoned."""


class MetricsRegistry(Protocol):
    """Holds the metrics of controllers."""

    def watch(self, controller: Controller) -> None:
        """Measure a controller and its queue."""


@dataclass(slots=True)
class Controller:
    """Runs one reconciler.

    Attributes:
        name: For logs and metrics; unique in a manager.
        reconciler: What to run.
        sources: The kinds that wake it.
        cache: Where they are watched, unless a source has its own.
        options: How it runs.
        channels: The channels that wake it.
        metrics: Hears of every reconcile.
        fence: Called before every reconcile; a leader that has lost its lease does not return from it.
        needs_leader: Whether it runs on the leader only.
        primary: The kind that it is for; None for a controller of no kind.
        decode_failures: Tells of objects that do not fit their type; None for a controller that is for no kind.
    """

    name: str
    reconciler: Reconciler
    sources: Sequence[Source]
    cache: Cache
    options: ControllerOptions = field(default_factory=ControllerOptions)
    channels: Sequence[ChannelSource[Any]] = ()
    metrics: ControllerMetrics | None = None
    fence: Callable[[], None] | None = None
    needs_leader: bool = True
    primary: type[Any] | None = None
    decode_failures: DecodeFailureReporter | None = None
    queue: WorkQueue[Request] = field(init=False)
    _namespaced: bool = field(init=False)
    _started: bool = field(init=False, default=False)
    _workers: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _left_behind: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _runner: asyncio.Task[Any] | None = field(init=False, default=None)
    _taken: int = field(init=False, default=0)
    _invocation: Invocation = field(init=False)
    _outcome: OutcomeHandler = field(init=False)

    def __post_init__(self) -> None:
        self.queue = WorkQueue(self.options.rate_limiter)
        self._namespaced = self.primary is None or identify(self.primary).namespaced
        self._invocation = Invocation(
            self.name, self.reconciler, self.options, self.decode_failures, is_ending=lambda: self._is_ending
        )
        self._outcome = OutcomeHandler(self.queue)
        self._invocation.metrics = self._outcome.metrics = self.metrics

    def __str__(self) -> str:
        return self.reconciler.described

    @property
    def is_idle(self) -> bool:
        """Whether it has begun, and no request waits or is worked on; one that waits for a time does not count."""
        return bool(self._workers) and not len(self.queue) and not self.queue.processing

    def describe(self) -> str:
        """Return a line about the queue and what is worked on."""
        queue = self.queue
        working = [f"{key} for {clock.monotonic() - since:.1f} s" for key, since in queue.in_progress()]
        shown = ", ".join(working[:_SHOWN]) + (" ..." if len(working) > _SHOWN else "")
        return (
            f"{self.name}: workers={len(self._workers)} waiting={len(queue)} later={queue.delayed} "
            f"working={len(working)}{f' ({shown})' if shown else ''}"
        )

    def measure(self, metrics: MetricsRegistry) -> None:
        """Report to the metrics of a manager from now on."""
        metrics.watch(self)

    def observe(self, metrics: ControllerMetrics, queue_metrics: QueueMetrics) -> None:
        """Set the observer of reconciles and of the queue; called before the controller runs."""
        self.metrics = self._invocation.metrics = self._outcome.metrics = metrics
        self.queue.metrics = queue_metrics

    def informers(self) -> list[Informer[Any]]:
        """Return the informers of every source, so that a manager starts them before it waits for them."""
        return [source.informer(self.cache) for source in self.sources]

    async def run(self) -> None:
        """Wait until the cache has everything, then work until `stop`.

        Raises:
            APIConnectionError: The cache did not sync in time.
            RuntimeError: A worker ended before `stop`.
        """
        self._runner = asyncio.current_task()
        fields = {"controller": self.name}
        logger.info("Starting Controller", extra=fields)
        self._invocation.bridge()
        self._started = True
        for source in self.sources:
            self._start_source(source)
        for source in self.sources:
            await source.cache_or(self.cache).wait_for(source.informer(self.cache))
        for channel in self.channels:
            channel.start(self._enqueue, self.name)
        count = self.options.max_concurrent_reconciles
        logger.info("Starting workers", extra={**fields, "worker count": count})
        self._workers = [
            asyncio.create_task(self._work(), name=f"{self.name} worker {number}") for number in range(count)
        ]
        early = False
        try:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
            early = not self.queue.shutting_down
            if not early:
                await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            # Without a grace period: `stop` has given it, or the caller has no time.
            self.queue.shut_down()
            await self._cancel([worker for worker in self._workers if not worker.done()])
        for worker in self._workers:
            if worker.done() and not worker.cancelled():
                worker.result()
        if early:
            raise RuntimeError(f"a worker of the controller {self.name!r} has ended")

    async def watch(
        self,
        kind: type[Any],
        function: MapFunction,
        *predicates: Filter,
        metadata_only: bool = False,
        cache: Cache | None = None,
    ) -> None:
        """Watch another kind from now on, while the controller runs or before; return when its cache has synced.

        After an exception, or a cancellation, it is not watched: call it again.

        Args:
            kind: A project's type or a lightkube kind; see `Cache.allow_absent` for one that may be absent.
            function: From an object to requests; see `ControllerBuilder.watches`.
            predicates: All must let a change through.
            metadata_only: Watch nothing but the objects' metadata.
            cache: Where the objects are watched; see `ControllerBuilder.for_`.

        Raises:
            ConfigurationError: It cannot sync without a change; the message names the change.
            APIConnectionError: It did not sync within the cache's timeout.
        """
        mapped = map_typed(kind, function, metadata_only=metadata_only)
        source = Source(kind, enqueue_mapped(mapped), all_predicates(predicates), metadata_only, cache)
        self.sources = [*self.sources, source]
        if not self._started:
            return
        stop = self._start_source(source)
        try:
            await source.cache_or(self.cache).wait_for(source.informer(self.cache))
        except BaseException:  # a reconcile that is cancelled or fails calls again, and must not be woken twice then
            stop()
            self.sources = [each for each in self.sources if each is not source]
            raise

    def _start_source(self, source: Source) -> Callable[[], None]:
        """Start a source, and return a function that stops it."""
        informer = source.informer(self.cache)
        handler = source.start(self.cache, self._enqueue, self.name)
        informer.add_availability_handler(self._reconcile_all)

        def stop() -> None:
            informer.remove_event_handler(handler)
            informer.remove_availability_handler(self._reconcile_all)

        return stop

    def _reconcile_all(self, _: bool) -> None:
        """Reconcile every object of the controller's kind: another kind has appeared, or is gone."""
        if self.primary is not None and self._started:
            informer = next(source for source in self.sources if source.kind is self.primary).informer(self.cache)
            for obj in informer.store:
                self._enqueue(obj.key, Priority.LOW)

    def _enqueue(self, request: Request, priority: Priority) -> None:
        """Add what an event caused: one key for each object, so that it is never reconciled twice at once.

        Raises:
            TypeError: It is not a request.
        """
        self.queue.add(to_request(request, namespaced=self._namespaced), priority)

    async def stop(self, grace: float) -> None:
        """Take no more requests, let the reconciles in progress finish, and cancel them after a while.

        Args:
            grace: Seconds they may take.
        """
        self.queue.shut_down()
        for channel in self.channels:
            channel.stop()
        busy = [worker for worker in self._workers if not worker.done()]
        if not busy:
            return
        try:
            _, late = await asyncio.wait(busy, timeout=grace)
        except asyncio.CancelledError:  # the manager has no time any more
            await self._cancel(busy)
            raise
        if late:
            logger.warning("Cancelled reconciles that did not finish in time", extra={"controller": self.name})
            await self._cancel(list(late))

    async def _cancel(self, workers: list[asyncio.Task[None]]) -> None:
        """Cancel workers, and leave those behind that do not end."""
        ending = [worker for worker in workers if worker not in self._left_behind]
        if not ending:
            return
        for worker in ending:
            worker.cancel()
        _, stuck = await asyncio.wait(ending, timeout=_STOP_SECONDS)
        if stuck:
            self._left_behind |= stuck
            logger.warning(
                "Cancelled reconciles do not end; abandoning them",
                extra={"controller": self.name, "reconciles": len(stuck)},
            )

    async def _work(self) -> None:
        worker = asyncio.current_task()
        assert worker is not None  # noqa: S101 - for mypy
        while True:
            try:
                self._taken += 1  # not a time: a test in virtual time runs in the same order each time
                if self._taken % _TURN == 0:
                    await asyncio.sleep(0)  # a reconciler that only reads from caches never returns to the loop
                request = await self.queue.get()
            except QueueShutDown:
                return
            except asyncio.CancelledError:
                if self._is_ending:
                    raise
                await take_back_cancellation()
                continue
            try:
                if self.fence is not None:
                    self.fence()
                await self._process(request)
            finally:
                self.queue.done(request)
            if worker.cancelling() and not self._is_ending:
                await take_back_cancellation()

    @property
    def _is_ending(self) -> bool:
        """Whether a worker that is cancelled has to end; otherwise its reconciler has cancelled it, by mistake."""
        return self.queue.shutting_down or self._runner is None or self._runner.cancelling() > 0

    async def _process(self, request: Request) -> None:
        """Reconcile one object and decide when to come back; whatever it raises ends here."""
        with log.bound(
            controller=self.name, namespace=request.namespace, name=request.name, reconcileID=log.Identifier()
        ):
            if self.metrics is not None:
                self.metrics.started()
            began = time.perf_counter()
            outcome = "error"
            try:
                outcome = self._outcome.settle(request, await self._invocation.reconcile(request))
            except BaseException as error:
                if is_delivered(error) and (self._is_ending or not isinstance(error, asyncio.CancelledError)):
                    raise  # the worker is being stopped; otherwise the reconciler awaited something that was
                fork.leave_child(error)
                if not self._is_ending:
                    await take_back_cancellation()  # a report of the failure has time limits
                reported = await self._reported(request, error)
                outcome = self._outcome.fail(request, error) if reported is None else reported
                forget_stack(error)
            finally:
                if self.metrics is not None:
                    self.metrics.finished(outcome, time.perf_counter() - began)

    async def _reported(self, request: Request, error: BaseException) -> str | None:
        """Report an object that does not fit its type, and ignore it until it changes; None for any other failure."""
        failures = self.decode_failures
        found = None if failures is None else failures.find(request, error)
        if failures is None or found is None:
            return None
        try:
            result = await failures.report(request, found)
        except TerminalError as terminal:
            return self._outcome.fail(request, terminal)
        except Exception:
            # A failed report must not end the worker.
            logger.exception("Cannot report an object that does not fit its type")
            return None
        outcome = self._outcome.settle(request, result)
        return "error" if result is None else outcome
