"""The protocol of what observes a work queue."""

from __future__ import annotations

from typing import Protocol


class QueueMetrics(Protocol):
    """Observe the queue; the names follow client-go's workqueue metrics."""

    def added(self) -> None:
        """A key was added to those that wait for a worker."""

    def taken(self, waited: float) -> None:
        """A worker took a key that had waited so many seconds."""

    def done(self, worked: float) -> None:
        """A worker finished a key after so many seconds."""

    def retried(self) -> None:
        """A key was added for later: with back-off, or by `requeue_after`."""
