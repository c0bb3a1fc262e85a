"""The metrics of controllers and webhooks, and the server that callers read them from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime._lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.metrics._controllers import Metrics
    from kaiwu_runtime.metrics._server import MetricsServer
    from kaiwu_runtime.metrics._token_authorizer import TokenAuthorizer

__all__ = [
    "Metrics",
    "MetricsServer",
    "TokenAuthorizer",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Metrics": "_controllers",
        "MetricsServer": "_server",
        "TokenAuthorizer": "_token_authorizer",
    },
)
