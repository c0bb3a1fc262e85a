"""The head of an answer is the same however it arrives, and what is not part of it is not taken for a header."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from kaiwu_runtime.rest._connection import BrokenConnectionError, Connection
from kaiwu_runtime.rest._response import Response

HEAD = (
    b'HTTP/1.1 200 OK\r\nRetry-After: 7\r\nWARNING: 299 - "old"\r\n'
    b"X-Empty:\r\nx-two:  a b \r\nContent-Length: 10\r\n\r\n"
)
BODY = b"\r\nX: 1\r\n\r\n"
EXPECTED = [
    (b"retry-after", b"7"),
    (b"warning", b'299 - "old"'),
    (b"x-empty", b""),
    (b"x-two", b"a b"),
    (b"content-length", b"10"),
]
INTERIM = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 99\r\n\r\n"


class Wire:
    """Takes what is sent, and stands for an open connection."""

    def __init__(self) -> None:
        self.paused = False
        self.aborted = False

    def write(self, _data: bytes) -> None:
        """Send."""

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


async def begun(*parts: bytes, streaming: bool = False) -> tuple[Connection, asyncio.Task[Response]]:
    """Return a connection that has sent a request and received some parts of an answer."""
    connection = Connection()
    connection.connection_made(cast("asyncio.Transport", Wire()))
    answer = asyncio.create_task(connection.begin(b"GET / HTTP/1.1\r\n\r\n", 5.0, streaming=streaming))
    await asyncio.sleep(0)
    for part in parts:
        connection.data_received(part)
    return connection, answer


@pytest.mark.parametrize("before", [b"", INTERIM, INTERIM * 2, b"\r\n", b"\r\n\r\n", INTERIM + b"\r\n\r\n\r\n"])
@pytest.mark.parametrize("streaming", [False, True])
async def test_a_head_may_be_split_anywhere(before: bytes, streaming: bool) -> None:
    whole = before + HEAD + BODY
    for cut in range(1, len(whole)):
        connection, answer = await begun(whole[:cut], whole[cut:], streaming=streaming)
        response = await answer
        assert (response.status, response.headers, connection.body()) == (200, EXPECTED, BODY), cut
        assert response.header(b"retry-after") == "7"
        assert response.has_warnings


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_a_head_may_come_in_small_parts(size: int) -> None:
    whole = INTERIM + HEAD + BODY
    connection, answer = await begun(*(whole[start : start + size] for start in range(0, len(whole), size)))
    assert (await answer).headers == EXPECTED
    assert connection.body() == BODY
    assert connection.reusable


async def test_a_second_answer_has_its_own_head() -> None:
    connection, first = await begun(HEAD + BODY)
    await first
    connection.body()
    second = asyncio.create_task(connection.begin(b"GET / HTTP/1.1\r\n\r\n", 5.0, streaming=False))
    await asyncio.sleep(0)
    connection.data_received(b"HTTP/1.1 404 Not Found\r\nA: b\r\nContent-Length: 0\r\n\r\n")
    response = await second
    assert (response.status, response.headers) == (404, [(b"a", b"b"), (b"content-length", b"0")])
    assert not response.has_warnings


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(b"A: 1\r\n\tfolded: 2\r\nB: 3", [(b"a", b"1"), (b"b", b"3")], id="a folded line"),
        pytest.param(b"A: 1\nB: 2", [(b"a", b"1"), (b"b", b"2")], id="line feeds alone"),
        pytest.param(b"A: b: c", [(b"a", b"b: c")], id="a colon in the value"),
        pytest.param(b"no colon\r\nA: 1", [(b"a", b"1")], id="a line without a colon"),
        pytest.param(b"", [], id="none"),
    ],
)
def test_headers(lines: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert Response(200, b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\n").headers == expected


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("before", [b"", INTERIM, b"\r\n\r\n", INTERIM + b"\r\n\r\n"])
async def test_a_body_that_is_cut_is_an_error(framing: bytes, before: bytes) -> None:
    connection, answer = await begun(before + b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n", b"5\r\nabcde")
    connection.connection_lost(None)
    with pytest.raises(BrokenConnectionError):
        await answer


@pytest.mark.parametrize("status", [b"000", b"099"])
async def test_a_status_that_is_none_adds_nothing_to_the_next_body(status: bytes) -> None:
    odd = b"HTTP/1.1 " + status + b" x\r\nContent-Length: 4\r\n\r\nevil"
    _, answer = await begun(odd + HEAD + BODY)
    with pytest.raises(BrokenConnectionError):
        await answer


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    connection, answer = await begun(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nContent-Length: 5\r\n\r\n", b"rest")
    connection.connection_lost(None)
    await answer
    assert connection.body() == b"Content-Length: 5\r\n\r\nrest"
    assert not connection.reusable


async def test_a_stream_of_small_parts_is_not_taken_for_headers() -> None:
    connection, answer = await begun(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", streaming=True)
    await answer
    chunks = connection.chunks(5.0)
    for _ in range(300):
        for part in (b"1000", b"\r\n", b"x" * 0x1000, b"\r\n"):
            connection.data_received(part)
        assert await anext(chunks) == b"x" * 0x1000
    await chunks.aclose()
    assert not connection.closed


async def test_a_stream_that_is_not_read_is_paused() -> None:
    connection, answer = await begun(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", streaming=True)
    await answer
    wire = cast("Wire", connection.transport)
    for _ in range(200):
        if wire.paused:
            break
        connection.data_received(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
    assert wire.paused
    chunks = connection.chunks(5.0)
    assert len(await anext(chunks)) >= 1 << 20
    assert not wire.paused
    await chunks.aclose()


async def test_many_interim_answers_in_one_packet_are_skipped() -> None:
    connection, answer = await begun()
    packet = b"\r\nHTTP/1.1 100 \r\n\r\n" * 13_000
    connection.data_received(packet)
    connection.data_received(HEAD + BODY)
    assert (await answer).headers == EXPECTED
