"""HTTP/1.1 on one connection: h11 reads and writes the messages, this moves the bytes and bounds what waits.

See https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import cast

import h11

from kaiwu_runtime._error_text import summary
from kaiwu_runtime.serving._acceptor import Connection
from kaiwu_runtime.serving._request import LOGGED, PeerGoneError, Request
from kaiwu_runtime.serving._response import HTTPError, Response

logger = logging.getLogger("kaiwu_runtime.serving.http_connection")

HEAD_BYTES = 16 * 1024
"""Maximum size of the head of a request, or of what frames a chunk."""

READ_AHEAD_BYTES = 64 * 1024
"""Received bytes that may wait for a handler before nothing more is read from the peer."""

MANY_EVENTS = 200
"""Small chunks of a body that are read at once, about a millisecond of work."""

WRITE_BYTES = 256 * 1024
"""Bytes that are passed to the transport at once."""

LINGER_SECONDS = 1.0
"""Seconds to read the rest of a body after the response, so that the peer receives the response."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class HTTPConnection(asyncio.Protocol):
    """Reads requests one after the other and sends their responses.

    Args:
        connection: What limits the time of its peer.
        respond: Returns the response to a request, whatever happens.
        write_seconds: How long the peer may take to read a response.
        open_: Contains it from the connection's beginning to its end.
    """

    def __init__(
        self,
        connection: Connection,
        respond: Callable[[Request], Awaitable[Response]],
        write_seconds: float,
        open_: set[HTTPConnection],
    ) -> None:
        self._connection = connection
        self._respond = respond
        self._write_seconds = write_seconds
        self._open = open_
        self._http = _http_state()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._exchange: asyncio.Task[None] | None = None
        self._arrived, self._writable = asyncio.Event(), asyncio.Event()
        self._writable.set()
        self._waiting = 0
        self._answered = self._without_body = False
        self._last = False
        self._ended = False
        self.remote = ""
        self.lost = asyncio.Event()
        """Set when the connection is closed."""

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered, or its response waits to be sent."""
        return self._exchange is not None or self._transport.get_write_buffer_size() > 0

    @property
    def is_ending(self) -> bool:
        """Whether the connection is closed, or closes after the response."""
        return self._ended or self._last

    @property
    def exchange(self) -> asyncio.Task[None] | None:
        """What answers the present request."""
        return self._exchange

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass of it
        self._open.add(self)
        peer = transport.get_extra_info("peername")
        self.remote = str(peer[0]) if isinstance(peer, tuple) and peer else ""

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        if self._ended:
            return
        self._http.receive_data(data)
        self._waiting += len(data)
        if self._exchange is None:
            self._next_request()
        else:
            self._arrived.set()
            if self._waiting > READ_AHEAD_BYTES and not self._transport.is_closing():
                self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Wait for the peer to read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Continue to write."""
        self._writable.set()

    def eof_received(self) -> bool:
        """Return whether the connection stays open: while a response is sent to a peer that sends nothing more."""
        if self._exchange is not None and self._answered and self._transport.can_write_eof():
            self._last = True
            return True
        self._ended = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Cancel what was done for the peer."""
        self._ended = True
        self._open.discard(self)
        self.lost.set()
        self._arrived.set()
        self._writable.set()
        if self._exchange is not None:
            self._exchange.cancel()

    def finish(self) -> None:
        """Close the connection after the response to the present request, or now."""
        self._last = True
        if self._exchange is None and not self._ended:
            self._end()

    async def read(self) -> bytearray:
        """Return the next piece of the present request's body; empty at its end.

        Raises:
            HTTPError: The body is not valid.
            PeerGoneError: The peer has closed the connection.
        """
        if self._http.they_are_waiting_for_100_continue and not self._ended:
            self._transport.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        gathered, events = bytearray(), 0
        while self._http.their_state is h11.SEND_BODY and len(gathered) < READ_AHEAD_BYTES:
            event = self._next_event()
            if isinstance(event, h11.Data):
                gathered += event.data
            elif event is h11.NEED_DATA:
                if gathered:
                    break
                await self._more()
            events += 1
            if events % MANY_EVENTS == 0:
                await asyncio.sleep(0)
        return gathered

    async def send(self, response: Response) -> None:
        """Send the response to the present request; nothing if it has one already.

        Raises:
            PeerGoneError: The peer has closed the connection, or does not read.
        """
        if self._answered:
            return
        self._answered = True
        self._connection.since = self._loop.time()  # from now on the peer is to read
        if not self._body_has_arrived():
            # Reading on, to find where the next request begins, would be work that the peer chooses.
            self._last = True
        try:
            async with asyncio.timeout(self._write_seconds):
                for piece in self._encoded(response):
                    if self._ended or self._transport.is_closing():
                        raise PeerGoneError("the peer has closed the connection")
                    self._transport.write(piece)
                    await asyncio.sleep(0)  # lets the loop notice a peer that has gone, and serve others
                    if not self._writable.is_set():
                        await self._connection.wait(self._writable)
        except TimeoutError:
            logger.debug("Closed a connection that did not read its response", extra={"remote": self.remote})
            self._transport.abort()
            raise PeerGoneError("the response was not read in time") from None

    def _next_event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise HTTPError(400, "the request is not complete or not valid\n") from error

    def _next_request(self) -> None:
        """Begin to answer the next request if its head has arrived."""
        self._answered = self._without_body = False
        try:
            event = h11.NEED_DATA if self._is_before_request() else self._next_event()
            if not isinstance(event, h11.Request):
                self._waiting = 0
                self._resume_reading()  # not before: a peer could send requests faster than they are answered
                return
            self._without_body = event.method == b"HEAD"
            request = self._request(event)
        except HTTPError as error:
            logger.debug(
                "Rejected an invalid request",
                extra={"remote": self.remote, "error": summary(error.__cause__ or error)[:LOGGED]},
            )
            self._last = True
            for piece in self._encoded(error.response()):
                self._transport.write(piece)
            self._end()
            return
        self._connection.begin()
        self._exchange = self._loop.create_task(self._answer(request), name=f"answer {self.remote}")

    def _is_before_request(self) -> bool:
        """Skip an empty line before a request, see RFC 9112, section 2.2; return whether half of one has arrived."""
        if self._http.their_state is not h11.IDLE:
            return False
        received = self._http.trailing_data[0]
        if received.startswith(b"\r\n"):
            # h11 rejects it, and gives no way to drop what it has received.
            received = received[2:]
            self._http = _http_state()
            if received:  # no bytes would be the end of the connection
                self._http.receive_data(received)
        return received == b"\r"

    def _request(self, event: h11.Request) -> Request:
        size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
        if size > HEAD_BYTES or not event.http_version.startswith(b"1."):
            raise HTTPError(400, "the head of the request is too large, or of another version of HTTP\n")
        fields = ((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers)
        return Request(event.method.decode("ascii"), event.target.decode("ascii"), fields, self)

    async def _answer(self, request: Request) -> None:
        try:
            await self.send(await self._respond(request))
        except PeerGoneError:
            self._last = True
        except BaseException as error:
            self._last = True
            if not self.lost.is_set():
                self._transport.abort()
            if not isinstance(error, Exception):
                raise
            logger.exception("A response cannot be sent")
        finally:
            self._exchange = None
            self._connection.end()
        if self._ended:
            return
        if self._last or self._http.our_state is not h11.DONE:
            self._end()
            return
        self._http.start_next_cycle()
        self._next_request()

    def _body_has_arrived(self) -> bool:
        """Drop what has arrived of the request's body, and return whether that was all of it."""
        try:
            for _ in range(MANY_EVENTS):
                if self._http.their_state is not h11.SEND_BODY:
                    return True
                if self._next_event() is h11.NEED_DATA:
                    return False
        except HTTPError:
            pass
        return False

    def _encoded(self, response: Response) -> Iterator[bytes]:
        """Yield the bytes of a response: small ones in one piece."""
        size = sum(map(len, response.body))
        fields = [("Content-Type", response.content_type), ("Content-Length", str(size)), ("Date", _date(time.time()))]
        fields += response.headers.items()
        if self._last:
            fields.append(("Connection", "close"))
        head = h11.Response(status_code=response.status, headers=fields, reason=HTTPStatus(response.status).phrase)
        waiting, length = [self._http.send(head) or b""], 0
        for piece in () if self._without_body else response.body:
            self._http.send_with_data_passthrough(h11.Data(data=piece))
            if length + len(piece) <= WRITE_BYTES:
                waiting.append(piece)
                length += len(piece)
                continue
            yield b"".join(waiting)
            waiting, length = [], 0
            for begin in range(0, len(piece), WRITE_BYTES):
                yield piece[begin : begin + WRITE_BYTES]
        self._http.send(h11.EndOfMessage())
        yield b"".join(waiting)

    async def _more(self) -> None:
        """Wait for the peer to send."""
        self._waiting = 0
        self._arrived.clear()
        self._resume_reading()
        await self._connection.wait(self._arrived)
        if self._ended:
            raise PeerGoneError("the peer has closed the connection")

    def _resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _end(self) -> None:
        """Close the connection; first read what the peer still sends, if its request was not read to the end."""
        self._ended = True
        if self._transport.is_closing():
            return
        if self._http.their_state in {h11.DONE, h11.MUST_CLOSE, h11.IDLE}:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            try:
                self._transport.write_eof()
            except OSError:  # reset by the peer, which the transport has not noticed yet
                self._transport.abort()
                return
        self._resume_reading()
        self._loop.call_later(LINGER_SECONDS, self._transport.close)


def _http_state() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)


def _date(seconds: float) -> str:
    """Return a time as in a Date header; not strftime, which follows the locale."""
    now = time.gmtime(seconds)
    day = f"{_DAYS[now.tm_wday]}, {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year}"
    return f"{day} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT"
