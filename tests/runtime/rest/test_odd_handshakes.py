"""Answers to a WebSocket's handshake, and its end, with headers and texts that are not ASCII or not one line."""

from __future__ import annotations

import asyncio
import struct

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError, APIStatusError

from .scripted_sockets import V5
from .test_websocket_peers import raw_peer


@pytest.mark.parametrize("value", ["ü".encode(), "ü".encode("latin-1"), b"\xff\xfe", b"\x80"])
async def test_a_refusal_with_any_header(value: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 403 No\r\nWarning: 299 - "' + value + b'"\r\nContent-Length: 2\r\n\r\n\xff\xff')
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        transport = HTTPTransport(Credentials(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"))
        try:
            with pytest.raises(APIStatusError) as caught:
                await transport.websocket("/x", subprotocols=[V5])
        finally:
            await transport.close()
    assert caught.value.code == 403
    assert caught.value.warnings == (value.decode(errors="replace"),)


async def test_the_reason_of_an_end_is_one_line() -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = struct.pack("!H", 4000) + b"two\r\n\nlines"
        writer.write(bytes([0x88, len(text)]) + text)
        await writer.drain()
        await reader.read(1000)

    async with raw_peer(script) as url:
        transport = HTTPTransport(Credentials(url))
        try:
            opened = await transport.websocket("/x", subprotocols=[V5])
            assert await opened.receive() is None
            with pytest.raises(APIConnectionError, match=r"^WebSocket /x: two lines$"):
                await opened.send(b"x")
        finally:
            await transport.close()
