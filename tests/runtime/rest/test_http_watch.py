"""A watch as the transport yields it: whole lines, until it breaks or falls silent."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.errors import (
    APIConnectionError,
    GoneError,
)

from .scripted_server import Answer, Server, answer, hang_up, lines, say_nothing, stream


async def test_a_watch_yields_whole_lines(server: Server, transport: HTTPTransport) -> None:
    server.answers = [stream(b"on", b"e\ntwo\nth", b"r", b"ee\n\n", b"cut off")]
    assert [line async for line in lines(transport)] == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("then", "message"), [(hang_up, "^watch of /x: [^\n]+$"), (say_nothing, "^watch of /x: timed out$")]
)
async def test_a_watch_that_breaks_or_falls_silent(
    server: Server, transport: HTTPTransport, then: Answer, message: str
) -> None:
    server.answers = [stream(b"one\n", then=then)]
    seen: list[bytes] = []

    async def watch() -> None:
        async for line in lines(transport, 0.3):
            seen.append(line)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(APIConnectionError, match=message):
        await watch()
    assert seen == [b"one"]


async def test_a_watch_that_is_refused(server: Server, transport: HTTPTransport) -> None:
    server.answers = [answer(410, {"message": "too old resource version", "reason": "Expired", "code": 410})]
    with pytest.raises(GoneError, match="too old resource version"):
        [line async for line in lines(transport)]
    assert len(server.requests) == 1


@pytest.mark.parametrize("kept", [1, 3])
async def test_a_watch_replaces_kept_connections_that_break(
    server: Server, transport: HTTPTransport, kept: int
) -> None:
    """A load balancer ends the watch and the idle connections together; once that took a second and a warning."""
    server.answers = [*[held(kept)] * kept, *[hang_up] * kept, stream(b"one\n")]
    await asyncio.gather(*(transport.request("GET", "/x") for _ in range(kept)))
    assert [line async for line in lines(transport)] == [b"one"]
    assert len(server.requests) == 2 * kept + 1


async def test_a_watch_on_a_new_connection_that_breaks_is_not_repeated(
    server: Server, transport: HTTPTransport
) -> None:
    """The cache itself waits before it tries again."""
    server.answers = [hang_up]
    with pytest.raises(APIConnectionError, match=r"^watch of /x: the server closed the connection$"):
        [line async for line in lines(transport)]
    assert len(server.requests) == 1


def held(number: int) -> Answer:
    """Return a handler that answers requests once there are as many, each on a connection of its own."""
    barrier = asyncio.Barrier(number)

    async def handle(request: web.Request) -> web.StreamResponse:
        await barrier.wait()
        return await answer()(request)

    return handle
