"""Logs: what is asked for, and lines however the text comes in pieces."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.client import _pod_logs as logs_module
from kaiwu_runtime.client._pod_logs import MAX_LINE, follow_log
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.controller._threaded_client import ThreadedClient
from kaiwu_runtime.errors import APIConnectionError, BadRequestError, ServerError
from kaiwu_runtime.rest import _raw_requests as requests_module

from ..rest.conftest import served
from ..rest.scripted_server import Server, answer, break_off, say_nothing, stream

KEY = ObjectKey("ns", "a")
TIME = datetime(2026, 1, 2, 3, 4, 5, 678, timezone(timedelta(hours=8)))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with served() as made:
        yield made


@pytest.fixture
async def pods(server: Server) -> AsyncIterator[Client]:
    async with Client(HTTPTransport(Credentials(server.url))) as made:
        yield made


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, {}),
        ({"container": "a", "tail": 0, "previous": True}, {"container": "a", "tailLines": "0", "previous": "true"}),
        ({"since": 10, "timestamps": True}, {"sinceSeconds": "10", "timestamps": "true"}),
        ({"since": 0.2}, {"sinceSeconds": "1"}),
        ({"since": timedelta(hours=1), "limit_bytes": 5}, {"sinceSeconds": "3600", "limitBytes": "5"}),
        ({"since": TIME}, {"sinceTime": "2026-01-01T19:04:05.000678Z"}),
    ],
)
async def test_what_is_asked_for(server: Server, pods: Client, options: dict[str, Any], query: dict[str, str]) -> None:
    server.answers = [answer(200, "first\nsecond\n")]
    assert await pods.logs(Pod, KEY, **options) == "first\nsecond\n"
    (request,) = server.requests
    assert (request.path, dict(request.query)) == ("/api/v1/namespaces/ns/pods/a/log", query)


@pytest.mark.parametrize(
    "options",
    [
        {"tail": -1},
        {"since": 0},
        {"since": -5},
        {"since": float("nan")},
        {"since": float("inf")},
        {"since": datetime(2026, 1, 1)},
        {"limit_bytes": 0},
    ],
)
async def test_options_that_are_refused(server: Server, pods: Client, options: dict[str, Any]) -> None:
    for follow in (False, True):
        with pytest.raises(ValueError, match=r"^logs: "):
            pods.logs(Pod, KEY, follow=follow, **options)
    assert not server.requests


async def test_bytes_that_are_not_utf8(server: Server, pods: Client) -> None:
    server.answers = [stream(b"a\xffb\r\n")]
    assert await pods.logs(Pod, KEY) == "a\ufffdb\r\n"


async def test_following(server: Server, pods: Client) -> None:
    server.answers = [stream(b"fir", b"st\n\nth", b"ird")]
    assert [line async for line in pods.logs(Pod, KEY, follow=True)] == ["first", "", "third"]
    assert server.requests[0].query["follow"] == "true"


async def test_a_log_that_breaks_off(server: Server, pods: Client) -> None:
    server.answers = [stream(b"first\n", then=break_off)]
    with pytest.raises(APIConnectionError, match=r"^GET /api/v1/namespaces/ns/pods/a/log: "):
        assert [line async for line in pods.logs(Pod, KEY, follow=True)]
    with pytest.raises(APIConnectionError):
        await pods.logs(Pod, KEY)


async def test_a_container_that_waits_to_start(server: Server, pods: Client) -> None:
    server.answers = [answer(400, {"message": "is waiting to start", "reason": "BadRequest"})]
    with pytest.raises(BadRequestError, match="waiting to start"):
        await pods.logs(Pod, KEY)
    with pytest.raises(BadRequestError, match="waiting to start"):
        await anext(pods.logs(Pod, KEY, follow=True))


async def test_a_reader_that_stops_gives_the_connection_back(server: Server, pods: Client) -> None:
    server.answers = [stream(*[b"line\n"] * 100), answer(200, "x")]
    lines = pods.logs(Pod, KEY, follow=True)
    assert await anext(lines) == "line"
    await lines.aclose()
    assert await pods.logs(Pod, KEY) == "x"


async def test_from_a_thread(server: Server, pods: Client) -> None:
    server.answers = [answer(200, "a\n"), stream(b"a\nb\n")]
    threaded: Any = ThreadedClient(pods, asyncio.get_running_loop())
    assert await asyncio.to_thread(lambda: threaded.logs(Pod, KEY)) == "a\n"
    assert await asyncio.to_thread(lambda: list(threaded.logs(Pod, KEY, follow=True))) == ["a", "b"]
    server.answers = [answer(200, "c\n")]
    assert await threaded.logs(Pod, KEY) == "c\n"


class Pieces:
    """A transport that brings a text in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    async def chunks(self, *_: Any, **__: Any) -> AsyncGenerator[bytes, None]:
        for piece in self.pieces:
            yield piece


