"""Prometheus metrics under controller-runtime's names and labels, so that existing dashboards and alerts work.

See https://book.kubebuilder.io/reference/metrics-reference
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kaiwu_runtime._clock import monotonic
from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.controller._controller import Controller
from kaiwu_runtime.queue import Priority

_RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9,
                      1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0,
                      25.0, 30.0, 40.0, 50.0, 60.0)  # fmt: skip
_QUEUE_BUCKETS = tuple(10.0**power for power in range(-8, 4))
_REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_PRIORITIES = {Priority.NORMAL: "0", Priority.LOW: "-100"}  # controller-runtime's numbers
_RESULTS = ("success", "error", "requeue", "requeue_after")


class Metrics:
    """The metrics of one manager, in a registry of their own; those of the process are in prometheus_client's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # client_golang has no such series, and they would double the number of them
        by_controller = ["controller"]
        self.reconciles = self._counter(
            "controller_runtime_reconcile", "Reconciles by result.", ["controller", "result"]
        )
        self.errors = self._counter("controller_runtime_reconcile_errors", "Reconciles that failed.", by_controller)
        self.terminal = self._counter(
            "controller_runtime_terminal_reconcile_errors",
            "Reconciles that failed with a terminal error.",
            by_controller,
        )
        self.panics = self._counter(
            "controller_runtime_reconcile_panics", "Reconciles that raised what no request raises.", by_controller
        )
        self.timeouts = self._counter(
            "controller_runtime_reconcile_timeouts", "Reconciles that took longer than their timeout.", by_controller
        )
        self.seconds = self._histogram(
            "controller_runtime_reconcile_time_seconds", "Duration of a reconcile.", by_controller, _RECONCILE_BUCKETS
        )
        self.most_workers = self._gauge(
            "controller_runtime_max_concurrent_reconciles", "Workers of a controller.", by_controller
        )
        self.active = self._gauge("controller_runtime_active_workers", "Workers that reconcile now.", by_controller)
        queue = ["name", "controller"]
        self.adds = self._counter("workqueue_adds", "Keys added.", queue)
        self.waited = self._histogram("workqueue_queue_duration_seconds", "Wait of a key.", queue, _QUEUE_BUCKETS)
        self.worked = self._histogram("workqueue_work_duration_seconds", "Work on a key.", queue, _QUEUE_BUCKETS)
        self.retries = self._counter("workqueue_retries", "Keys added with back-off.", queue)
        self.leader = self._gauge(
            "leader_election_master_status", "1 while this process leads, 0 while another does.", ["name"]
        )
        self.requests = self._counter("rest_client_requests", "Answers of the API server.", ["code", "method", "host"])
        self._waits = self._histogram(
            "kaiwu_runtime_own_write_wait_seconds",
            "How long a read from the cache waited for a write of this process.",
            ["group", "kind", "cache"],
            _RECONCILE_BUCKETS,
        )
        self._certificate_reads = self._counter(
            "certwatcher_read_certificate", "Reads of the certificates that are served.", []
        )
        self._certificate_errors = self._counter(
            "certwatcher_read_certificate_errors", "Reads of certificates that failed.", []
        )
        self._features: Gauge | None = None
        self._request_seconds: Histogram | None = None
        self._controllers: list[Controller] = []
        self.registry.register(_Present(self._controllers))

    def client(self, server: str) -> Callable[[str, int], None]:
        """Return what counts the answers of an API server.

        Args:
            server: Its URL.
        """
        host = urlsplit(server).netloc.rpartition("@")[2]  # without a user and a password
        counters: dict[tuple[str, int], Counter] = {}

        def count(method: str, status: int) -> None:
            counter = counters.get((method, status))
            if counter is None:
                counter = counters[method, status] = self.requests.labels(str(status), method, host)
            counter.inc()

        return count

    def request_durations(self, server: str) -> Callable[[str, float], None]:
        """Return what measures the requests to an API server; its series exist from then on only.

        Args:
            server: Its URL.
        """
        host = urlsplit(server).netloc.rpartition("@")[2]
        if self._request_seconds is None:
            self._request_seconds = self._histogram(
                "rest_client_request_duration_seconds",
                "Duration of a request, with its repetitions.",
                ["verb", "host"],
                _REQUEST_BUCKETS,
            )
        histogram = self._request_seconds
        return lambda method, seconds: histogram.labels(method, host).observe(seconds)

    def waits(self, cache: str) -> Callable[[ResourceIdentity, float], None]:
        """Return what measures the reads that had to wait until a cache had an own write.

        Args:
            cache: Name of the cache; empty for the manager's own.
        """
        return lambda identity, seconds: self._waits.labels(identity.group, identity.kind, cache).observe(seconds)

    def feature(self, name: str, stage: str, *, enabled: bool) -> None:
        """Tell whether a feature gate is on, under the name that Kubernetes' components use."""
        if self._features is None:
            self._features = self._gauge("kubernetes_feature_enabled", "1 for a feature that is on.", ["name", "stage"])
        self._features.labels(name, stage.upper() if stage != "stable" else "").set(float(enabled))

    def certificate_read(self, success: bool) -> None:
        """Count a read of a certificate."""
        self._certificate_reads.inc()
        if not success:
            self._certificate_errors.inc()

    def watch(self, controller: Controller) -> None:
        """Measure a controller and its queue."""
        self._controllers.append(controller)
        self.most_workers.labels(controller.name).set(controller.options.max_concurrent_reconciles)
        controller.observe(_ControllerMetrics(self, controller.name), _QueueMetrics(self, controller.name))

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, labels: list[str], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


