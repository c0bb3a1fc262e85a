"""A webhook server that is cancelled while it starts or stops listens no longer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._routes import Routes
from kaiwu_runtime.serving._serving_certificate import ServingCertificate
from kaiwu_runtime.webhook._server import WebhookServer

from ..cancelling import cancelled_after, nothing_left
from .widgets import write_pair

STEPS = 15
"""More steps than a start, and than a stop, takes."""


async def test_a_server_that_is_cancelled_at_any_step(tmp_path: Path) -> None:
    write_pair(tmp_path, CertificateAuthority())
    async with nothing_left():
        for count in range(STEPS):
            starting = WebhookServer("127.0.0.1", 0, ServingCertificate(tmp_path))
            await cancelled_after(count, starting.start())
            await starting.stop()

            stopping = WebhookServer("127.0.0.1", 0, ServingCertificate(tmp_path))
            await stopping.start()
            _, writer = await asyncio.open_connection("127.0.0.1", stopping.port)
            await cancelled_after(count, stopping.stop())
            again = Listener("127.0.0.1", stopping.port, "")
            await again.start(Routes())
            await again.stop()
            writer.close()


async def test_a_readiness_check_that_is_cancelled_at_any_step(tmp_path: Path) -> None:
    """The kubelet waits for a second; the connection of the check is closed."""
    write_pair(tmp_path, CertificateAuthority())
    async with nothing_left():
        server = WebhookServer("127.0.0.1", 0, ServingCertificate(tmp_path))
        await server.start()
        for count in range(4 * STEPS):
            await cancelled_after(count, server.check())
            await server.check()
        await server.stop()
