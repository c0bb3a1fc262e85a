"""One HTTP/1.1 connection, which sends one request at a time and reads its response.

Framing is llhttp's (through httptools). A general HTTP client costs twice the CPU of the whole request, and a client of
an API server must not use its further features: cookies, redirects and compression.

See https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import httptools

from kaiwu_runtime._error_text import reason
from kaiwu_runtime.rest._response import Response

HIGH_WATER = 1 << 20
"""Bytes of a streamed answer that wait for their reader before the server is made to wait."""

MAX_OVERHEAD = 1 << 20
"""Bytes without a part of a body, such as headers, after which an answer does not come from an API server."""

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_HEAD_END = b"\r\n\r\n"


class BrokenConnectionError(Exception):
    """A connection that was established ended before the answer was complete."""


class Connection(asyncio.Protocol):
    """The protocol of one connection."""

    def __init__(self) -> None:
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self.lost = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._error: BrokenConnectionError | TimeoutError | None = None
        self._head = bytearray()
        self._chunks: list[bytes] = []
        self._waiting_bytes = 0
        self._overhead = 0
        self._paused = False
        self._response: Response | None = None
        self._busy = False
        self._complete = False
        self._streaming = False
        self._watching = False
        self._keep = True

    @property
    def reusable(self) -> bool:
        """Whether another request can follow: nothing is in progress and the server keeps the connection."""
        return not self.closed and not self._busy and self._keep and self._error is None

    @property
    def watching(self) -> bool:
        """Whether the answer in progress is a watch, which can be resumed on another connection."""
        return self._busy and self._watching

    @property
    def is_unanswered(self) -> bool:
        """Whether not a byte of the answer to the request in progress has come."""
        return self._response is None and not self._head

    @property
    def timed_out(self) -> bool:
        """Whether it has been silent for longer than a request may wait."""
        return isinstance(self._error, TimeoutError)

    @property
    def transport(self) -> asyncio.Transport:
        """The transport that carries the bytes."""
        if self._transport is None:
            raise BrokenConnectionError("the connection is not established")
        return self._transport

    @transport.setter
    def transport(self, value: asyncio.Transport) -> None:
        """Continue on another transport: TLS over this one."""
        self._transport = value

    async def begin(self, request: bytes, seconds: float, *, streaming: bool = True, watch: bool = False) -> Response:
        """Send a request and return the head of the answer; its body comes from `chunks`, or from `body`.

        Args:
            request: Head and body.
            seconds: How long it may take.
            streaming: False returns only when the body is complete, which saves waking up for its parts.
            watch: It is a watch.

        Raises:
            BrokenConnectionError: The connection ended, or the response is not valid HTTP.
            TimeoutError: It took too long.
        """
        self._busy, self._complete, self._streaming, self._watching = True, False, streaming, watch
        self._response = None
        if self.closed and self._error is None:  # between two requests, when no request waited
            raise BrokenConnectionError("the server closed the connection")
        self.transport.write(request)
        while self._response is None or not (streaming or self._complete):
            await self._wait(seconds)
        return self._response

    def body(self) -> bytes:
        """Return the body of an answer that was not streamed, and be ready for the next request."""
        self._busy = False
        return self._taken()

    async def chunks(self, idle_timeout: float) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes.

        Args:
            idle_timeout: Seconds without a byte after which the connection counts as dead.

        Raises:
            BrokenConnectionError: It ended before the body did.
            TimeoutError: Nothing came for too long.
        """
        while True:
            while self._chunks:
                chunk = self._taken()
                if self._paused:
                    self._paused = False
                    self.transport.resume_reading()
                yield chunk
            if self._complete:
                self._busy = False
                return
            await self._wait(idle_timeout)

    def detach(self) -> asyncio.Transport:
        """Hand the transport over to a protocol other than HTTP.

        Raises:
            BrokenConnectionError: The connection has ended.
        """
        transport = self.transport
        if self.closed:
            raise BrokenConnectionError("the server closed the connection")
        self.closed, self._transport = True, None
        self.lost.set_result(None)
        del self._parser
        return transport

    def abort(self) -> None:
        """End the connection at once."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # callbacks of asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        # httptools calls it for each part of a body.
        self.on_body = self._chunks.append
        # Not before: a connection that was never made is never closed, so the parser would not be freed.
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came; anything between two answers is an error."""
        if not self._busy or self._complete:
            self._fail("the server sent data without a request")
            return
        if self._response is None:
            self._head += data
        parts = len(self._chunks)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not an HTTP response: {error}")
        except httptools.HttpParserUpgrade:
            self._fail("the server wants another protocol than HTTP")
        if len(self._chunks) == parts:
            # Headers are kept, and other framing is waited for: of a hostile server without an end.
            self._overhead += len(data)
            if self._overhead > MAX_OVERHEAD:
                self._fail(f"more than {MAX_OVERHEAD} bytes of headers")
            return
        self._overhead = 0
        if self._streaming:
            self._waiting_bytes += len(data)
            if self._waiting_bytes > HIGH_WATER and not self._paused and not self.closed:
                self._paused = True
                self.transport.pause_reading()
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake up the waiting request."""
        self.closed = True
        if self.lost.done():
            return
        self.lost.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        del self._parser  # which holds this connection: without the cycle both are freed at once
        if not self._busy or self._complete:
            return
        # An answer without a length ends with its connection.
        response = self._response
        if exc is None and response is not None and not any(name in _FRAMING for name, _ in response.headers):
            self._complete, self._keep = True, False
            self._wake()
            return
        self._error = BrokenConnectionError("the server closed the connection" if exc is None else reason(exc))
        self._wake()

    # callbacks of httptools

    def on_message_begin(self) -> None:
        """Start a head, unless an answer has come that nothing asked for."""
        if self._complete:
            raise BrokenConnectionError("the server sent data without a request")

    def on_headers_complete(self) -> None:
        """Keep the head, unless it is an interim answer."""
        status = self._parser.get_status_code()
        head, start = self._head, 0
        while head[start] in b"\r\n":  # empty lines may come before the status line
            start += 1
        found = head.find(_HEAD_END, start)
        end = len(head) if found < 0 else found + len(_HEAD_END)
        if status < 200:
            if status < 100:  # its body would count as that of the next answer
                raise BrokenConnectionError(f"status {status}")
            del head[:end]
            return
        self._response = Response(status, bytes(head[start:end]))
        head.clear()
        if self._streaming:
            self._wake()

    def on_message_complete(self) -> None:
        """End the answer."""
        if self._response is None:
            return  # an interim one
        self._overhead = 0
        self._complete = True
        self._keep = self._parser.should_keep_alive()
        self._wake()

    def _taken(self) -> bytes:
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._waiting_bytes = 0
        return body

    async def _wait(self, seconds: float) -> None:
        if self._error is not None:
            raise _copy(self._error)
        loop = self._loop
        self._waiter = waiter = loop.create_future()
        self._deadline = deadline = loop.time() + seconds
        timer = self._timer
        if timer is None or timer.when() > deadline:
            self._arm()
        try:
            await waiter
        finally:
            self._waiter = None
        # What came before the end still counts: it is yielded first.
        if self._error is not None and not self._chunks:
            raise _copy(self._error)

    def _arm(self) -> None:
        """Set the timer, which stays set when the wait is over: a new one for each wait would cost as much again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._arm()
            return
        self._error = TimeoutError("timed out")
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, reason: str) -> None:
        if self._error is None:
            self._error = BrokenConnectionError(reason)
        self._wake()
        self.abort()


def _copy(error: BrokenConnectionError | TimeoutError) -> BrokenConnectionError | TimeoutError:
    """Return an error to raise: the traceback of the connection's own would hold the connection, and that the error."""
    return type(error)(*error.args)
