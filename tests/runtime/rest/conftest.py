"""A scripted HTTP server, for the tests of connections and credentials."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.envtest._certificates import CertificateAuthority

from .scripted_server import Server, server_context


@asynccontextmanager
async def served(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    made = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    host, port = runner.addresses[0][:2]
    made.url = f"{'https' if context else 'http'}://{host}:{port}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with served() as made:
        yield made


@pytest.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[Server]:
    """One that credentials are sent to."""
    authority = CertificateAuthority()
    async with served(server_context(authority, tmp_path)) as made:
        made.authority = authority.certificate
        yield made


@pytest.fixture
async def transport(server: Server) -> AsyncIterator[HTTPTransport]:
    made = HTTPTransport(Credentials(server.url, headers=(("Impersonate-Group", "a"), ("Impersonate-Group", "b"))))
    yield made
    await made.close()
