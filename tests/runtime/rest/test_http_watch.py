"""A watch as the transport yields it: whole lines, until it breaks or falls silent."""

from __future__ import annotations

import pytest

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
