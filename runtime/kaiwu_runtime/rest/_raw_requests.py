"""The HTTP transport's requests whose answers are not objects; see :class:`~kaiwu_runtime.rest.RawTransport`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING
from weakref import WeakSet

from kaiwu_runtime._error_text import reason
from kaiwu_runtime.config._renewal import CredentialRenewal, Sent
from kaiwu_runtime.errors import APIConnectionError, APIStatusError, UnauthorizedError
from kaiwu_runtime.rest._connection import BrokenConnectionError, Connection
from kaiwu_runtime.rest._connection_pool import ConnectionPool
from kaiwu_runtime.rest._failure import CONNECTION_ERRORS, refusal
from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, ANY, Answer
from kaiwu_runtime.rest._request import Request, repeated_target
from kaiwu_runtime.rest._request_headers import header_lines
from kaiwu_runtime.rest._response import Response

if TYPE_CHECKING:
    from kaiwu_runtime.rest._websocket import WebSocket

REFUSAL_BYTES = 4 << 20
"""Maximum bytes of the body of a rejection: what is longer does not come from an API server, and is not read."""


class RawRequests:
    """What :class:`~kaiwu_runtime.rest.HTTPTransport` has beyond typed requests; it has the attributes."""

    _connections: ConnectionPool
    _credentials: CredentialRenewal
    _prefix: str
    _timeout: float
    _sockets: WeakSet[WebSocket]
    _encoded: Callable[[Request, str], bytes]
    _head: Callable[[str, str, str], str]
    _hear: Callable[[str, Response], None]
    _refused: Callable[[str, str, Response, bytes], APIStatusError]
    fence: Callable[[], None] | None
    on_response: Callable[[str, int], None] | None

    async def answer(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        content_type: str = "",
        seconds: float = ANSWER_SECONDS,
        limit: int = ANSWER_BYTES,
    ) -> Answer:
        """Send a request once and return what comes back; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        request = Request(method, repeated_target(path, params), ANY, body, content_type if body is not None else "")
        try:
            async with asyncio.timeout(seconds):
                answer, sent = await self._answer_of(request, limit, seconds)
                if _is_unauthorized(method, path, answer) and await self._credentials.after_rejection(sent):
                    answer, _ = await self._answer_of(request, limit, seconds)
                return answer
        except TimeoutError as error:
            raise APIConnectionError(f"{method} {path}: no complete answer within {seconds:g} s") from error
        except CONNECTION_ERRORS as error:
            raise APIConnectionError(f"{method} {path}: {reason(error)}") from error

    async def chunks(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), idle_timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Yield the body of the answer to a GET; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        request = Request("GET", repeated_target(path, params), ANY)
        try:
            sent = await self._credentials.current()
            try:
                connection = await self._begin(path, request, sent.authorization)
            except UnauthorizedError:
                if not await self._credentials.after_rejection(sent):
                    raise
                connection = await self._begin(path, request, (await self._credentials.current()).authorization)
            try:
                async with aclosing(connection.chunks(idle_timeout)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            finally:
                self._connections.release(connection)
        except CONNECTION_ERRORS as error:
            raise APIConnectionError(f"GET {path}: {reason(error)}") from error

    async def websocket(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> WebSocket:
        """Open a WebSocket; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        target = repeated_target(path, params)
        try:
            sent = await self._credentials.current()
            try:
                return await self._upgraded(path, target, sent.authorization, subprotocols)
            except UnauthorizedError:
                if not await self._credentials.after_rejection(sent):
                    raise
                renewed = await self._credentials.current()
                return await self._upgraded(path, target, renewed.authorization, subprotocols)
        except CONNECTION_ERRORS as error:
            raise APIConnectionError(f"WebSocket {path}: {reason(error)}") from error

    async def _upgraded(self, path: str, target: str, authorization: str, subprotocols: Sequence[str]) -> WebSocket:
        # Imported here: few operators run commands in containers, and it brings a library along.
        from kaiwu_runtime.rest._websocket import WebSocket  # noqa: PLC0415
        from kaiwu_runtime.rest._websocket_handshake import HandshakeRefusedError  # noqa: PLC0415

        lines = (self._head(authorization, "", ANY) + header_lines()).strip().split("\r\n")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        connection = await self._connection(self._connections.dial)
        try:
            if self.fence is not None:
                self.fence()
            socket = WebSocket(f"WebSocket {path}", subprotocols)
            response = await socket.open(connection, self._prefix + target, headers, self._timeout)
        except HandshakeRefusedError as error:
            self._hear("GET", error.response)
            if error.response.status < 400:
                raise BrokenConnectionError(f"HTTP {error.response.status} instead of a WebSocket") from None
            raise self._refused("GET", path, error.response, error.body) from None
        except BaseException:
            connection.abort()
            raise
        self._hear("GET", response)
        self._sockets.add(socket)
        return socket

    async def _close_sockets(self) -> None:
        """End every WebSocket that is open."""
        for socket in list(self._sockets):
            await socket.close()

    async def _answer_of(self, request: Request, limit: int, seconds: float) -> tuple[Answer, Sent]:
        sent = await self._credentials.current()
        content = self._encoded(request, sent.authorization)
        connection = await self._connection()
        try:
            if self.fence is not None and request.method != "GET":
                self.fence()
            response = await connection.begin(content, seconds)
            body = await _limited(connection, seconds, limit)
            if body is None:
                path = request.target.partition("?")[0]
                raise APIConnectionError(f"{request.method} {path}: the answer is longer than {limit} bytes")
        finally:
            self._connections.release(connection)
        if self.on_response is not None:
            self.on_response(request.method, response.status)  # a Warning header may be that of a proxied pod
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        return Answer(response.status, headers, body), sent

    async def _begin(self, path: str, request: Request, authorization: str, *, watch: bool = False) -> Connection:
        """Return a connection on which the answer to a GET has begun.

        A kept connection that ends before the answer is replaced at once: a load balancer ends all of a client's
        connections together, and a watch that is resumed then would find one of which that is not known yet.
        """
        content = self._encoded(request, authorization)
        while True:
            kept = self._connections.idle()
            connection = kept or await self._connection()
            try:
                response = await connection.begin(content, self._timeout, watch=watch)
                self._hear("GET", response)
                if response.status >= 300:
                    async with asyncio.timeout(self._timeout):
                        body = await _limited(connection, self._timeout, REFUSAL_BYTES)
                    raise self._refused("GET", path, response, body or b"")
            except BaseException as error:
                self._connections.release(connection)
                if kept is None or not (isinstance(error, BrokenConnectionError) and connection.is_unanswered):
                    raise
            else:
                return connection

    async def _connection(self, make: Callable[[], Awaitable[Connection]] | None = None) -> Connection:
        """Return a connection; a certificate that is not trusted may be so by authorities that were replaced."""
        make = make or self._connections.acquire
        try:
            return await make()
        except ssl.SSLError:
            if not await self._credentials.read_again(force=True):
                raise
        return await make()


async def _limited(connection: Connection, seconds: float, limit: int) -> bytes | None:
    """Return the body of an answer, or None if it is longer than a number of bytes.

    Args:
        connection: The answer has begun on it.
        seconds: Without a byte, after which the connection counts as dead.
        limit: Maximum bytes.
    """
    body = bytearray()
    async with aclosing(connection.chunks(seconds)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > limit:
                return None
    return bytes(body)


def _is_unauthorized(method: str, path: str, answer: Answer) -> bool:
    """Return whether the API server itself rejected the credentials, and not what a proxied pod wants of its own."""
    if answer.status != 401:
        return False
    refused = refusal(method, path, Response(answer.status, b""), answer.body)
    return refused.reason == "Unauthorized"
