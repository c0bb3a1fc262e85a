"""One connection against a peer that sends exactly these bytes: framing, reuse, and every way an answer can end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Sequence

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._authentication import StaticAuthentication
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.rest import _connection as module
from kaiwu_runtime.rest._connection import BrokenConnectionError, Connection

PAUSE = 0.01
"""Seconds between two parts of an answer."""

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Peer:
    """Sends what it is told for each request; None closes the connection."""

    def __init__(self) -> None:
        self.script: list[Sequence[bytes | None]] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                for part in self.script.pop(0):
                    if part is None:
                        return
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(PAUSE)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    made.url = f"http://127.0.0.1:{made.port}"
    yield made
    server.close()
    await server.wait_closed()


@pytest.fixture
async def connection(peer: Peer) -> AsyncIterator[Connection]:
    _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", peer.port)
    yield made
    made.abort()
    await made.lost


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
WHOLE = [
    pytest.param([HELLO], id="a length"),
    pytest.param([HELLO[:24], HELLO[24:40], HELLO[40:41], HELLO[41:]], id="in pieces"),
    pytest.param([CHUNKED, b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: 1\r\n\r\n"], id="chunks"),
    pytest.param([INTERIM, HELLO], id="after interim answers"),
]


@pytest.mark.parametrize("parts", WHOLE)
@pytest.mark.parametrize("streaming", [False, True])
async def test_an_answer_and_another_one(
    peer: Peer, connection: Connection, parts: list[bytes], *, streaming: bool
) -> None:
    peer.script = [parts, [b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"]]
    response = await connection.begin(REQUEST, 5, streaming=streaming)
    body = b"".join([part async for part in connection.chunks(5)]) if streaming else connection.body()
    assert (response.status, body) == (200, b"hello")
    assert connection.reusable
    response = await connection.begin(REQUEST, 5, streaming=False)
    assert (response.status, connection.body(), response.header(b"x-a")) == (404, b"", "1")
    assert [value for name, value in response.headers if name == b"x-a"] == [b"1", b"2"]
    assert peer.requests == [REQUEST, REQUEST]


@pytest.mark.parametrize("streaming", [False, True])
async def test_an_answer_that_ends_with_its_connection(peer: Peer, connection: Connection, *, streaming: bool) -> None:
    peer.script = [[b"HTTP/1.0 200 OK\r\n\r\nhel", b"lo", None]]
    await connection.begin(REQUEST, 5, streaming=streaming)
    assert (b"".join([part async for part in connection.chunks(5)]) if streaming else connection.body()) == b"hello"
    assert not connection.reusable


async def test_a_server_that_does_not_keep_the_connection(peer: Peer, connection: Connection) -> None:
    peer.script = [[b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"]]
    await connection.begin(REQUEST, 5, streaming=False)
    assert connection.body() == b"x"
    assert not connection.reusable


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param([None], "the server closed the connection", id="nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-", None], "the server closed the connection", id="half a head"),
        pytest.param([HELLO[:-1], None], "the server closed the connection", id="a length"),
        pytest.param([CHUNKED, b"9\r\nhalf", None], "the server closed the connection", id="chunks"),
        pytest.param([b"SSH-2.0-OpenSSH_9\r\n"], "not an HTTP response: ", id="another protocol"),
        pytest.param([CHUNKED, b"zz\r\n"], "not an HTTP response: ", id="a bad chunk"),
        pytest.param(
            [b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nx"],
            "the server wants another protocol",
            id="an upgrade",
        ),
    ],
)
async def test_an_answer_that_breaks_off(
    peer: Peer, connection: Connection, parts: list[bytes | None], message: str
) -> None:
    peer.script = [parts]
    with pytest.raises(BrokenConnectionError, match=f"^{message}"):
        await connection.begin(REQUEST, 5, streaming=False)
    assert not connection.reusable


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-A: aaaa\r\n" * 1000, id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 10_000, id="a header"),
        pytest.param(b"", b"HTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n" * 300, id="interim answers"),
        pytest.param(CHUNKED + b"1;", b"a" * 10_000, id="a chunk's extension"),
        pytest.param(CHUNKED + b"1\r\na\r\n0\r\n", b"X-A: aaaa\r\n" * 1000, id="trailers"),
        pytest.param(CHUNKED + b"1\r\na\r\n0\r\nX: ", b"a" * 10_000, id="a trailer"),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
async def test_headers_without_end_are_not_kept(
    peer: Peer, connection: Connection, monkeypatch: pytest.MonkeyPatch, begin: bytes, piece: bytes, *, streaming: bool
) -> None:
    monkeypatch.setattr(f"{__name__}.PAUSE", 0)
    peer.script = [[begin, *[piece] * 300, None]]

    async def read() -> None:
        await connection.begin(REQUEST, 20, streaming=streaming)
        _, error = await collected(connection, 20)
        if error is not None:
            raise error

    with pytest.raises(BrokenConnectionError, match=r"^more than 1048576 bytes of headers$"):
        await read()
    assert connection.closed


@pytest.mark.parametrize("surplus", [HELLO, b"HTTP/1.1", b"\n\nx", b"garbage"])
@pytest.mark.parametrize("streaming", [False, True])
async def test_what_comes_with_an_answer_is_not_part_of_it(
    peer: Peer, connection: Connection, surplus: bytes, *, streaming: bool
) -> None:
    peer.script = [[HELLO + surplus]]
    await connection.begin(REQUEST, 5, streaming=streaming)
    body = b"".join((await collected(connection, 5))[0]) if streaming else connection.body()
    assert body == b"hello"
    assert not connection.reusable


async def test_a_long_body_is_no_header(peer: Peer, connection: Connection) -> None:
    piece = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    peer.script = [[CHUNKED, *[piece * 100] * 10, b"0\r\n\r\n"]]
    await connection.begin(REQUEST, 5, streaming=False)
    assert len(connection.body()) == 4_096_000
    assert connection.reusable


async def collected(connection: Connection, idle_timeout: float) -> tuple[list[bytes], Exception | None]:
    """Return what a streamed answer brought, and what ended it."""
    seen: list[bytes] = []
    try:
        async for part in connection.chunks(idle_timeout):
            seen.append(part)  # noqa: PERF401 - what came before the error counts
    except (BrokenConnectionError, TimeoutError) as error:
        return seen, error
    return seen, None


async def test_what_came_before_the_break_is_not_lost(peer: Peer, connection: Connection) -> None:
    peer.script = [[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", b"3\r\ntwo\r\n", None]]
    await connection.begin(REQUEST, 5)
    seen, error = await collected(connection, 5)
    assert b"".join(seen) == b"onetwo"
    assert isinstance(error, BrokenConnectionError)


async def test_bytes_that_nobody_asked_for_end_the_connection(peer: Peer, connection: Connection) -> None:
    """A second answer would be taken for that of the next request."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
    peer.script = [[answer, answer]]
    await connection.begin(REQUEST, 5, streaming=False)
    connection.body()
    await connection.lost
    assert not connection.reusable


