"""The configuration of a connection to an API server: kubeconfig files, credentials, exec plugins, TLS, proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime._lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.config._authentication import Authentication
    from kaiwu_runtime.config._credentials import Credentials, load_credentials

__all__ = [
    "Authentication",
    "Credentials",
    "load_credentials",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Authentication": "_authentication",
        "Credentials": "_credentials",
        "load_credentials": "_credentials",
    },
)
