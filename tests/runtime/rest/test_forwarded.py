"""Requests of another event loop through a transport: a cancellation there is carried out here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.rest._forwarded import ForwardedTransport

from .scripted_server import Server, answer, say_nothing, stream

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
