"""Requests of another event loop through a transport: a cancellation there is carried out here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.rest._forwarded import ForwardedTransport

from ..cancelling import nothing_left
from .conftest import served
from .scripted_server import Server, answer, say_nothing, stream
from .scripted_sockets import V5, hang, socket

TIMES = 40


def _watch(transport: ForwardedTransport) -> AsyncGenerator[bytes, None]:
    return transport.stream("/x", params={}, idle_timeout=30)


def _follow(transport: ForwardedTransport) -> AsyncGenerator[bytes, None]:
    return transport.chunks("/x", idle_timeout=30)


@pytest.mark.parametrize("begin", [_watch, _follow], ids=["watch", "log"])
async def test_a_stream_that_is_cancelled_is_closed(
    server: Server, begin: Callable[[ForwardedTransport], AsyncGenerator[bytes, None]]
) -> None:
    """One at a time: a connection that is not given back shows, too."""
    transport = HTTPTransport(Credentials(server.url), limit=1, request_timeout=5.0)
    here = asyncio.get_running_loop()
    outcomes: list[object] = []

    async def consume(forwarded: ForwardedTransport) -> None:
        async with aclosing(begin(forwarded)) as parts:
            async for _ in parts:
                pass

    async def there() -> None:
        forwarded = ForwardedTransport(transport, here)
        for count in range(TIMES):
            server.answers = [stream(b"{}\n", then=say_nothing)]
            consuming = asyncio.create_task(consume(forwarded))
            await asyncio.sleep(count / 5000)
            consuming.cancel()
            outcomes.extend(await asyncio.gather(consuming, return_exceptions=True))
            server.answers = [answer()]
            await forwarded.request("GET", "/y")

    await asyncio.to_thread(asyncio.run, there())
    await transport.close()
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * TIMES


async def test_a_websocket_that_is_opened_for_a_cancelled_caller_is_closed() -> None:
    """While the caller's event loop is blocked, the other one opens it."""
    here = asyncio.get_running_loop()
    async with served() as server:
        server.answers = [socket(hang)]
        transport = HTTPTransport(Credentials(server.url))

        async def there() -> None:
            forwarded = ForwardedTransport(transport, here)
            for count in range(TIMES):
                opening = asyncio.create_task(forwarded.websocket("/x", subprotocols=[V5]))
                await asyncio.sleep(0)
                time.sleep(count / 5000)  # noqa: ASYNC251 - see above
                opening.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await opening

        async with nothing_left():
            await asyncio.to_thread(asyncio.run, there())
        await transport.close()
