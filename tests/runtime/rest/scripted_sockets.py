"""WebSockets that a scripted server answers with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

from .scripted_server import Answer

V5, V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

Script = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]


def socket(script: Script, *protocols: str) -> Answer:
    """Return a handler that opens a WebSocket and runs a script on it; then it closes the WebSocket."""

    async def handle(request: web.Request) -> web.StreamResponse:
        opened = web.WebSocketResponse(protocols=protocols or (V5,), max_msg_size=0)
        await opened.prepare(request)
        await script(opened, request)
        await opened.close()
        return opened

    return handle


def sending(*messages: bytes) -> Script:
    async def script(opened: web.WebSocketResponse, _: web.Request) -> None:
        for message in messages:
            await opened.send_bytes(message)

    return script


def status(code: int) -> bytes:
    """Return the message on the channel of results for an exit code."""
    if code == 0:
        return b"\3" + json.dumps({"metadata": {}, "status": "Success"}).encode()
    causes = [{"reason": "ExitCode", "message": str(code)}]
    content = {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": causes},
    }
    return b"\3" + json.dumps(content).encode()


async def cat(opened: web.WebSocketResponse, _: web.Request) -> None:
    """Write what is read, until standard input is closed."""
    async for message in opened:
        if message.type != WSMsgType.BINARY:
            break
        if message.data == b"\xff\0":
            await opened.send_bytes(status(0))
            return
        await opened.send_bytes(b"\1" + message.data[1:])


async def hang(opened: web.WebSocketResponse, _: web.Request) -> None:
    """Write something, and go on for ever."""
    await opened.send_bytes(b"\1begun\n")
    async for _message in opened:
        pass
    await asyncio.sleep(0)


async def drop(opened: web.WebSocketResponse, request: web.Request) -> None:
    """Write something, and cut the connection."""
    await opened.send_bytes(b"\1begun\n")
    assert request.transport is not None
    request.transport.abort()


async def received(opened: Any) -> list[bytes]:
    found = []
    while (message := await opened.receive()) is not None:
        found.append(message)
    return found
