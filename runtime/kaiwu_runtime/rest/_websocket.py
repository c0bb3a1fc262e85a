"""A WebSocket over a connection of this package: its proxies, its TLS and its credentials, for commands in containers.

The framing is that of the websockets library, which does no input or output of its own here. This module is imported
when a WebSocket is first opened.

See https://www.rfc-editor.org/rfc/rfc6455
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.http11 import Response as Handshake
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from kaiwu_runtime._error_text import one_line, reason
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._connection import HIGH_WATER, BrokenConnectionError, Connection
from kaiwu_runtime.rest._response import Response
from kaiwu_runtime.rest._websocket_handshake import SILENT, HandshakeRefusedError, said, without_host
from kaiwu_runtime.rest._websocket_messages import Messages

PING_SECONDS = 15.0
"""How often the server is asked whether it is there: proxies and load balancers close what is silent."""

SILENT_SECONDS = 60.0
"""After how many seconds without a byte the connection counts as dead."""

CLOSE_SECONDS = 1.0
"""How long the end of the connection is waited for."""

MAX_MESSAGE = 16 << 20

SLICE = 32 << 10
"""Bytes that are parsed at once: in small messages, as of a program that writes byte by byte, they take a while."""


class WebSocket(asyncio.Protocol):
    """The client's side of one WebSocket; see :class:`~kaiwu_runtime.rest.Socket`.

    Args:
        what: Names the connection in errors.
        subprotocols: What to offer the server.

    Attributes:
        subprotocol: What the server has chosen; empty if it has chosen none.
    """

    def __init__(self, what: str, subprotocols: Sequence[str]) -> None:
        # The address only becomes the Host header, which the caller sends.
        address = WebSocketURI(False, "localhost", 80, "/", "")
        self._protocol = ClientProtocol(
            address,
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            max_size=MAX_MESSAGE,
            logger=SILENT,
        )
        self._what = what
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._answered: asyncio.Future[Handshake] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._messages = Messages()
        self._unparsed = bytearray()
        self._parsing: asyncio.Handle | None = None
        self._at_end = False
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._heard = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._error = ""
        self._ended = False
        self.subprotocol = ""

    async def open(
        self, connection: Connection, target: str, headers: Iterable[tuple[str, str]], seconds: float
    ) -> Response:
        """Take over a connection and do the handshake.

        Args:
            connection: An established one.
            target: The request line's target.
            headers: The request's headers, Host included.
            seconds: How long it may take.

        Raises:
            HandshakeRefusedError: The server answered with another status.
            BrokenConnectionError: The connection ended, or the answer is not valid.
            TimeoutError: It took too long.
        """
        self._transport = connection.detach()
        self._transport.set_protocol(self)
        handshake = self._protocol.connect()
        request = Request(target, Headers([*headers, *without_host(handshake.headers)]))
        self._protocol.send_request(request)
        self._flush()
        try:
            async with asyncio.timeout(seconds):
                answer = await self._answered
        except TimeoutError:
            self.abort()
            raise TimeoutError("timed out") from None
        except BaseException:
            self.abort()
            raise
        lines = ["HTTP/1.1", *(f"{name}: {value}" for name, value in answer.headers.raw_items())]
        response = Response(answer.status_code, "\r\n".join(lines).encode("latin-1", "surrogateescape"))
        error = self._protocol.handshake_exc
        if error is not None:
            self.abort()
            if isinstance(error, InvalidStatus):
                raise HandshakeRefusedError(response, bytes(answer.body or b""))
            raise BrokenConnectionError(said(error))
        self.subprotocol = self._protocol.subprotocol or ""
        if not self._ended:  # it may have ended right behind the handshake
            self._timer = self._loop.call_later(PING_SECONDS, self._ping)
        return response

    async def send(self, message: bytes) -> None:
        """Send a binary message; see :class:`~kaiwu_runtime.rest.Socket`."""
        await self._writable.wait()
        if self._ended or self._protocol.close_rcvd is not None or self._transport.is_closing():
            raise self._failure()
        self._protocol.send_binary(message)
        self._flush()
        # What has come is read before more is sent: a server that closes the connection resets it when more comes.
        await asyncio.sleep(0)

    async def receive(self) -> bytes | None:
        """Return the next message; see :class:`~kaiwu_runtime.rest.Socket`."""
        while not self._messages:
            if self._protocol.close_rcvd is not None and not self._error:
                return None
            if self._ended:
                raise self._failure()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._messages.pop()
        self._regulate()
        return message

    async def close(self) -> None:
        """Close the connection."""
        if not self._ended:
            if self._protocol.close_sent is None and self._protocol.close_rcvd is None:
                self._protocol.send_close(1000)
                self._flush()
            if not self._transport.is_closing():  # of Python 3.11's TLS a second one would break abort()
                self._transport.close()
            await asyncio.wait([self._lost], timeout=CLOSE_SECONDS)
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        self._end("closed")
        if not self._lost.done():
            self._transport.abort()

    # asyncio's side

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._heard = self._loop.time()
        self._unparsed += data
        if self._parsing is None:
            self._parse()

    def eof_received(self) -> None:
        """Parse the end."""
        self._at_end = True
        if not self._unparsed:
            self._protocol.receive_eof()
            self._take()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake up who waits."""
        if self._unparsed and not self._ended:
            self._protocol.receive_data(bytes(self._unparsed))
            self._unparsed.clear()
            self._take()
        if exc is None and not self._answered.done():
            self._protocol.receive_eof()  # it ends the body of a rejection without a length
            self._take()
        self._end("the server closed the connection" if exc is None else reason(exc))
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        """Let the sender wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let the sender go on."""
        self._writable.set()

    def _parse(self) -> None:
        """Parse a slice of what came, and the rest when others had their turn."""
        self._parsing = None
        if self._ended:
            self._unparsed.clear()
            return
        if self._unparsed:
            piece = bytes(self._unparsed[:SLICE])
            del self._unparsed[:SLICE]
            self._protocol.receive_data(piece)
            self._take()
        if self._unparsed:
            self._parsing = self._loop.call_soon(self._parse)
        elif self._at_end:
            self._protocol.receive_eof()
            self._take()

    def _regulate(self) -> None:
        """Let the server wait while what it has sent is neither parsed nor read."""
        paused = bool(self._unparsed) or self._messages.size > HIGH_WATER
        if paused == self._paused or self._ended:
            return
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._heard = self._loop.time()
            self._transport.resume_reading()

    def _take(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Handshake):
                if not self._answered.done():
                    self._answered.set_result(event)
            elif isinstance(event, Frame):
                self._messages.add(event)
        self._regulate()
        self._flush()
        if self._transport.get_write_buffer_size() > HIGH_WATER:
            # Only answers to pings can have filled it: who sends a message waits before.
            self._fail("the server does not read what it is sent")
        broken = self._protocol.parser_exc
        if broken is not None and self._answered.done() and not isinstance(broken, EOFError):
            self._fail(one_line(broken))  # and not when the server likes to close
        error = self._protocol.handshake_exc
        if error is not None and not self._answered.done():
            self._answered.set_exception(BrokenConnectionError(said(error)))
        self._wake()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()

    def _ping(self) -> None:
        self._timer = None
        if self._ended:
            return
        if not self._paused and self._loop.time() - self._heard > SILENT_SECONDS:
            self._fail(f"the server sent nothing for {SILENT_SECONDS:.0f} s")
            return
        if self._protocol.close_sent is None and self._protocol.close_rcvd is None:
            self._protocol.send_ping(b"")
            self._flush()
        self._timer = self._loop.call_later(PING_SECONDS, self._ping)

    def _fail(self, error: str) -> None:
        self._end(error)
        self._transport.abort()

    def _end(self, error: str) -> None:
        if self._ended:
            return
        self._ended = True
        if self._protocol.close_rcvd is None:
            self._error = error
        if self._timer is not None:
            self._timer.cancel()
        if not self._answered.done():
            self._answered.set_exception(BrokenConnectionError(error))
        self._writable.set()
        self._wake()

    def _failure(self) -> APIConnectionError:
        closed = self._protocol.close_rcvd
        text = self._error or (" ".join(closed.reason.split()) if closed else "") or "the server closed the connection"
        return APIConnectionError(f"{self._what}: {text}")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
