"""The metrics of a manager: what is measured, and the server that shows it.

Imported when metrics are served: a manager without them does not pay for them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kaiwu_runtime.manager._cluster import Cluster
from kaiwu_runtime.manager._feature_gates import known_gates
from kaiwu_runtime.manager._log_level import LogLevel
from kaiwu_runtime.manager._options import ManagerOptions
from kaiwu_runtime.manager._runnable import Server
from kaiwu_runtime.manager._runnable_group import RunnableGroup
from kaiwu_runtime.metrics._controllers import Metrics
from kaiwu_runtime.metrics._debug_pages import DebugPages
from kaiwu_runtime.metrics._server import MetricsServer, metrics_server


def measure_manager(cluster: Cluster, runnables: RunnableGroup, webhooks: Server | None) -> Metrics:
    """Return the metrics that the parts of a manager report to from now on."""
    metrics = Metrics()
    cluster.measure(metrics)
    for gate in known_gates():
        metrics.feature(gate.name, gate.stage, enabled=gate.enabled)
    runnables.measure(metrics)
    if webhooks is not None:
        webhooks.measure(metrics)
    return metrics


def server_of(
    metrics: Metrics, options: ManagerOptions, cluster: Cluster, describe: Callable[[], str], level: LogLevel
) -> MetricsServer:
    """Return the server of the metrics and of the pages for debugging.

    Args:
        metrics: The metrics.
        options: Address and certificates.
        cluster: Reviews the tokens of readers.
        describe: Returns what the manager is doing.
        level: The log level, which a page shows and changes.
    """
    server = metrics_server(
        options.metrics_bind_address,
        metrics.registry,
        cluster.api_reader,
        secure=options.metrics_secure,
        folder=Path(options.metrics_cert_path) if options.metrics_cert_path else None,
        debug=DebugPages(describe, level),
    )
    if server.certificate is not None:
        server.certificate.on_read = metrics.certificate_read
    return server