async def followed(pieces: list[bytes]) -> list[str]:
    transport: Any = Pieces(pieces)
    return [line async for line in follow_log(transport, "/x", [])]


@given(st.text(alphabet="aü\n\r\u2028\x85", max_size=60), st.lists(st.integers(0, 80), max_size=10))
def test_lines_do_not_depend_on_the_pieces(text: str, cuts: list[int]) -> None:
    content = text.encode()
    places = sorted({0, len(content), *(min(cut, len(content)) for cut in cuts)})
    pieces = [content[start:end] for start, end in itertools.pairwise(places)]
    expected = text.split("\n")
    if not expected[-1]:
        expected.pop()
    assert asyncio.run(followed(pieces)) == expected


def test_a_line_without_end_is_not_kept() -> None:
    lines = asyncio.run(followed([b"x" * 100_000] * 100))
    assert sum(map(len, lines)) == 10_000_000
    assert max(map(len, lines)) <= MAX_LINE + 100_000


def test_the_pieces_of_a_long_line_are_cut_between_characters() -> None:
    for letter in ("ü", "語", "\U0001f600"):
        text = "a" + letter * 600_000
        content = text.encode()
        pieces = [content[start : start + 99_999] for start in range(0, len(content), 99_999)]
        assert "".join(asyncio.run(followed(pieces))) == text


def test_a_long_line_in_small_pieces_is_not_copied_at_each() -> None:
    began = time.process_time()
    lines = asyncio.run(followed([b"x" * 10] * 100_000))
    assert "".join(lines) == "x" * 1_000_000
    # To copy what there is at each piece would move 50 GB.
    assert time.process_time() - began < 5


async def test_a_log_that_is_too_long_for_the_memory(
    server: Server, pods: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_module, "MAX_LOG", 1000)
    server.answers = [stream(b"a" * 600, b"b" * 600)]
    with pytest.raises(APIConnectionError, match=r"longer than 1000 bytes: use tail, since or limit_bytes"):
        await pods.logs(Pod, KEY)
    assert "".join([line async for line in pods.logs(Pod, KEY, follow=True)]) == "a" * 600 + "b" * 600


async def test_a_rejection_without_end(server: Server, pods: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_module, "REFUSAL_BYTES", 1000)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while True:
            await response.write(b"a" * 600)
            await asyncio.sleep(0.01)

    server.answers = [endless]
    async with asyncio.timeout(10):
        for follow in (False, True):
            with pytest.raises(ServerError):
                await (anext(pods.logs(Pod, KEY, follow=True)) if follow else pods.logs(Pod, KEY))


async def test_a_log_that_does_not_come(server: Server, pods: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_module, "ANSWER_SECONDS", 0.3)
    server.answers = [stream(b"a", then=say_nothing)]
    with pytest.raises(APIConnectionError, match="timed out"):
        await pods.logs(Pod, KEY)
