"""Hosts that no name server takes, addresses that the kernel writes in another way, and proxies that speak nonsense."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest import _dialing as module

from .conftest import served
from .scripted_server import answer, server_context

INVALID = ["a..b", ".a", "x" * 64, "x." * 200 + "x", "a b", "a\0b", "\ud800"]


async def refusal(credentials: Credentials) -> str:
    """Return the error of a request, which is one line."""
    transport = HTTPTransport(credentials)
    try:
        with pytest.raises(APIConnectionError) as caught:
            await transport.request("GET", "/x")
    finally:
        await transport.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("host", INVALID)
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:{port}", "socks5://127.0.0.1:{port}"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_host_that_is_no_name(host: str, proxy: str | None, scheme: str, unused_tcp_port: int) -> None:
    proxy = proxy and proxy.format(port=unused_tcp_port)
    said = await refusal(Credentials(f"{scheme}://{host}", proxy=proxy))
    assert f"invalid host name {host!r:.100}" in said or said.startswith("Host: has ")


@pytest.mark.parametrize("host", INVALID)
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_the_host_of_a_proxy_that_is_no_name(host: str, scheme: str) -> None:
    said = await refusal(Credentials("https://127.0.0.1", proxy=f"{scheme}://{host}:1"))
    assert f"invalid host name {host!r:.100}" in said


@pytest.mark.parametrize("name", INVALID)
async def test_a_server_name_that_is_no_name(name: str) -> None:
    said = await refusal(Credentials("https://127.0.0.1:1", server_name=name))
    assert f"invalid host name {name!r:.100}" in said


@asynccontextmanager
async def counting(host: str) -> AsyncIterator[tuple[int, list[int]]]:
    """Listen and close each connection; the list has an element for each of them."""
    connections: list[int] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], connections


def has_ipv6() -> bool:
    return Path("/proc/net/if_inet6").exists() and " lo\n" in Path("/proc/net/if_inet6").read_text()


IPV6 = pytest.mark.skipif("not has_ipv6()", reason="this machine has no IPv6 loopback")


@pytest.mark.parametrize(
    ("listens", "host"),
    [
        ("127.0.0.1", "0.0.0.0"),
        pytest.param("::1", "[::]", marks=IPV6),
        pytest.param("::1", "[0:0:0:0:0:0:0:1]", marks=IPV6),
        pytest.param("::1", "[0::1]", marks=IPV6),
    ],
)
async def test_an_address_that_fails_is_tried_once(listens: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not again and again, because the peer's address is written in another way."""
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.5)
    async with counting(listens) as (port, connections):
        said = await refusal(Credentials(f"https://{host}:{port}"))
    assert len(connections) == 1
    assert "timed out" not in said


async def test_a_name_with_other_letters_reaches_an_http_proxy(unused_tcp_port: int) -> None:
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", unused_tcp_port):
        said = await refusal(Credentials("https://bücher.test", proxy=f"http://127.0.0.1:{unused_tcp_port}"))
    assert lines == [b"CONNECT xn--bcher-kva.test:443 HTTP/1.1\r\n"]
    assert "refused to connect to xn--bcher-kva.test:443: HTTP 403" in said


@pytest.mark.parametrize("login", ["me:p%C3%A4ss", f"me:{'x' * 256}", f"{'%F0%9F%94%91' * 3}:x"])
async def test_a_login_that_socks_cannot_send_stays_secret(login: str, unused_tcp_port: int) -> None:
    said = await refusal(Credentials("https://a.test", proxy=f"socks5://{login}@127.0.0.1:{unused_tcp_port}"))
    assert said.endswith(
        f"proxy socks5://127.0.0.1:{unused_tcp_port}: user name and password must be ASCII, up to 255 characters"
    )


NONSENSE = [
    b"",
    b"\x05",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x05\x07",
    b"\x05\x00",
    b"\x05\x00\x05\x00\x00\x03\x02\xff\xff\x00\x50",
    b"\x05\x00\x05\x00\x00\x09" + b"x" * 20,
    b"\x05\x00\x05\xff\x00\x01",
    b"\x05\x02\x01\x00",
]


@pytest.mark.parametrize("sent", NONSENSE)
async def test_a_socks_proxy_that_is_another_program(sent: bytes, unused_tcp_port: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", unused_tcp_port):
        said = await refusal(Credentials("https://a.test", proxy=f"socks5://127.0.0.1:{unused_tcp_port}"))
    assert f"proxy socks5://127.0.0.1:{unused_tcp_port}" in said


async def test_a_server_behind_0_0_0_0(tmp_path: Path) -> None:
    authority = CertificateAuthority()
    context: ssl.SSLContext = server_context(authority, tmp_path, name="localhost")
    async with served(context) as server:
        server.answers = [answer()]
        url = server.url.replace("127.0.0.1", "0.0.0.0")
        transport = HTTPTransport(Credentials(url, ca_bundle=authority.certificate, server_name="localhost"))
        try:
            await transport.request("GET", "/x")
        finally:
            await transport.close()
