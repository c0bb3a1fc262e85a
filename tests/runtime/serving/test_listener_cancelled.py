"""A server whose stop is cancelled stops all the same, without time for the requests in progress."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import Response
from kaiwu_runtime.serving._routes import Routes

from ..cancelling import cancelled_after, nothing_left

STEPS = 12
"""More steps than a stop takes until it only waits for the request in progress."""


async def _endless(_: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def _quick(_: Request) -> Response:
    return Response.of("ok")


@pytest.mark.parametrize("answer", [_endless, _quick], ids=lambda answer: answer.__name__.strip("_"))
async def test_a_stop_that_is_cancelled_at_any_step(answer: Callable[[Request], Awaitable[Response]]) -> None:
    async with nothing_left():
        for count in range(STEPS):
            routes = Routes()
            routes.get("/", answer)
            listener = Listener("127.0.0.1", 0, "", shutdown_timeout=60.0)
            await listener.start(routes)
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.01)
            await cancelled_after(count, listener.stop())
            again = Listener("127.0.0.1", listener.port, "")
            await again.start(routes)
            await again.stop()
            async with asyncio.timeout(5):
                await reader.read()
            writer.close()


async def test_a_connection_that_comes_at_any_step_of_a_stop_is_not_left_open(caplog: pytest.LogCaptureFixture) -> None:
    """A client, the API server for one, would wait for its answer until its own time limit."""
    stopped = []
    for count in range(STEPS):
        listener = Listener("127.0.0.1", 0, "")
        await listener.start(Routes())
        await asyncio.sleep(0.01)  # it waits for connections now
        with socket.create_connection(("127.0.0.1", listener.port)) as client:
            client.setblocking(False)
            for _ in range(count):
                await asyncio.sleep(0)
            acceptor = listener._acceptor
            await listener.stop()
            stopped.append(acceptor)  # what it has kept stays
            with suppress(ConnectionResetError):
                async with asyncio.timeout(5):
                    assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
    assert not caplog.records
