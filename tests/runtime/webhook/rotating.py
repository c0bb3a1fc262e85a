"""Rotators whose time a test moves, and what they leave on the API server."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from lightkube.resources.core_v1 import Secret

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.webhook import WebhookCertificateOptions
from kaiwu_runtime.webhook._rotator import CertificateRotator

from .widgets import raw

OVERLAP = timedelta(minutes=1)


class Clock:
    """Time that a test moves; the API server's own does not."""

    def __init__(self) -> None:
        self.real = self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def options(namespace: str, **values: Any) -> WebhookCertificateOptions:
    defaults: dict[str, Any] = {
        "service_name": "hooks",
        "namespace": namespace,
        "extra_names": ("127.0.0.1",),
        "overlap": OVERLAP,
        "interval": 0.05,
    }
    return WebhookCertificateOptions(**{**defaults, **values})


class Rotating:
    """A rotator, and the pair it presents."""

    def __init__(
        self, control_plane: ControlPlane, made: WebhookCertificateOptions, clock: Callable[[], datetime]
    ) -> None:
        self.pair = (b"", b"")
        self.rotator = CertificateRotator(made, lambda: Client.connect(control_plane.kubeconfig), self.use, clock=clock)

    def use(self, certificate: bytes, key: bytes) -> None:
        self.pair = (certificate, key)


@asynccontextmanager
async def rotators(
    control_plane: ControlPlane, made: WebhookCertificateOptions, clock: Callable[[], datetime], number: int = 1
) -> AsyncIterator[list[Rotating]]:
    found = [Rotating(control_plane, made, clock) for _ in range(number)]
    try:
        yield found
    finally:
        for entry in found:
            await entry.rotator.close()


async def secret_of(client: Client, namespace: str, name: str = "webhook-server-cert") -> dict[str, bytes]:
    secret = await client.get(Secret, name, namespace=namespace)
    assert secret.type == "kubernetes.io/tls"
    return {member: base64.b64decode(text) for member, text in (secret.data or {}).items()}


async def bundle_of(client: Client, path: str) -> list[x509.Certificate]:
    document = await raw(client, "GET", path)
    text = document["webhooks"][0]["clientConfig"].get("caBundle", "")
    return x509.load_pem_x509_certificates(base64.b64decode(text)) if text else []
