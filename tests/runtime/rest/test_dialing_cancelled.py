"""Requests that are cancelled while their connection is made, at every step of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials

from .scripted_proxies import Proxy, SocksProxy
from .scripted_server import Server, answer, say_nothing
from .scripted_sockets import V5, sending, socket

# Its successor, a hook, would apply to the tests of all other modules as well.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy. fixture")

ROUTES = ["tls", "plain", "http proxy", "socks proxy"]
STEPS = 60
"""More steps of the event loop than any of the routes takes until the request is sent."""


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Return that of a manager, too, whose event loop has a TLS of its own."""
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


@asynccontextmanager
async def route(kind: str, server: Server, tls_server: Server) -> AsyncIterator[Credentials]:
    target = server if kind == "plain" else tls_server
    if kind in {"tls", "plain"}:
        yield Credentials(target.url, ca_bundle=target.authority)
        return
    scheme, serve = ("http", Proxy().serve) if kind == "http proxy" else ("socks5", SocksProxy().serve)
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    yield Credentials(target.url, ca_bundle=target.authority, proxy=f"{scheme}://127.0.0.1:{port}")
    listener.close()


async def get(transport: HTTPTransport) -> None:
    await transport.request("GET", "/x")


async def watch(transport: HTTPTransport) -> None:
    async with aclosing(transport.stream("/x", params={}, idle_timeout=30)) as lines:
        await anext(lines, None)


async def raw(transport: HTTPTransport) -> None:
    await transport.answer("GET", "/x")


async def follow(transport: HTTPTransport) -> None:
    async with aclosing(transport.chunks("/x", idle_timeout=30)) as chunks:
        await anext(chunks, None)


async def websocket(transport: HTTPTransport) -> None:
    opened = await transport.websocket("/socket", subprotocols=[V5])
    await opened.close()


OPERATIONS = [get, watch, raw, follow, websocket]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
@pytest.mark.parametrize("kind", ROUTES)
async def test_a_request_that_is_cancelled_leaves_no_connection(
    kind: str,
    operation: Callable[[HTTPTransport], Coroutine[Any, Any, None]],
    server: Server,
    tls_server: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither a socket that stays open, nor a transport whose file descriptor another connection gets."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with route(kind, server, tls_server) as credentials:
        for target in (server, tls_server):
            target.answers = [_by_path]
        before = await _open_files()
        for steps in range(STEPS):
            # One at a time: a slot that is not given back shows, too.
            transport = HTTPTransport(credentials, limit=1, request_timeout=5.0)
            request = asyncio.create_task(operation(transport))
            for _ in range(steps):
                await asyncio.sleep(0)
            request.cancel()
            # At once, while what was cancelled is being closed: it gets the same file descriptor.
            await operation(transport)
            await asyncio.wait([request])
            assert request.cancelled() or not request.exception()
            await transport.close()
        assert await _open_files(at_most=before) <= before
    assert not failures, failures
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def _by_path(request: web.Request) -> web.StreamResponse:
    return await (socket(sending()) if request.path == "/socket" else answer())(request)


def _open_files_now() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _open_files(*, at_most: int = 0) -> int:
    """Return the number of open files, after some time for the other side to close its own."""
    for _ in range(100):
        found = _open_files_now()
        if found <= at_most:
            break
        await asyncio.sleep(0.02 if at_most else 0)
    return found


@pytest.mark.parametrize("kind", ROUTES)
async def test_a_request_that_runs_out_of_time_leaves_no_connection(
    kind: str, server: Server, tls_server: Server
) -> None:
    async with route(kind, server, tls_server) as credentials:
        for target in (server, tls_server):
            target.answers = [say_nothing]
        before = await _open_files()
        transport = HTTPTransport(credentials)
        for milliseconds in (0, 1, 2, 4, 8, 16):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(milliseconds / 1000):
                    await transport.request("GET", "/x")
        await transport.close()
        assert await _open_files(at_most=before) <= before
