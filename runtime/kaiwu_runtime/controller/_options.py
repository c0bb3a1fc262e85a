"""The options of one controller, and the protocol of what observes its reconciles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kaiwu_runtime.queue import RateLimiter


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
