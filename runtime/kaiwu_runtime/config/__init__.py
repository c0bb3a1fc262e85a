"""The configuration of a connection to an API server: kubeconfig files, credentials, exec plugins, TLS, proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.config.authentication import Authentication
    from kaiwu_runtime.config.credentials import Credentials, load_credentials

__all__ = [
    "Authentication",
    "Credentials",
    "load_credentials",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Authentication": "authentication",
        "Credentials": "credentials",
        "load_credentials": "credentials",
    },
)
