"""What follows from a reconcile: the request is forgotten, added again after a time, or retried with back-off."""

from __future__ import annotations

import logging

from kaiwu_runtime._callback import contained
from kaiwu_runtime._error_text import describe
from kaiwu_runtime.controller._failure import fingerprint, is_from_server, is_panic, meaning
from kaiwu_runtime.controller._options import ControllerMetrics
from kaiwu_runtime.controller._request import Request, Result
from kaiwu_runtime.errors import ConflictError, RetryAfter, TerminalError
from kaiwu_runtime.queue import WorkQueue

logger = logging.getLogger("kaiwu_runtime.controller.controller")

_QUIET_CONFLICTS = 5
"""Maximum number of conflicts in a row that are not reported as an error."""

_MOST_STACKS = 4096
"""Maximum number of requests whose last stack trace is remembered; logging one again is harmless."""


class OutcomeHandler:
    """Tells the queue what follows from a reconcile, and logs failures.

    Args:
        queue: Holds the requests.

    Attributes:
        metrics: Counts terminal errors and panics; None without metrics.
    """

    __slots__ = ("_failures", "_queue", "_stacks", "metrics")

    def __init__(self, queue: WorkQueue[Request]) -> None:
        self._queue = queue
        self._stacks: dict[Request, int] = {}
        self._failures: dict[Request, int] = {}  # in a row; not the rate limiter's count, which may be none
        self.metrics: ControllerMetrics | None = None

    def settle(self, request: Request, result: Result | None) -> str:
        """Forget a request or add it again, as its reconcile returned; return the result for the metrics."""
        if self._stacks:
            self._stacks.pop(request, None)
        if self._failures:
            self._failures.pop(request, None)
        if result is not None and result.seconds > 0:
            self._queue.forget(request)
            self._queue.add_after(request, result.seconds)
            return "requeue_after"
        if result is not None and result.requeue_after is not None:
            self._queue.add_rate_limited(request)
            return "requeue"
        self._queue.forget(request)
        return "success"

    def fail(self, request: Request, error: BaseException) -> str:
        """Decide when a reconcile that raised is tried again, and log it once; return the result for the metrics."""
        meant = meaning(error)
        if isinstance(meant, TerminalError):
            self._failures.pop(request, None)
            self._queue.forget(request)
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
        failures = self._failures[request] = self._failures.get(request, 0) + 1
        seconds = self._queue.add_rate_limited(request)
        if isinstance(meant, ConflictError) and failures <= _QUIET_CONFLICTS and not meant.is_ownership:
            # Another client wrote in between; the next try sees its write.
            logger.debug("The object changed in the meantime; retrying", extra={"error": describe(error)})
            return "requeue"
        if self.metrics is not None and is_panic(error):
            self.metrics.panicked()
        logger.error(
            "Reconciler error",
            extra={"error": describe(error), "failures": failures, "retry_in": f"{seconds:.3f}s"},
            exc_info=None if is_from_server(meant) else self._stack(request, error),
        )
        return "error"

    def _retry_after(self, request: Request, error: RetryAfter) -> str:
        self._failures.pop(request, None)
        seconds = error.seconds
        if seconds > 0:
            self._queue.forget(request)
            self._queue.add_after(request, seconds)
        else:
            seconds = self._queue.add_rate_limited(request)
        logger.info("Retrying later", extra={"reason": describe(error), "retry_in": f"{seconds:.3f}s"})
        return "requeue_after" if error.seconds > 0 else "requeue"

    def _stack(self, request: Request, error: BaseException) -> BaseException | None:
        """Return the error when its stack has to be shown: not when it is the one of the last try."""
        seen = fingerprint(error)
        if self._stacks.get(request) == seen:
            return None
        if len(self._stacks) >= _MOST_STACKS:
            del self._stacks[next(iter(self._stacks))]
        self._stacks[request] = seen
        return contained(error)
