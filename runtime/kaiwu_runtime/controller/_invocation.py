"""One call of a reconciler: on the event loop or in a thread, within its timeout."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from types import CoroutineType
from typing import Any

from kaiwu_runtime import _fork as fork
from kaiwu_runtime._callback import take_back_cancellation
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.controller._blocking import BlockingDetector
from kaiwu_runtime.controller._decode_failures import DecodeFailureReporter
from kaiwu_runtime.controller._options import ControllerMetrics, ControllerOptions
from kaiwu_runtime.controller._reconciler import Reconciler
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.controller._threaded_client import ThreadedClient
from kaiwu_runtime.controller._threads import WorkerThreads

logger = logging.getLogger("kaiwu_runtime.controller.controller")


class Invocation:
    """Calls a reconciler.

    Args:
        name: The controller's, for the names of threads.
        reconciler: What to call.
        options: Has the timeout and the threshold of blocking.
        decode_failures: Removes the condition from an object that fits its type again; None where the reconciler
            reads the object itself.
        is_ending: Returns whether a worker that is cancelled has to end.

    Attributes:
        metrics: Counts timeouts; None without metrics.
        on_blocked: Called with a request and the seconds for which it blocked the event loop; None without.
    """

    __slots__ = (
        "_decode_failures",
        "_is_async",
        "_is_ending",
        "_options",
        "_reconciler",
        "_threads",
        "metrics",
        "on_blocked",
    )

    def __init__(
        self,
        name: str,
        reconciler: Reconciler,
        options: ControllerOptions,
        decode_failures: DecodeFailureReporter | None,
        is_ending: Callable[[], bool],
    ) -> None:
        self._is_ending = is_ending
        self._reconciler = reconciler
        self._options = options
        self._decode_failures = decode_failures
        self._threads = WorkerThreads(f"{name} reconciler")
        self._is_async = inspect.iscoroutinefunction(reconciler.reconcile)
        self.metrics: ControllerMetrics | None = None
        self.on_blocked: Callable[[Request, float], None] | None = None

    def bridge(self) -> None:
        """Let a reconciler that runs in a thread use what belongs to the event loop."""
        self._reconciler._event_loop = loop = asyncio.get_running_loop()  # noqa: SLF001 - set for its `wait`
        client = getattr(self._reconciler, "client", None)
        if not self._is_async and isinstance(client, Client) and not isinstance(client, ThreadedClient):
            self._reconciler.client = ThreadedClient(client, loop)

    async def reconcile(self, request: Request) -> Result | None:
        """Call the reconciler for a request, once the condition of an earlier decode failure is removed.

        Raises:
            TypeError: It returned neither a Result nor None.
            TimeoutError: It took longer than its timeout.
            Exception: What it raised.
        """
        if (
            self._decode_failures is not None
            and self._decode_failures.is_marked(request)
            and await self._decode_failures.unmark(request)
        ):
            return Result(requeue_after=0)  # until the cache has it too
        reconcile = self._reconciler.reconcile
        answer: Any = reconcile(request) if self._is_async else await self._in_thread(reconcile, request)
        if type(answer) is CoroutineType or inspect.isawaitable(answer):
            on_blocked = partial(self.on_blocked, request) if self.on_blocked is not None else None
            watched = BlockingDetector(answer, self._options.blocking_threshold, on_blocked)
            limit = self._options.reconcile_timeout
            answer = await (watched if limit is None else self._within(limit, watched))
        fork.leave_child()
        if answer is not None and not isinstance(answer, Result):
            raise TypeError(f"{self._reconciler.described}.reconcile returned {answer!r}; it must return a Result")
        return answer

    async def _within(self, limit: float, reconcile: Awaitable[Any]) -> Any:  # noqa: ANN401 - checked by the caller
        scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await reconcile
        except (TimeoutError, asyncio.CancelledError) as error:
            # CancelledError too: what asyncio.timeout raises when a TaskGroup in the reconcile has failed before.
            if not scope.expired():
                raise
            if self.metrics is not None:
                self.metrics.timed_out()
            raise TimeoutError(f"the reconcile took longer than its reconcile_timeout of {limit:g} s") from error

    async def _in_thread(self, reconcile: Callable[[Request], Any], request: Request) -> Any:  # noqa: ANN401
        # A thread, because a blocked event loop would stop every watch.
        running = self._threads.submit(reconcile, request)
        await self._until(running, self._options.reconcile_timeout)
        if not running.done():
            # It cannot be cancelled, and a second run beside it would break the promise of one run per object.
            logger.warning(
                "The reconcile takes longer than its reconcile_timeout; a thread cannot be cancelled, waiting for it",
                extra={"seconds": self._options.reconcile_timeout},
            )
            if self.metrics is not None:
                self.metrics.timed_out()
            await self._until(running, None)
        return running.result().get()

    async def _until(self, running: asyncio.Future[Any], seconds: float | None) -> None:
        """Wait for a thread; a worker that is cancelled by mistake too, as the thread works on the object."""
        while True:
            try:
                await asyncio.wait({running}, timeout=seconds)
            except asyncio.CancelledError:
                if self._is_ending():
                    raise
                await take_back_cancellation()
            else:
                return