class _ControllerMetrics:
    def __init__(self, metrics: Metrics, name: str) -> None:
        self._active = metrics.active.labels(name)
        self._seconds = metrics.seconds.labels(name)
        self._errors = metrics.errors.labels(name)
        self._terminal = metrics.terminal.labels(name)
        self._panics = metrics.panics.labels(name)
        self._timeouts = metrics.timeouts.labels(name)
        # Every series exists from the start, so that a rate over it works from the first event.
        self._results = {result: metrics.reconciles.labels(name, result) for result in _RESULTS}

    def started(self) -> None:
        self._active.inc()

    def finished(self, result: str, seconds: float) -> None:
        self._active.dec()
        self._seconds.observe(seconds)
        self._results[result].inc()
        if result == "error":
            self._errors.inc()

    def terminal(self) -> None:
        self._terminal.inc()

    def panicked(self) -> None:
        self._panics.inc()

    def timed_out(self) -> None:
        self._timeouts.inc()


class _QueueMetrics:
    def __init__(self, metrics: Metrics, name: str) -> None:
        self._adds = metrics.adds.labels(name, name)
        self._waited = metrics.waited.labels(name, name)
        self._worked = metrics.worked.labels(name, name)
        self._retries = metrics.retries.labels(name, name)

    def added(self) -> None:
        self._adds.inc()

    def taken(self, waited: float) -> None:
        self._waited.observe(waited)

    def done(self, worked: float) -> None:
        self._worked.observe(worked)

    def retried(self) -> None:
        self._retries.inc()


class _Present(Collector):
    """What waits and what is being worked on at the moment of a scrape."""

    def __init__(self, controllers: list[Controller]) -> None:
        self._controllers = controllers

    def collect(self) -> Iterable[Metric]:
        """Return the present values."""
        labels = ["name", "controller"]
        depth = GaugeMetricFamily("workqueue_depth", "Keys that wait for a worker.", labels=[*labels, "priority"])
        unfinished = GaugeMetricFamily(
            "workqueue_unfinished_work_seconds", "Work in progress, summed over its keys.", labels=labels
        )
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds", "The longest work in progress.", labels=labels
        )
        now = monotonic()
        for controller in self._controllers:
            name = controller.name
            for priority, waiting in controller.queue.depths.items():
                depth.add_metric([name, name, _PRIORITIES[priority]], waiting)
            running = [now - since for since in controller.queue.since()]
            unfinished.add_metric([name, name], sum(running))
            longest.add_metric([name, name], max(running, default=0.0))
        return (depth, unfinished, longest)
