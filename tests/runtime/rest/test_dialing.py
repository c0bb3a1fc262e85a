"""Names with several addresses, some of which are of no use, and SOCKS proxies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.config._proxies import select_proxy
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest import _dialing as module

from .scripted_proxies import SocksProxy
from .scripted_server import Server, answer, server_context

NAME = "api.cluster.test"
GOOD, FIRST, SECOND = "127.0.0.1", "127.0.0.2", "127.0.0.3"

Bad = Callable[[str, int], Any]


@contextmanager
def black_hole(host: str, port: int) -> Iterator[None]:
    """Swallow packets: with a full queue the kernel drops every SYN."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), backlog=0))
        assert listener
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((host, port))
        yield


@contextmanager
def refusing(host: str, port: int) -> Iterator[None]:
    yield


def accepting(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> Bad:
    @asynccontextmanager
    async def open_(host: str, port: int) -> AsyncIterator[None]:
        server = await asyncio.start_server(serve, host, port)
        yield
        server.close()

    return open_


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A load balancer without a server behind it: TLS never begins."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(1000):
            pass
    writer.close()


async def _closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.transport.abort()


BAD: dict[str, Bad] = {
    "swallows packets": black_hole,
    "refuses": refusing,
    "says nothing": accepting(_silent),
    "closes": accepting(_closing),
    "resets": accepting(_resetting),
}


@asynccontextmanager
async def opened(bad: Bad, host: str, port: int) -> AsyncIterator[None]:
    made = bad(host, port)
    if hasattr(made, "__aenter__"):
        async with made:
            yield
    else:
        with made:
            yield


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[Server]:
    """A server whose certificate is for a name."""
    authority = CertificateAuthority()
    made = Server()
    made.answers = [answer()]
    made.authority = authority.certificate
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, GOOD, 0, ssl_context=server_context(authority, tmp_path, name=NAME))
    await site.start()
    made.url = f"https://{NAME}:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        if host in {NAME, NAME.encode()}:
            return [
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, int(port), 0, 0))
                if ":" in address
                else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))
                for address in addresses
            ]
        return real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


PAIRS = [*((one,) for one in BAD), *itertools.combinations(BAD, 2)]


@pytest.mark.parametrize("kinds", PAIRS, ids=" and ".join)
async def test_one_good_address_is_enough(
    named: Server, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 3.0)
    port = int(named.url.rpartition(":")[2])
    hosts = (FIRST, SECOND)[: len(kinds)]
    resolve_to(monkeypatch, *hosts, GOOD)
    transport = HTTPTransport(Credentials(named.url, ca_bundle=named.authority))
    async with contextlib.AsyncExitStack() as stack:
        for host, kind in zip(hosts, kinds, strict=True):
            await stack.enter_async_context(opened(BAD[kind], host, port))
        stack.push_async_callback(transport.close)
        await transport.request("POST", "/x", body=b"{}")
    assert len(named.requests) == 1


async def test_an_address_that_did_not_answer_is_tried_last_the_next_time(
    named: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        await _silent(reader, writer)

    monkeypatch.setattr(module, "CONNECT_SECONDS", 2.0)
    resolve_to(monkeypatch, FIRST, GOOD)
    transport = HTTPTransport(Credentials(named.url, ca_bundle=named.authority))
    async with opened(accepting(counted), FIRST, int(named.url.rpartition(":")[2])):
        try:
            for _ in range(3):
                await transport.request("GET", "/x")
                transport._connections._drop_idle()
        finally:
            await transport.close()
    assert attempts == 1
    assert len(named.requests) == 3


@pytest.mark.parametrize("kinds", [("refuses", "refuses"), ("swallows packets", "says nothing"), ("closes", "resets")])
async def test_no_good_address_is_one_line_in_time(
    named: Server, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 1.0)
    port = int(named.url.rpartition(":")[2])
    resolve_to(monkeypatch, FIRST, SECOND)
    transport = HTTPTransport(Credentials(named.url, ca_bundle=named.authority))
    async with contextlib.AsyncExitStack() as stack, asyncio.timeout(10):
        for host, kind in zip((FIRST, SECOND), kinds, strict=True):
            await stack.enter_async_context(opened(BAD[kind], host, port))
        stack.push_async_callback(transport.close)
        with pytest.raises(APIConnectionError) as caught:
            await transport.request("POST", "/x", body=b"{}")
    assert "\n" not in str(caught.value)


async def test_a_certificate_for_another_name_is_no_reason_to_try_another_address(
    named: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, GOOD, FIRST)
    transport = HTTPTransport(Credentials(named.url, ca_bundle=CertificateAuthority().certificate))
    try:
        with pytest.raises(APIConnectionError, match="certificate is not trusted"):
            await transport.request("GET", "/x")
    finally:
        await transport.close()


@asynccontextmanager
async def through(proxy: SocksProxy, server: Server, url: str) -> AsyncIterator[HTTPTransport]:
    listening = await asyncio.start_server(proxy.serve, GOOD, 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    chosen = select_proxy(server.url, url.format(port=proxy.port))
    transport = HTTPTransport(Credentials(server.url, ca_bundle=server.authority, proxy=chosen))
    try:
        yield transport
    finally:
        await transport.close()
        listening.close()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize(("user", "password"), [(b"", b""), (b"me", b"p@ss:w/rd %")])
async def test_a_socks_proxy(named: Server, scheme: str, user: bytes, password: bytes) -> None:
    """The server's name, which only the proxy can resolve, goes to the proxy; TLS is with the server."""
    proxy = SocksProxy(user, password)
    login = "me:p%40ss%3Aw%2Frd%20%25@" if user else ""
    async with through(proxy, named, f"{scheme}://{login}127.0.0.1:{{port}}") as transport:
        await asyncio.gather(*(transport.request("GET", "/x") for _ in range(3)))
    assert set(proxy.targets) == {(NAME, int(named.url.rpartition(":")[2]))}


async def test_a_socks_proxy_before_a_server_without_tls(server: Server) -> None:
    server.answers = [answer()]
    proxy = SocksProxy()
    async with through(proxy, server, "socks5://127.0.0.1:{port}") as transport:
        await transport.request("GET", "/x")
    assert server.requests[0].path == "/x"
    assert proxy.targets == [(GOOD, int(server.url.rpartition(":")[2]))]


@pytest.mark.parametrize("fault", ["password", "reply", "silent", "not listening"])
async def test_a_socks_proxy_that_refuses_is_one_line_without_its_password(
    named: Server, fault: str, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    proxy = SocksProxy(b"me", b"another" if fault == "password" else b"secret")
    proxy.reply = 5 if fault == "reply" else 0
    proxy.silent = fault == "silent"
    port = str(unused_tcp_port) if fault == "not listening" else "{port}"
    async with through(proxy, named, f"socks5://me:secret@127.0.0.1:{port}") as transport:
        with pytest.raises(APIConnectionError, match=r"proxy socks5://127\.0\.0\.1:\d+") as caught:
            await transport.request("GET", "/x")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert named.requests == []
