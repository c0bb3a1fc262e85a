"""The controller: events in, keys through the queue, reconciles out.

informer event -> predicates -> handler -> queue -> worker -> reconcile -> forget, requeue or back off
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kaiwu_runtime import _fork as fork
from kaiwu_runtime import _log as log
from kaiwu_runtime._callback import contained, is_delivered
from kaiwu_runtime._error_text import describe
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.controller import _failure as failure
from kaiwu_runtime.controller._blocking import BlockingDetector
from kaiwu_runtime.controller._decode_failures import DecodeFailureReporter
from kaiwu_runtime.controller._failure import OUTAGES, is_panic, meaning
from kaiwu_runtime.controller._reconciler import Reconciler
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.controller._source import ChannelSource, Source
from kaiwu_runtime.controller._threaded_client import ThreadedClient
from kaiwu_runtime.controller._threads import WorkerThreads
from kaiwu_runtime.errors import ConflictError, DecodeError, RetryAfter, TerminalError
from kaiwu_runtime.queue import QueueMetrics, QueueShutDown, RateLimiter, WorkQueue

logger = logging.getLogger("kaiwu_runtime.controller.controller")

_QUIET_CONFLICTS = 5
"""Maximum number of conflicts in a row that are not reported as an error."""

_STOP_SECONDS = 1.0
"""Seconds for a reconcile to end after its cancellation; one that ignores its cancellation is abandoned."""

_MOST_STACKS = 4096
"""Maximum number of requests whose last stack trace is remembered; logging one again is harmless."""


class MetricsRegistry(Protocol):
    """Holds the metrics of controllers."""

    def watch(self, controller: Controller) -> None:
        """Measure a controller and its queue."""


class ControllerMetrics(Protocol):
    """Observe every reconcile."""

    def started(self) -> None:
        """A worker begins."""

    def finished(self, result: str, seconds: float) -> None:
        """A worker is done; the result is ``success``, ``error``, ``requeue`` or ``requeue_after``."""

    def terminal(self) -> None:
        """A reconcile failed with a terminal error."""

    def panicked(self) -> None:
        """A reconcile raised an exception for a programming error; see :func:`failure.is_panic`."""

    def timed_out(self) -> None:
        """A reconcile was cancelled for its timeout."""


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """How a controller runs.

    Attributes:
        max_concurrent_reconciles: Number of workers; each works on another object.
        reconcile_timeout: Seconds after which a reconcile is cancelled and retried; None for no limit. A synchronous
            reconcile cannot be cancelled, so the controller waits for it.
        rate_limiter: Back-off of failed requests; default is client-go's.
        blocking_threshold: Seconds of blocking the event loop after which a warning names the object.
    """

    max_concurrent_reconciles: int = 1
    reconcile_timeout: float | None = None
    rate_limiter: RateLimiter | None = None
    blocking_threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.max_concurrent_reconciles < 1:
            raise ValueError(f"max_concurrent_reconciles is {self.max_concurrent_reconciles}; it must be 1 or more")


@dataclass(slots=True)
class Controller:
    """Runs one reconciler.

    Attributes:
        name: For logs and metrics; unique in a manager.
        reconciler: What to run.
        sources: The kinds that wake it.
        cache: Where they are watched.
        options: How it runs.
        channels: The channels that wake it.
        metrics: Hears of every reconcile.
        fence: Called before every reconcile; a leader that has lost its lease does not return from it.
        needs_leader: Whether it runs on the leader only.
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
    decode_failures: DecodeFailureReporter | None = None
    queue: WorkQueue[Request] = field(init=False)
    _workers: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _left_behind: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _stacks: dict[Request, int] = field(init=False, default_factory=dict)
    _threads: WorkerThreads = field(init=False)
    _is_async: bool = field(init=False)

    def __post_init__(self) -> None:
        self.queue = WorkQueue(self.options.rate_limiter)
        self._threads = WorkerThreads(f"{self.name} reconciler")
        self._is_async = inspect.iscoroutinefunction(self.reconciler.reconcile)

    def __str__(self) -> str:
        return self.reconciler.described

    def measure(self, metrics: MetricsRegistry) -> None:
        """Report to the metrics of a manager from now on."""
        metrics.watch(self)

    def observe(self, metrics: ControllerMetrics, queue_metrics: QueueMetrics) -> None:
        """Set the observer of reconciles and of the queue; called before the controller runs."""
        self.metrics = metrics
        self.queue.metrics = queue_metrics

    def informers(self) -> list[Informer]:
        """Return the informers of every source, so that a manager starts them before it waits for them."""
        return [source.informer(self.cache) for source in self.sources]

    async def run(self) -> None:
        """Wait until the cache has everything, then work until `stop`.

        Raises:
            APIConnectionError: The cache did not sync in time.
        """
        fields = {"controller": self.name}
        logger.info("Starting Controller", extra=fields)
        self._bridge()
        for source in self.sources:
            source.start(self.cache, self.queue.add, self.name)
        for informer in self.informers():
            await self.cache.wait_for(informer)
        for channel in self.channels:
            channel.start(self.queue.add, self.name)
        count = self.options.max_concurrent_reconciles
        logger.info("Starting workers", extra={**fields, "worker count": count})
        self._workers = [
            asyncio.create_task(self._work(), name=f"{self.name} worker {number}") for number in range(count)
        ]
        try:
            done, _ = await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            # Without a grace period: `stop` has given it, or the caller has no time.
            self.queue.shut_down()
            await self._cancel([worker for worker in self._workers if not worker.done()])
        for worker in done:
            if not worker.cancelled():
                worker.result()

    def _bridge(self) -> None:
        """Let a reconciler that runs in a thread use what belongs to the event loop."""
        self.reconciler._event_loop = loop = asyncio.get_running_loop()  # noqa: SLF001 - set for its `wait`
        client = getattr(self.reconciler, "client", None)
        if not self._is_async and isinstance(client, Client) and not isinstance(client, ThreadedClient):
            self.reconciler.client = ThreadedClient(client, loop)

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
        _, late = await asyncio.wait(busy, timeout=grace)
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
        while True:
            try:
                request = await self.queue.get()
            except QueueShutDown:
                return
            try:
                if self.fence is not None:
                    self.fence()
                await self._process(request)
            finally:
                self.queue.done(request)

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
                outcome = self._settle(request, await self._reconcile(request))
            except BaseException as error:
                if is_delivered(error):
                    raise  # the worker is being stopped; otherwise the reconciler awaited something that was
                fork.leave_child(error)
                told = await self._told(request, error)
                outcome = self._fail(request, error) if told is None else told
            finally:
                if self.metrics is not None:
                    self.metrics.finished(outcome, time.perf_counter() - began)

    async def _told(self, request: Request, error: BaseException) -> str | None:
        """Report an object that does not fit its type, and ignore it until it changes; None for any other failure."""
        decode_failures = self.decode_failures
        if decode_failures is None:
            return None
        found = next(
            (entry for entry in failure.find(error, DecodeError) if decode_failures.concerns(request, entry)), None
        )
        if found is None:
            return None
        if decode_failures.knows(request, found):
            self.queue.forget(request)
            return "error"
        try:
            told = await decode_failures.tell(request, found)
        except Exception:
            # A failed report must not end the worker.
            logger.exception("Cannot report an object that does not fit its type")
            return None
        if not told:
            self.queue.add_rate_limited(request)
            return "requeue"
        return self._fail(request, TerminalError(str(found)))

    def _fail(self, request: Request, error: BaseException) -> str:
        """Decide when a reconcile that raised is tried again, and log it once."""
        meant = meaning(error)
        if isinstance(meant, TerminalError):
            self.queue.forget(request)
            if self.metrics is not None:
                self.metrics.terminal()
            logger.error(
                "Reconciler error: not retried until the object changes",
                extra={"error": describe(error)},
                exc_info=self._stack(request, error) if error.__cause__ is not None else None,
            )
            return "error"
        if isinstance(meant, RetryAfter):
            return self._retry_after(request, meant)
        failures = self.queue.failures(request) + 1
        seconds = self.queue.add_rate_limited(request)
        if isinstance(meant, ConflictError) and failures <= _QUIET_CONFLICTS and not meant.is_ownership:
            # Another client wrote in between; the next try sees its write.
            logger.debug("The object changed in the meantime; retrying", extra={"error": describe(error)})
            return "requeue"
        if self.metrics is not None and is_panic(error):
            self.metrics.panicked()
        logger.error(
            "Reconciler error",
            extra={"error": describe(error), "failures": failures, "retry_in": f"{seconds:.3f}s"},
            exc_info=None if isinstance(meant, OUTAGES) else self._stack(request, error),
        )
        return "error"

    def _retry_after(self, request: Request, error: RetryAfter) -> str:
        seconds = error.seconds
        if seconds > 0:
            self.queue.forget(request)
            self.queue.add_after(request, seconds)
        else:
            seconds = self.queue.add_rate_limited(request)
        logger.info("Retrying later", extra={"reason": describe(error), "retry_in": f"{seconds:.3f}s"})
        return "requeue_after" if error.seconds > 0 else "requeue"

    def _stack(self, request: Request, error: BaseException) -> BaseException | None:
        """Return the error when its stack has to be shown: not when it is the one of the last try."""
        seen = failure.fingerprint(error)
        if self._stacks.get(request) == seen:
            return None
        if len(self._stacks) >= _MOST_STACKS:
            del self._stacks[next(iter(self._stacks))]
        self._stacks[request] = seen
        return contained(error)

    def _settle(self, request: Request, result: Result | None) -> str:
        if self._stacks:
            self._stacks.pop(request, None)
        if result is not None and result.seconds > 0:
            self.queue.forget(request)
            self.queue.add_after(request, result.seconds)
            return "requeue_after"
        if result is not None and result.requeue_after is not None:
            self.queue.add_rate_limited(request)
            return "requeue"
        self.queue.forget(request)
        return "success"

    async def _reconcile(self, request: Request) -> Result | None:
        if (
            self.decode_failures is not None
            and self.decode_failures.is_marked(request)
            and await self.decode_failures.unmark(request)
        ):
            return Result(requeue_after=0)  # until the cache has it too
        reconcile = self.reconciler.reconcile
        answer: Any = reconcile(request) if self._is_async else await self._in_thread(reconcile, request)
        if inspect.isawaitable(answer):
            watched = BlockingDetector(answer, self.options.blocking_threshold)
            limit = self.options.reconcile_timeout
            answer = await (watched if limit is None else self._within(limit, watched))
        fork.leave_child()
        if answer is not None and not isinstance(answer, Result):
            raise TypeError(f"{self.reconciler.described}.reconcile returned {answer!r}; it must return a Result")
        return answer

    async def _within(self, limit: float, reconcile: Awaitable[Any]) -> Any:  # noqa: ANN401 - checked by the caller
        scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await reconcile
        except TimeoutError as error:
            if not scope.expired():
                raise
            if self.metrics is not None:
                self.metrics.timed_out()
            raise TimeoutError(f"the reconcile took longer than its reconcile_timeout of {limit:g} s") from error

    async def _in_thread(self, reconcile: Callable[[Request], Any], request: Request) -> Any:  # noqa: ANN401
        # A thread, because a blocked event loop would stop every watch.
        running = self._threads.submit(reconcile, request)
        done, _ = await asyncio.wait({running}, timeout=self.options.reconcile_timeout)
        if not done:
            # It cannot be cancelled, and a second run beside it would break the promise of one run per object.
            logger.warning(
                "The reconcile takes longer than its reconcile_timeout; a thread cannot be cancelled, waiting for it",
                extra={"seconds": self.options.reconcile_timeout},
            )
            if self.metrics is not None:
                self.metrics.timed_out()
            await asyncio.wait({running})
        return running.result().get()
