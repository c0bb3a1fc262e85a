"""Requests as they arrive, valid and not, and the responses to them."""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from kaiwu_runtime.serving._listener import Listener

from .peers import HEAD, LOOPS, Peer, answered, rest, serve, until

COMPRESSED = zlib.compress(b"\0" * 10_000)


REQUESTS: dict[str, tuple[bytes, bytes]] = {
    "not HTTP": (b"\x00\x01\x02\r\n\r\n", b"400"),
    "TLS to plain HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    "a bad version": (b"GET / HTTP/9.9.9\r\n\r\n", b"400"),
    "an unknown method": (b"FROB /echo HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
    "another method": (b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
    "HEAD": (b"HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
    "HEAD with an unknown expectation": (b"HEAD /echo HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", b"417"),
    "HEAD in a later version": (b"HEAD /echo HTTP/2.0\r\nHost: x\r\n\r\n", b"400"),
    "an empty line, then a request": (b"\r\n" + HEAD + b"1234567890", b"200"),
    "two empty lines, then a request": (b"\r\n\r\n" + HEAD + b"1234567890", b"400"),
    "HTTP/1.0": (HEAD.replace(b"1.1", b"1.0") + b"1234567890", b"200"),
    "another path": (b"GET /%00%ff%0a HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
    "a long line": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
    "a long field": (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"400"),
    "many fields": (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 1000 + b"\r\n", b"400"),
    "a bad length": (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
    "two lengths": (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12", b"400"),
    "a length and chunks": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"400",
    ),
    "a bad chunk": (b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    "a field that is not UTF-8": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nX: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"200",
    ),
    "a large body": (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", b"413"),
    "large chunks": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        b"413",
    ),
    "gzip": (HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"415"),
    "deflate": (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: Deflate\r\nContent-Length: %d\r\n\r\n%s"
        % (len(COMPRESSED), COMPRESSED),
        b"415",
    ),
    "br on another path": (HEAD.replace(b"/echo", b"/none")[:-2] + b"Content-Encoding: br\r\n\r\n", b"415"),
    "an unknown expectation": (HEAD[:-2] + b"Expect: wonders\r\n\r\n", b"417"),
    "Expect: 100-continue": (HEAD[:-2] + b"Expect: 100-continue\r\n\r\n1234567890", b"100"),
    "a handler that exits": (b"GET /ends HTTP/1.1\r\nHost: x\r\n\r\n", b"500"),
    "a handler that is cancelled": (b"GET /cancelled HTTP/1.1\r\nHost: x\r\n\r\n", b"500"),
    "a handler that cancels itself": (b"GET /cancels-itself HTTP/1.1\r\nHost: x\r\n\r\n", b"500"),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_every_request_gets_a_status_and_at_most_a_line_at_debug_level(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    found: dict[str, bytes] = {}
    logged: dict[str, list[logging.LogRecord]] = {}

    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        for name, (sent, _) in REQUESTS.items():
            caplog.clear()
            found[name] = (await answered(connect, sent)).split(b" ")[1]
            await until(listener, 0)  # the end of a connection may have something to say, too
            logged[name] = [each for each in caplog.records if each.name != "asyncio" or each.levelno > logging.INFO]

    with caplog.at_level(logging.DEBUG):
        serve(scenario, loop=loop)
    assert found == {name: status for name, (_, status) in REQUESTS.items()}
    for name, records in logged.items():
        assert len(records) <= 1, name
        for record in records:
            assert record.levelno == (logging.ERROR if found[name] == b"500" else logging.DEBUG), name
            assert bool(record.exc_info) == (found[name] == b"500"), name
            assert len(str(vars(record))) < 2500, name


def test_pipelined_requests_are_answered_in_order() -> None:
    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        writer.write(b"".join(HEAD + b"%010d" % number for number in range(100)))
        received = b""
        while received.count(b"HTTP/1.1 200") < 100 or not received.endswith(b"%010d" % 99):
            received += await reader.read(65536)
        assert [received.index(b"%010d" % number) for number in range(100)] == sorted(
            received.index(b"%010d" % number) for number in range(100)
        )
        writer.close()

    serve(scenario)


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_an_empty_line_before_each_pipelined_request_is_skipped(size: int) -> None:
    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        sent = b"".join(b"\r\n" + HEAD + b"%010d" % number for number in range(5)) + b"\r\nGARBAGE\r\n\r\n"
        for begin in range(0, len(sent), size):
            writer.write(sent[begin : begin + size])
            await asyncio.sleep(0)
        received = await rest(reader)
        assert [received.count(b"%010d" % number) for number in range(5)] == [1] * 5
        assert (received.count(b"HTTP/1.1 200 OK"), received.count(b"HTTP/1.1 400 Bad Request")) == (5, 1)
        writer.close()

    serve(scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_bodies_arrive_as_they_were_sent_however_they_are_split(loop: str, secure: bool) -> None:
    random = Random(f"{loop} {secure}")

    def framed(body: bytes) -> bytes:
        if random.random() < 0.3:
            return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        size, chunks = random.choice([1, 1, 7, 300, 1000]), b""
        for begin in range(0, len(body), size):
            piece = body[begin : begin + size]
            chunks += b"%x%s\r\n%s\r\n" % (len(piece), random.choice([b"", b";a=b"]), piece)
        return b"Transfer-Encoding: chunked\r\n\r\n" + chunks + random.choice([b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n"])

    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        for _round in range(60):
            bodies = [random.randbytes(random.choice([0, 1, 100, 1000])) for _ in range(random.choice([1, 1, 3]))]
            sent = b"".join(b"POST /echo HTTP/1.1\r\nHost: x\r\n" + framed(body) for body in bodies)
            while sent:
                length = random.choice([1, 50, 5000])
                writer.write(sent[:length])
                sent = sent[length:]
                await asyncio.sleep(0)
            for body in bodies:
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                assert f"Content-Length: {len(body)}\r\n".encode() in head
                assert await reader.readexactly(len(body)) == body
        writer.close()

    serve(scenario, loop=loop, secure=secure)


def test_an_invalid_request_after_a_head_request_is_answered() -> None:
    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        writer.write(b"HEAD /large HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n")
        received = await rest(reader)
        assert received.count(b"HTTP/1.1 200 OK\r\n") == received.count(b"HTTP/1.1 400 Bad Request\r\n") == 1
        assert received.endswith(b"\r\n\r\nthe request is not complete or not valid\n")
        writer.close()

    serve(scenario)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("reads", [False, True], ids=["reads nothing", "reads"])
def test_no_more_is_read_than_is_answered(loop: str, secure: bool, reads: bool) -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        writer.write(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n" * 300_000)
        most = answers = 0
        while answers < 100 if reads else most == 0:
            if reads:
                answers += (await reader.read(65536)).count(b"HTTP/1.1")
            await asyncio.sleep(0.01)
            (connection,) = listener._open
            most = max(most, len(connection._http.trailing_data[0]))
        assert 0 < most < 1_000_000
        writer.transport.abort()

    serve(scenario, loop=loop, secure=secure)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("path", [b"/large", b"/echo"])
def test_a_peer_that_sends_nothing_more_gets_its_response(loop: str, path: bytes) -> None:
    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert len(await reader.readexactly(length)) == length
        assert await reader.read() == b""
        writer.close()

    serve(scenario, loop=loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_peer_that_goes_away_in_its_body_leaves_nothing_behind(
    loop: str, secure: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        for size in (1, 70_000, 500_000) * 3:
            _, writer = await connect()
            writer.write(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" + b"x" * size)
            await asyncio.sleep(0.02)
            writer.close()
        await until(listener, 0)
        assert not listener._open

    with caplog.at_level(logging.INFO):
        serve(scenario, loop=loop, secure=secure)
    assert [record.getMessage() for record in caplog.records if record.name != "asyncio"] == []
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_peer_that_goes_away_in_its_response_is_not_worth_a_line(
    loop: str, secure: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        (connection,) = listener._open
        while not connection._transport.get_write_buffer_size():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        writer.transport.abort()
        await until(listener, 0)

    with caplog.at_level(logging.INFO):
        serve(scenario, loop=loop, secure=secure)
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


def test_an_empty_line_may_arrive_before_its_request() -> None:
    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        for _round in range(3):
            writer.write(b"\r\n")
            await asyncio.sleep(0.02)
            writer.write(HEAD + b"1234567890")
            assert (await reader.readuntil(b"1234567890")).startswith(b"HTTP/1.1 200 OK")
        writer.close()

    serve(scenario)
