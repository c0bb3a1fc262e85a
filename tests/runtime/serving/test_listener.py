"""Unauthenticated peers of a port: each of them stalls or sends nonsense in another way."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import resource
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import pytest

from kaiwu_runtime.serving import _acceptor as acceptor_module
from kaiwu_runtime.serving._acceptor import ConnectionLimits
from kaiwu_runtime.serving._listener import Listener

from .peers import HEAD, LARGE, LIMITS, LOOPS, Peer, answered, rest, routes, serve, until

STALLED = {
    "nothing": b"",
    "a byte": b"P",
    "half a head": HEAD[:30],
    "a head without its end": HEAD[:-2],
    "a head": HEAD,
    "half a body": HEAD + b"12345",
    "half a chunk": b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12",
    "a chunk without the last": b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    "Expect and no body": HEAD[:-2] + b"Expect: 100-continue\r\n\r\n",
    "a request, then nothing": HEAD + b"1234567890",
    "a request, then half a head": HEAD + b"1234567890" + HEAD[:30],
    "a request, then half a body": HEAD + b"1234567890" + HEAD + b"1",
    "a body that is not read": HEAD.replace(b"/echo", b"/other") + b"1",
    "an upgrade, then nothing": b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_peer_that_stalls_is_closed(loop: str, secure: bool) -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        async def stall(sent: bytes) -> None:
            reader, writer = await connect()
            writer.write(sent)
            await rest(reader)
            writer.close()

        await asyncio.gather(*(stall(sent) for sent in STALLED.values()))
        assert await answered(connect) == b"HTTP/1.1 200 OK"
        assert listener.started

    serve(scenario, loop=loop, secure=secure)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n"])
def test_a_peer_that_does_not_finish_the_handshake_is_closed(loop: str, sent: bytes) -> None:
    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect(tls=False)
        writer.write(sent)
        await rest(reader)
        writer.close()
        assert await answered(connect) == b"HTTP/1.1 200 OK"

    serve(scenario, loop=loop, secure=True)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_peer_that_does_not_read_its_response_is_closed(loop: str, secure: bool) -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        reader, writer = await connect()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(LIMITS.write)
        await until(listener, 0)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await rest(reader)) < LARGE
        writer.close()

    serve(scenario, loop=loop, secure=secure)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("served", [False, True], ids=["first request", "second request"])
@pytest.mark.parametrize(
    "sent",
    [HEAD.replace(b"echo", b"patient") + b"1", b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"],
    ids=["sends", "reads"],
)
def test_requests_that_wait_for_their_peer_make_room(sent: bytes, served: bool, secure: bool, loop: str) -> None:
    limits = ConnectionLimits(connections=10, write=60.0)

    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        held = [await connect() for _ in range(limits.connections)]
        for reader, writer in held:
            if served:
                writer.write(HEAD + b"1234567890")
                await reader.readuntil(b"1234567890")
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(sent)
        async with asyncio.timeout(10):
            assert await answered(connect) == b"HTTP/1.1 200 OK"
        assert listener.connections <= limits.connections
        for _, writer in held:
            writer.transport.abort()

    serve(scenario, loop=loop, secure=secure, limits=limits)


def test_a_full_port_closes_nothing_while_no_other_peer_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor_module, "GRACE_SECONDS", 0.0)
    limits = ConnectionLimits(connections=8, header=60.0)

    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        held = [await connect() for _ in range(limits.connections)]
        await until(listener, limits.connections)
        await asyncio.sleep(2 * acceptor_module.FULL_POLL_SECONDS)
        for reader, writer in held:
            writer.write(HEAD + b"1234567890")
            assert (await reader.readline()).strip() == b"HTTP/1.1 200 OK"
            writer.transport.abort()

    serve(scenario, limits=limits)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_connections_that_do_nothing_make_room(loop: str, secure: bool) -> None:
    limits = ConnectionLimits(connections=10, header=60.0, handshake=60.0)

    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        held = [await connect(tls=False) for _ in range(limits.connections + 5)]
        for _, writer in held:
            writer.write(b"POST /ec" if not secure else b"\x16")
        assert await answered(connect) == b"HTTP/1.1 200 OK"
        assert listener.connections <= limits.connections
        for _, writer in held:
            writer.close()

    serve(scenario, loop=loop, secure=secure, limits=limits)


def test_requests_in_progress_are_not_closed_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor_module, "GRACE_SECONDS", 0.1)
    limits = ConnectionLimits(connections=8, idle=60.0, body=60.0)

    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        busy = [await connect() for _ in range(7)]
        for _, writer in busy:
            writer.write(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(listener, len(busy))
        for _ in range(12):
            assert await answered(connect) == b"HTTP/1.1 200 OK"
        for reader, writer in busy:
            assert (await reader.readline()).strip() == b"HTTP/1.1 200 OK"
            writer.close()

    serve(scenario, limits=limits)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_peers_that_go_away_are_not_worth_a_line(loop: str, secure: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        caplog.clear()
        for sent in [*STALLED.values(), b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", HEAD * 50]:
            _, writer = await connect()
            writer.write(sent)
            await writer.drain()
            writer.transport.abort()
        await until(listener, 0)

    with caplog.at_level(logging.INFO):
        serve(scenario, loop=loop, secure=secure)
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("loop", LOOPS)
def test_a_peer_that_goes_away_leaves_no_work_behind(loop: str) -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        before = len(asyncio.all_tasks())
        for _ in range(30):
            _, writer = await connect()
            writer.write(b"GET /forever HTTP/1.1\r\nHost: x\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.transport.abort()
        await until(listener, 0)
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    serve(scenario, loop=loop)


@pytest.mark.parametrize("path", [b"/forever", b"/late-after-a-group"])
@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_that_takes_too_long_is_given_up(loop: str, path: bytes) -> None:
    limits = ConnectionLimits(answer=0.2)

    async def scenario(_: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        assert b" 504 " in await answered(connect, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n") + b" "

    serve(scenario, loop=loop, limits=limits)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_response_is_sent_to_its_end_when_the_listener_stops(loop: str) -> None:
    async def main() -> None:
        listener = Listener("127.0.0.1", 0, "--x", shutdown_timeout=30.0)
        await listener.start(routes())
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", listener.port)
        await until(listener, 2)
        stopping = asyncio.create_task(listener.stop())
        assert await rest(idle_reader) == b""
        assert not stopping.done()
        length = 0
        while piece := await reader.read(65536):
            length += len(piece)
        assert length == LARGE
        await stopping
        for each in (writer, idle_writer):
            each.close()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())


def test_a_failed_handshake_leaves_no_memory_behind() -> None:
    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                reader, writer = await connect(tls=False)
                writer.write(b"GET / HTTP/1.1\r\n\r\n")
                await rest(reader)
                writer.close()
            await until(listener, 0)
            await asyncio.sleep(0.1)
            left = [each for each in gc.get_objects() if type(each).__name__ == "SSLProtocol" and each._server_side]
            assert left == []
        finally:
            gc.enable()

    serve(scenario, secure=True)


def test_no_descriptors_is_one_line_and_passes(caplog: pytest.LogCaptureFixture) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def scenario(listener: Listener, _: Callable[..., Awaitable[Peer]]) -> None:
        with socket.socket() as client, ExitStack() as stack:
            client.setblocking(False)
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
            try:
                while True:  # those below that are free
                    try:
                        stack.callback(os.close, os.dup(0))
                    except OSError:
                        break
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", listener.port))
                await asyncio.sleep(1.0)
            finally:
                stack.close()
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            await until(listener, 1)

    with caplog.at_level(logging.WARNING):
        serve(scenario)
    assert [record.getMessage() for record in caplog.records] == ["Cannot accept connections"]


def test_a_peer_that_goes_away_before_it_is_accepted_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On some systems `accept` says so; Linux returns the connection, whose first read fails."""
    accept, gone = socket.socket.accept, iter([ConnectionAbortedError(errno.ECONNABORTED, "Software caused abort")])

    def accepted(listening: socket.socket) -> tuple[socket.socket, object]:
        for error in gone:
            raise error
        return accept(listening)

    async def scenario(listener: Listener, connect: Callable[..., Awaitable[Peer]]) -> None:
        assert await answered(connect) == b"HTTP/1.1 200 OK"

    monkeypatch.setattr(socket.socket, "accept", accepted)
    with caplog.at_level(logging.WARNING):
        serve(scenario)
    assert not list(gone)
    assert not caplog.records


def test_few_descriptors_mean_few_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        assert sum(ConnectionLimits(connections=most).bounded_connections() for most in (128, 128, 512)) < 600
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
