"""Requests and watches through HTTP proxies, to a real API server over TLS."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from lightkube.resources.core_v1 import Namespace

from kaiwu_runtime.client import Client, HTTPTransport
from kaiwu_runtime.config._credentials import Credentials, load_credentials
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import APIConnectionError

from ..rest.scripted_proxies import Proxy


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    made = Proxy()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


def through(control_plane: ControlPlane, proxy: str) -> Credentials:
    return replace(load_credentials(kubeconfig=control_plane.kubeconfig), proxy=proxy)


@pytest.mark.parametrize("user", ["", "user:p%40ss@"])
async def test_a_tunnel(control_plane: ControlPlane, proxy: Proxy, user: str) -> None:
    credentials = through(control_plane, f"http://{user}127.0.0.1:{proxy.port}")
    transport = HTTPTransport(credentials)
    async with Client(transport) as client:
        assert (await client.get(Namespace, "default")).metadata is not None
        await asyncio.gather(*(client.list(Namespace) for _ in range(5)))
        lines = transport.stream("/api/v1/namespaces", params={"watch": "1"}, idle_timeout=5)
        assert b'"ADDED"' in await anext(lines)
        await lines.aclose()
    target = credentials.server.removeprefix("https://")
    assert {head.split("\r\n")[0] for head in proxy.heads} == {f"CONNECT {target} HTTP/1.1"}
    expected = f"Proxy-Authorization: Basic {base64.b64encode(b'user:p@ss').decode()}"
    assert all((expected in head) == bool(user) for head in proxy.heads)


async def test_a_tunnel_through_a_proxy_that_speaks_tls(control_plane: ControlPlane, tmp_path: Path) -> None:
    """TLS inside TLS; the proxy's certificate is checked as the server's is, with the cluster's authority."""
    authority = CertificateAuthority("proxy")
    pair = authority.server("proxy", ["127.0.0.1"])
    chain = tmp_path / "proxy.pem"
    chain.write_bytes(pair.certificate + pair.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    credentials = through(control_plane, f"https://127.0.0.1:{port}")
    assert credentials.ca_bundle is not None
    untrusted = Client(HTTPTransport(credentials))
    trusted = Client(HTTPTransport(replace(credentials, ca_bundle=credentials.ca_bundle + authority.certificate)))
    try:
        with pytest.raises(APIConnectionError, match="certificate is not trusted"):
            await untrusted.get(Namespace, "default")
        await trusted.get(Namespace, "default")
        assert len(proxy.heads) == 1
    finally:
        await untrusted.close()
        await trusted.close()
        server.close()


async def test_a_proxy_that_refuses(control_plane: ControlPlane, proxy: Proxy) -> None:
    proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with Client(HTTPTransport(through(control_plane, f"http://u:secret@127.0.0.1:{proxy.port}"))) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.get(Namespace, "default")
    assert f"proxy http://127.0.0.1:{proxy.port} refused to connect to" in str(caught.value)
    assert str(caught.value).endswith("HTTP 407")
    assert "secret" not in str(caught.value)


async def test_nobody_at_the_proxys_address(control_plane: ControlPlane, unused_tcp_port: int) -> None:
    async with Client(HTTPTransport(through(control_plane, f"http://127.0.0.1:{unused_tcp_port}"))) as client:
        with pytest.raises(APIConnectionError, match=r"Connection refused$"):
            await client.get(Namespace, "default")


async def test_a_server_without_tls_gets_its_requests_forwarded(proxy: Proxy) -> None:
    credentials = Credentials("http://cluster.test:8080/base", proxy=f"http://u:p@127.0.0.1:{proxy.port}")
    transport = HTTPTransport(credentials)
    try:
        assert await transport.request("GET", "/api", params={"a": "b"}) == b"{}"
    finally:
        await transport.close()
    (head,) = proxy.heads
    assert head.startswith("GET http://cluster.test:8080/base/api?a=b HTTP/1.1\r\nHost: cluster.test:8080\r\n")
    assert "Proxy-Authorization: Basic dTpw" in head
