"""Metrics of webhooks under controller-runtime's names and labels.

See https://book.kubebuilder.io/reference/metrics-reference
"""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import Response
from kaiwu_runtime.serving._routes import Handler

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # client_golang's own


class WebhookMetrics:
    """Counts and times the requests of each path.

    Args:
        registry: Where the metrics are found.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "controller_runtime_webhook_requests",
            "Webhook requests by HTTP status.",
            ["webhook", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "controller_runtime_webhook_latency_seconds",
            "Duration of a webhook request.",
            ["webhook"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "controller_runtime_webhook_requests_in_flight",
            "Webhook requests in progress.",
            ["webhook"],
            registry=registry,
        )
        self._panics = Counter(
            "controller_runtime_webhook_panics", "Defaulters and validators that failed.", registry=registry
        )

    def panicked(self) -> None:
        """Count a defaulter or validator that raised an exception other than a rejection."""
        self._panics.inc()

    def measured(self, path: str, handle: Handler) -> Handler:
        """Return a handler that is measured.

        Args:
            path: The label.
            handle: What answers.
        """
        seconds, in_flight = self._seconds.labels(path), self._in_flight.labels(path)
        for code in ("200", "500"):  # there from the start, so that a rate over them works from the first request
            self._requests.labels(path, code)

        async def measure(request: Request) -> Response:
            began = time.perf_counter()
            status = 500
            with in_flight.track_inprogress():
                try:
                    response = await handle(request)
                    status = response.status
                finally:
                    self._requests.labels(path, str(status)).inc()
                    seconds.observe(time.perf_counter() - began)
            return response

        return measure
