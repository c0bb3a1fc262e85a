"""WebSockets against a server that misbehaves on purpose, through proxies and TLS."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._authentication import StaticAuthentication
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError, ForbiddenError, NotFoundError, ServerError, UnauthorizedError
from kaiwu_runtime.rest import _websocket as module

from .scripted_server import Server, answer, hang_up, say_nothing
from .scripted_sockets import SWITCHED, V4, V5, cat, drop, hang, received, sending, socket


async def test_messages_both_ways(server: Server, transport: HTTPTransport) -> None:
    server.answers = [socket(cat)]
    opened = await transport.websocket("/x", params=[("command", "a b"), ("command", "ü&")], subprotocols=[V5, V4])
    assert opened.subprotocol == V5
    for message in (b"\0a", b"\0", b"\0" + bytes(range(256)) * 1000, b"\xff\0"):
        await opened.send(message)
    *echoed, result = await received(opened)
    assert (echoed, result[:1]) == ([b"\1a", b"\1", b"\1" + bytes(range(256)) * 1000], b"\3")
    (request,) = server.requests
    assert (request.method, request.path, request.query.getall("command")) == ("GET", "/x", ["a b", "ü&"])
    assert request.headers["User-Agent"].startswith("kaiwu-runtime/")
    assert request.headers.getall("Impersonate-Group") == ["a", "b"]
    assert request.headers.getall("Host") == [server.url.removeprefix("http://")]
    await opened.close()
    await opened.close()
    with pytest.raises(APIConnectionError):
        await opened.send(b"late")


@pytest.mark.parametrize(
    ("refused", "error", "message"),
    [
        (answer(403, {"kind": "Status", "message": "no", "reason": "Forbidden"}), ForbiddenError, "^no$"),
        (answer(404, "404 page not found"), NotFoundError, "404 page not found"),
        (answer(500, ""), ServerError, "GET /x: 500"),
        (answer(200, "a captive portal"), APIConnectionError, "WebSocket /x: HTTP 200"),
        (answer(302, "", Location="http://127.0.0.1:1/"), APIConnectionError, "WebSocket /x: HTTP 302"),
        (hang_up, APIConnectionError, "WebSocket /x: the server closed the connection"),
    ],
    ids=["403", "404", "500", "200", "302", "hangs up"],
)
async def test_a_server_that_opens_none(
    server: Server, transport: HTTPTransport, refused: Any, error: type[Exception], message: str
) -> None:
    server.answers = [refused]
    with pytest.raises(error, match=message):
        await transport.websocket("/x", subprotocols=[V5])
    assert len(server.requests) == 1
    server.answers = [answer()]
    assert await transport.request("GET", "/x")


@pytest.mark.parametrize(
    "text",
    [
        b"garbage\r\n\r\n",
        SWITCHED + b"\r\n",
        SWITCHED + b"Sec-WebSocket-Accept: d3Jvbmc=\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Swi",
    ],
    ids=["garbage", "no key", "another key", "another protocol", "cut off"],
)
async def test_an_answer_that_is_no_handshake(text: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        host, port = listener.sockets[0].getsockname()[:2]
        transport = HTTPTransport(Credentials(f"http://{host}:{port}"))
        with pytest.raises(APIConnectionError, match=r"^WebSocket /x: [^\n]+$"):
            await transport.websocket("/x", subprotocols=[V5])
        await transport.close()


async def test_a_handshake_that_takes_too_long(server: Server) -> None:
    server.answers = [say_nothing]
    transport = HTTPTransport(Credentials(server.url), request_timeout=0.2)
    with pytest.raises(APIConnectionError, match="timed out"):
        await transport.websocket("/x")
    await transport.close()


async def test_rejected_credentials_are_renewed_once(tls_server: Server) -> None:
    class Renewed(StaticAuthentication):
        tokens: tuple[str, ...] = ("old", "new")

        def authorization(self) -> str:
            return f"Bearer {self.tokens[0]}"

        async def renew(self, *, rejected: bool) -> bool:
            self.tokens = self.tokens[-1:]
            return True

    refused = answer(401, {"kind": "Status", "reason": "Unauthorized", "message": "no"})
    tls_server.answers = [refused, socket(sending(b"\1hello")), refused]
    transport = HTTPTransport(tls_server.credentials(Renewed()))
    assert await received(await transport.websocket("/x", subprotocols=[V5])) == [b"\1hello"]
    assert [request.headers["Authorization"] for request in tls_server.requests] == ["Bearer old", "Bearer new"]
    with pytest.raises(UnauthorizedError):
        await transport.websocket("/x", subprotocols=[V5])
    await transport.close()


async def test_a_connection_that_is_cut(server: Server, transport: HTTPTransport) -> None:
    server.answers = [socket(drop)]
    opened = await transport.websocket("/x", subprotocols=[V5])
    assert await opened.receive() == b"\1begun\n"
    with pytest.raises(APIConnectionError, match="WebSocket /x: "):
        await opened.receive()


async def test_a_reader_that_is_slow_lets_the_server_wait(server: Server, transport: HTTPTransport) -> None:
    total, sent = 64 << 20, 0

    async def much(opened: web.WebSocketResponse, _: web.Request) -> None:
        nonlocal sent
        for _number in range(total >> 20):
            await opened.send_bytes(b"\1" + bytes((1 << 20) - 1))
            sent += 1 << 20

    server.answers = [socket(much)]
    opened = await transport.websocket("/x", subprotocols=[V5])
    before = -1
    while sent != before:  # until the buffers on the way are full
        before = sent
        await asyncio.sleep(0.3)
    assert sent < total / 2
    assert sum(map(len, await received(opened))) == total


async def test_a_server_that_is_slow_lets_the_sender_wait(server: Server, transport: HTTPTransport) -> None:
    go = asyncio.Event()
    sizes: list[int] = []

    async def slow(opened: web.WebSocketResponse, _: web.Request) -> None:
        await go.wait()
        async for message in opened:
            if message.type != WSMsgType.BINARY or message.data == b"end":
                break
            sizes.append(len(message.data))

    server.answers = [socket(slow)]
    opened = await transport.websocket("/x", subprotocols=[V5])
    sending_all = asyncio.create_task(_send_all(opened))
    await asyncio.sleep(0.5)
    assert not sending_all.done()
    go.set()
    await sending_all
    assert await received(opened) == []
    assert sum(sizes) == 64 << 20


async def _send_all(opened: Any) -> None:
    for _ in range(64):
        await opened.send(bytes(1 << 20))
    await opened.send(b"end")


async def test_silence_is_noticed(server: Server, transport: HTTPTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_SECONDS", 0.1)
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.5)
    # A server that answers pings is there, however long its command is silent.
    server.answers = [socket(hang)]
    opened = await transport.websocket("/x", subprotocols=[V5])
    assert await opened.receive() == b"\1begun\n"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(opened.receive(), 1.5)
    await opened.close()

    async def stuck(_: web.WebSocketResponse, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.pause_reading()
        await asyncio.sleep(3)

    server.answers = [socket(stuck)]
    opened = await transport.websocket("/x", subprotocols=[V5])
    with pytest.raises(APIConnectionError, match="sent nothing"):
        await opened.receive()


async def test_closing_the_transport_ends_them(server: Server) -> None:
    server.answers = [socket(hang)]
    transport = HTTPTransport(Credentials(server.url))
    opened = await transport.websocket("/x", subprotocols=[V5])
    await opened.receive()
    reading = asyncio.create_task(opened.receive())
    await asyncio.sleep(0)
    began = time.monotonic()
    await transport.close()
    with pytest.raises(APIConnectionError):
        await reading
    assert time.monotonic() - began < 20


async def test_a_leader_without_its_lease_opens_none(server: Server, transport: HTTPTransport) -> None:
    def fence() -> None:
        raise RuntimeError("the lease is lost")

    transport.fence = fence
    with pytest.raises(RuntimeError, match="lease"):
        await transport.websocket("/x", subprotocols=[V5])
    assert not server.requests


async def test_a_connection_that_the_fence_stops_is_closed() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    def fence() -> None:
        raise RuntimeError("the lease is lost")

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        transport = HTTPTransport(Credentials(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"))
        transport.fence = fence
        with pytest.raises(RuntimeError, match="lease") as caught:
            await transport.websocket("/x", subprotocols=[V5])
        await asyncio.wait_for(ended.wait(), 5)
        assert caught.value
        await transport.close()


@asynccontextmanager
async def http_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that tunnels, and passes on what it gets for a server without TLS."""
    asked: list[str] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        asked.append(line)
        method, target, _ = line.split()
        where = target if method == "CONNECT" else target.removeprefix("http://").partition("/")[0]
        host, _, port = where.rpartition(":")
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            inner_writer.write(head.replace(f"http://{where}".encode(), b"", 1))
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        host, port = listener.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}", asked


async def test_through_a_proxy_that_tunnels(tls_server: Server) -> None:
    tls_server.answers = [socket(sending(b"\1hello"))]
    async with http_proxy() as (proxy, asked):
        credentials = tls_server.credentials(StaticAuthentication.bearer("t"))
        credentials.proxy = proxy
        transport = HTTPTransport(credentials)
        assert await received(await transport.websocket("/x", subprotocols=[V5])) == [b"\1hello"]
        await transport.close()
    assert asked == [f"CONNECT {tls_server.url.removeprefix('https://')} HTTP/1.1"]
    assert tls_server.requests[0].headers["Authorization"] == "Bearer t"


async def test_through_a_proxy_that_forwards(server: Server) -> None:
    server.answers = [socket(sending(b"\1hello"))]
    async with http_proxy() as (proxy, asked):
        transport = HTTPTransport(Credentials(server.url, proxy=proxy))
        assert await received(await transport.websocket("/x", subprotocols=[V5])) == [b"\1hello"]
        await transport.close()
    assert asked == [f"GET {server.url}/x HTTP/1.1"]


def test_the_library_is_imported_when_it_is_used() -> None:
    code = "import sys, kaiwu_runtime.manager, kaiwu_runtime.testing; print('websockets' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