async def test_a_reader_that_is_slow_makes_the_server_wait(peer: Peer, connection: Connection) -> None:
    size = 64 * module.HIGH_WATER
    peer.script = [[b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, bytes(size)]]
    await connection.begin(REQUEST, 5)
    most = received = 0
    async for part in connection.chunks(5):
        most = max(most, len(part))
        received += len(part)
        await asyncio.sleep(0.01)
    assert received == size
    assert most < size / 8


async def test_silence(peer: Peer, connection: Connection) -> None:
    peer.script = [[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"], []]
    await connection.begin(REQUEST, 5)
    seen, error = await collected(connection, 0.1)
    assert seen == [b"one"]
    assert isinstance(error, TimeoutError)
    assert not connection.reusable


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"


async def test_the_timer_of_a_wait_that_is_over_ends_no_later_one(peer: Peer, connection: Connection) -> None:
    peer.script = [[ANSWER], []]
    await connection.begin(REQUEST, 0.5, streaming=False)
    connection.body()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.begin(REQUEST, 30, streaming=False), 1.5)
    assert not connection.timed_out


async def test_an_idle_connection_does_not_time_out(peer: Peer, connection: Connection) -> None:
    peer.script = [[ANSWER], [ANSWER]]
    await connection.begin(REQUEST, 0.5, streaming=False)
    connection.body()
    await asyncio.sleep(0.3)
    assert connection.reusable
    await connection.begin(REQUEST, 0.1, streaming=False)
    assert connection.body() == b"x"


async def test_silence_counts_from_the_last_byte(peer: Peer, connection: Connection) -> None:
    peer.script = [[CHUNKED, *[b"1\r\nx\r\n"] * 60]]
    await connection.begin(REQUEST, 5)
    began = asyncio.get_running_loop().time()
    seen, error = await collected(connection, 0.3)
    assert b"".join(seen) == b"x" * 60
    assert isinstance(error, TimeoutError)
    assert asyncio.get_running_loop().time() - began > 60 * PAUSE + 0.25


async def test_a_cancelled_request_takes_its_connection_along(peer: Peer) -> None:
    """Its answer, when it comes, must not become the answer of the next request."""
    transport = HTTPTransport(Credentials(peer.url))
    peer.script = [[], [ANSWER]]
    try:
        waiting = asyncio.create_task(transport.request("GET", "/late"))
        await asyncio.sleep(0.1)
        assert len(peer.requests) == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await transport.request("GET", "/next") == b"x"
        assert peer.connections == 2
    finally:
        await transport.close()


async def test_a_connection_that_the_server_closed_meanwhile_is_not_used(peer: Peer) -> None:
    transport = HTTPTransport(Credentials(peer.url))
    peer.script = [[ANSWER, None], [ANSWER]]
    try:
        await transport.request("GET", "/x")
        await asyncio.sleep(0.1)
        # A POST would not be sent again.
        assert await transport.request("POST", "/x", body=b"{}") == b"x"
        assert peer.connections == 2
    finally:
        await transport.close()


async def test_no_more_requests_at_once_than_allowed(peer: Peer) -> None:
    transport = HTTPTransport(Credentials(peer.url), limit=3)
    peer.script = [[ANSWER] for _ in range(20)]
    try:
        await asyncio.gather(*(transport.request("GET", "/x") for _ in range(20)))
        assert len(peer.requests) == 20
        assert peer.connections <= 3
    finally:
        await transport.close()


@pytest.mark.parametrize(
    ("token", "message"),
    [("a\r\nX-Evil: 1", "Authorization: has a line break in it"), ("日", "Authorization: has characters that no HTTP")],
)
async def test_a_token_cannot_become_a_header(peer: Peer, token: str, message: str) -> None:
    url = f"https://127.0.0.1:{peer.port}"
    transport = HTTPTransport(Credentials(url, authentication=StaticAuthentication.bearer(token)))
    with pytest.raises(ConfigurationError, match=f"^{message}"):
        await transport.request("GET", "/x")
    assert peer.requests == []


async def test_a_server_that_speaks_no_tls() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\nClient sent no HTTP request")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    transport = HTTPTransport(Credentials(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    try:
        with pytest.raises(APIConnectionError, match=r"/x: TLS: [^\n]+$"):
            await transport.request("GET", "/x")
    finally:
        await transport.close()
        server.close()


async def test_an_answer_that_takes_too_long(peer: Peer) -> None:
    """A body that drips counts from the request on, not from its last byte."""
    transport = HTTPTransport(Credentials(peer.url), request_timeout=0.3)
    peer.script = [[b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b"x"] * 98]]
    try:
        with pytest.raises(APIConnectionError, match="timed out"):
            await transport.request("GET", "/x")
    finally:
        await transport.close()


async def test_a_connection_that_broke_is_freed_without_the_garbage_collector(peer: Peer) -> None:
    peer.script = [[HELLO[:10], None]]
    gc.disable()
    try:
        _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", peer.port)
        with contextlib.suppress(BrokenConnectionError):
            await made.begin(REQUEST, 5.0)
        await made.lost
        await asyncio.sleep(0)  # the transport's own last step
        reference = weakref.ref(made)
        del made
        assert reference() is None
    finally:
        gc.enable()
