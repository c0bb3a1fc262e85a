"""An HTTP server that gives the answers, and makes the faults, that a test has put down."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._authentication import Authentication
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.envtest._certificates import CertificateAuthority

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
APPLY = "application/apply-patch+yaml"


def answer(status: int = 200, body: object = None, **headers: str) -> Answer:
    """Return a handler; a text is sent as it is, anything else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body if body is not None else {"ok": True})
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=text, headers=named)

    return handle


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def break_off(request: web.Request) -> web.StreamResponse:
    """Close the connection in the middle of the body."""
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"ok":')
    assert request.transport is not None
    request.transport.close()
    return response


async def say_nothing(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


class Server:
    """Gives its answers one after the other, the last one for ever, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.times: list[float] = []
        self.url = ""
        self.authority: bytes | None = None

    def credentials(self, authentication: Authentication) -> Credentials:
        return Credentials(self.url, authentication=authentication, ca_bundle=self.authority)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.times.append(time.monotonic())
        self.requests.append(request)
        self.bodies.append(await request.read())
        return await self.answers[min(len(self.requests), len(self.answers)) - 1](request)


def server_context(
    authority: CertificateAuthority, folder: Path, *, clients: bytes | None = None, name: str = "127.0.0.1"
) -> ssl.SSLContext:
    """Return TLS for a server; with an authority of clients it asks for their certificates."""
    pair = authority.server("server", [name])
    chain = folder / "server.pem"
    chain.write_bytes(pair.certificate + pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    if clients is not None:
        context.load_verify_locations(cadata=clients.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


async def lines(transport: HTTPTransport, idle_timeout: float = 5.0) -> AsyncIterator[bytes]:
    async for line in transport.stream("/x", params={"watch": "true"}, idle_timeout=idle_timeout):
        yield line


def stream(*chunks: bytes, then: Answer | None = None) -> Answer:
    """Return a handler that answers a watch."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if then is not None:
            return await then(request)
        await response.write_eof()
        return response

    return handle
