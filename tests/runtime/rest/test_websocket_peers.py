"""WebSockets against a peer that does what no library would: wrong frames, floods, and pings that it does not read."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest import _websocket as module

from .scripted_sockets import SWITCHED, V5, received


@asynccontextmanager
async def raw_peer(script: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Any:
    """Serve a script that does what no library would, after a handshake; yields a URL."""
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            (key,) = [line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")]
            digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
            lines = [b"Sec-WebSocket-Accept: " + base64.b64encode(digest), b"Sec-WebSocket-Protocol: " + V5.encode()]
            writer.write(SWITCHED + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
            await script(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        host, port = listener.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
        for task in tasks:
            task.cancel()


async def repeat(writer: asyncio.StreamWriter, piece: bytes, times: int) -> None:
    for _ in range(times):
        writer.write(piece)
        await writer.drain()


async def pings(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send 60 MB of pings, and read no answer."""
    carrier: Any = writer.transport
    carrier.pause_reading()
    await repeat(writer, (b"\x89\x7d" + b"x" * 125) * 500, 1000)


async def wrong_frame(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Break the protocol, and never close the connection."""
    writer.write(b"\x83\x01a")
    await asyncio.sleep(60)


async def oversized(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x82\x7f" + (1 << 40).to_bytes(8, "big"))
    await repeat(writer, bytes(65536), 10_000)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (pings, "the server does not read what it is sent"),
        (wrong_frame, "invalid opcode"),
        (oversized, "frame exceeds limit|over size limit|exceeds"),
    ],
)
async def test_a_server_that_breaks_the_protocol(script: Any, message: str) -> None:
    async with raw_peer(script) as url:
        transport = HTTPTransport(Credentials(url))
        opened = await transport.websocket("/x", subprotocols=[V5])
        async with asyncio.timeout(20):
            with pytest.raises(APIConnectionError, match=message):
                await received(opened)
        await transport.close()


async def test_one_that_breaks_right_behind_the_handshake_is_freed() -> None:
    async with raw_peer(wrong_frame) as url:
        transport = HTTPTransport(Credentials(url))
        for _ in range(20):
            opened = await transport.websocket("/x", subprotocols=[V5])
            with pytest.raises(APIConnectionError):
                await received(opened)
            await opened.close()
        del opened
        await asyncio.sleep(0.1)
        gc.collect()
        assert len(transport._sockets) <= 1  # the last error may hold one
        await transport.close()


@pytest.mark.parametrize("piece", [b"\x82\x02\x01a", b"\x82\x00", b"\x00\x00"])
async def test_small_messages_hold_up_nothing(piece: bytes) -> None:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if piece[:1] == b"\0":
            writer.write(b"\x02\x01\x01")
        await repeat(writer, piece * (65_536 // len(piece)), 6)
        writer.write(b"\x80\x00" if piece[:1] == b"\0" else b"\x82\x03\x01" + b"zz")
        await asyncio.sleep(60)

    async with raw_peer(flood) as url:
        transport = HTTPTransport(Credentials(url))
        opened = await transport.websocket("/x", subprotocols=[V5])
        ticks = []

        async def tick() -> None:
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        found = 0
        while (await opened.receive()) not in {b"\x01zz", b"\x01" if piece[:1] == b"\0" else None}:
            found += 1
        ticking.cancel()
        assert found == (0 if piece[:1] == b"\0" else 6 * (65_536 // len(piece)))
        parsed_at_once = module.SLICE // len(piece)
        assert len(ticks) >= found // parsed_at_once
        await transport.close()
