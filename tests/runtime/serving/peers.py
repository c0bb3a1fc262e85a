"""Peers of a listener that runs in an event loop of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import uvloop

from kaiwu_runtime.serving._acceptor import ConnectionLimits
from kaiwu_runtime.serving._exchange import read_body
from kaiwu_runtime.serving._listener import Listener
from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import Response
from kaiwu_runtime.serving._routes import Routes
from kaiwu_runtime.serving._serving_certificate import ServingCertificate

LIMITS = ConnectionLimits(connections=20, handshake=0.5, header=0.5, body=0.5, write=1.0, idle=1.0)


LARGE = 64 * 1024 * 1024


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


Scenario = Callable[[Listener, Callable[..., Awaitable[Peer]]], Coroutine[Any, Any, None]]


def routes() -> Routes:
    async def echo(request: Request) -> Response:
        return Response(body=(bytes(await read_body(request, 1000, LIMITS.body)),))

    async def patient(request: Request) -> Response:
        return Response(body=(bytes(await read_body(request, 1000, 60.0)),))

    async def large(_: Request) -> Response:
        return Response(body=(b"x" * LARGE,))

    async def slow(_: Request) -> Response:
        await asyncio.sleep(0.05)
        return Response()

    async def second(_: Request) -> Response:
        await asyncio.sleep(1.0)
        return Response()

    async def ends(_: Request) -> Response:
        raise SystemExit(3)

    async def cancelled(_: Request) -> Response:
        raise asyncio.CancelledError

    async def cancels_itself(_: Request) -> Response:
        current = asyncio.current_task()
        assert current is not None
        current.cancel()
        await asyncio.sleep(60)
        return Response()

    async def late_after_a_group(_: Request) -> Response:
        async def fail() -> None:
            raise ValueError("no")

        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:  # before Python 3.13 it leaves the task marked as being cancelled
                group.create_task(fail())
        await asyncio.sleep(60)
        return Response()

    async def forever(_: Request) -> Response:
        await asyncio.Event().wait()
        return Response()

    made = Routes()
    made.post("/echo", echo)
    made.post("/patient", patient)
    made.get("/large", large)
    made.get("/ends", ends)
    made.get("/slow", slow)
    made.get("/second", second)
    made.post("/slow", slow)
    made.get("/forever", forever)
    made.get("/cancelled", cancelled)
    made.get("/cancels-itself", cancels_itself)
    made.get("/late-after-a-group", late_after_a_group)
    return made


def serve(
    scenario: Scenario, *, loop: str = "asyncio", secure: bool = False, limits: ConnectionLimits = LIMITS
) -> None:
    """Run a scenario against a listener, in an event loop of its own."""
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE

    async def main() -> None:
        listener = Listener("127.0.0.1", 0, "--x", limits=limits)
        await listener.start(routes(), context=ServingCertificate(None).context if secure else None)

        async def connect(*, tls: bool = secure) -> Peer:
            return await asyncio.open_connection("127.0.0.1", listener.port, ssl=client if tls else None)

        try:
            async with asyncio.timeout(60):
                await scenario(listener, connect)
        finally:
            await listener.stop()

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(main())


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what is sent until the connection is closed, whichever way."""
    received = b""
    try:
        while piece := await reader.read(65536):
            received += piece
    except ConnectionError:
        pass
    return received


HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


async def answered(connect: Callable[..., Awaitable[Peer]], sent: bytes = HEAD + b"1234567890") -> bytes:
    """Return the first line of the answer to a request."""
    reader, writer = await connect()
    writer.write(sent)
    line = await reader.readline()
    writer.transport.abort()
    return line.strip()


async def until(listener: Listener, connections: int) -> None:
    """Wait for a number of connections."""
    while listener.connections != connections:  # noqa: ASYNC110 - the listener has no event for it
        await asyncio.sleep(0.01)
