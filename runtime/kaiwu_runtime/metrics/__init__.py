"""The metrics of controllers and webhooks, and the server that callers read them from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.metrics.controllers import Metrics
    from kaiwu_runtime.metrics.server import MetricsServer
    from kaiwu_runtime.metrics.token_authorizer import TokenAuthorizer

__all__ = [
    "Metrics",
    "MetricsServer",
    "TokenAuthorizer",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Metrics": "controllers",
        "MetricsServer": "server",
        "TokenAuthorizer": "token_authorizer",
    },
)
