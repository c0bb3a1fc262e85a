"""The servers of a process: listeners, certificates, and probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime._lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions
    from kaiwu_runtime.serving._probes import Check, Probes

__all__ = [
    "Check",
    "Probes",
    "WebhookCertificateOptions",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Check": "_probes",
        "Probes": "_probes",
        "WebhookCertificateOptions": "_certificate_options",
    },
)
