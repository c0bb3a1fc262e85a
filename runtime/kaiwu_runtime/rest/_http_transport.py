"""The HTTP transport: persistent connections, credentials that are renewed, and retries.

These requests are retried:

- after 401, once, with renewed credentials;
- after 429 and 5xx with a Retry-After header: the server did not process the request and names the time to wait;
- after a connection that broke before the response, if the request is idempotent: reads and server-side apply.

The caller decides about all other failures; a reconciler is run again anyway.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from time import monotonic
from weakref import WeakSet

from kaiwu_runtime._error_text import reason
from kaiwu_runtime._request_body import json_body, yaml_body
from kaiwu_runtime._slots import Slots
from kaiwu_runtime._version import __version__
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.config._renewal import CredentialRenewal, Sent
from kaiwu_runtime.errors import (
    APIConnectionError,
    APIStatusError,
    CredentialsError,
    UnauthorizedError,
    WatchInterruptedError,
)
from kaiwu_runtime.rest._answer_polling import AnswerPolling
from kaiwu_runtime.rest._connection_pool import ConnectionPool
from kaiwu_runtime.rest._failure import CONNECTION_ERRORS, is_broken, pause_before_retry, refusal
from kaiwu_runtime.rest._lines import LineSplitter
from kaiwu_runtime.rest._raw_requests import RawRequests
from kaiwu_runtime.rest._request import Request, request_target
from kaiwu_runtime.rest._request_headers import header_lines
from kaiwu_runtime.rest._response import Response
from kaiwu_runtime.rest._transport import JSON, Created
from kaiwu_runtime.rest._warnings import parse_warnings

logger = logging.getLogger("kaiwu_runtime.rest.http_transport")

REQUEST_SECONDS = 65.0
"""Seconds that an answer may take; the API server itself stops after 60."""

RETRIES = 10
"""Maximum number of retries that the server asks for with Retry-After, as in client-go."""

RETRY_BUDGET_SECONDS = 60.0
"""Maximum seconds that one request waits because of Retry-After before its rejection is reported."""

RECONNECTS = 3
"""Maximum number of retries of an idempotent request whose connection broke."""

MOST_WARNINGS = 1000

_APPLY = "application/apply-patch+yaml"


class HTTPTransport(RawRequests):
    """Sends requests. Connections are made when they are first needed.

    Args:
        credentials: Server and identity.
        limit: Maximum number of concurrent requests; further ones wait. Watches do not count.
        request_timeout: Maximum seconds for a response.

    Attributes:
        fence: Called right before each write is sent, repetitions included; what it raises is raised. A leader that
            has lost its lease does not return from it.
        on_response: Called with method and status of each answer, for metrics.
        on_refusal: Called with each rejection that is about to be raised, for tests.
    """

    def __init__(self, credentials: Credentials, *, limit: int = 100, request_timeout: float = REQUEST_SECONDS) -> None:
        self._server = credentials.server
        self._route = credentials.route
        self._prefix = self._route.prefix
        self._connections = ConnectionPool(self._route, credentials.tls_context())
        self._heads: dict[tuple[str, str, str], str] = {}
        self._credentials = CredentialRenewal(credentials, self._connections.use, self._heads.clear)
        self._slots = Slots(limit)
        self._polling = AnswerPolling(self._slots)
        self._timeout = request_timeout
        self._warned: set[str] = set()
        self._sockets = WeakSet()
        self.fence: Callable[[], None] | None = None
        self.on_response: Callable[[str, int], None] | None = None
        self.on_refusal: Callable[[APIStatusError], None] | None = None

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._server

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = JSON,
    ) -> bytes:
        """Send a request and return the answer; see :class:`~kaiwu_runtime.rest._transport.Transport`."""
        if body is not None:
            body = yaml_body(body) if content_type == _APPLY else json_body(body)
        request = Request(method, request_target(path, params), accept, body, content_type if body is not None else "")
        idempotent = method == "GET" or content_type == _APPLY
        refusals = reconnects = 0
        waited = 0.0
        renewed = in_doubt = False
        try:
            while True:
                try:
                    response, answer, sent = await self._send(request)
                except APIConnectionError as error:
                    reconnects += 1
                    in_doubt = error.in_doubt = error.in_doubt or in_doubt
                    if not idempotent or reconnects > RECONNECTS or not is_broken(error.__cause__):
                        raise
                    pause = random.uniform(0.0, 0.05 * 2**reconnects)  # noqa: S311
                else:
                    if response.status < 300:
                        return Created(answer) if response.status == 201 else answer
                    refused = refusal(method, path, response, answer)
                    if refused.code == 401 and not renewed and await self._credentials.after_rejection(sent):
                        renewed = True
                        continue
                    in_doubt = in_doubt or refused.in_doubt
                    wanted = pause_before_retry(refused)
                    refusals += 1
                    if wanted is None or refusals > RETRIES or waited + wanted > RETRY_BUDGET_SECONDS:
                        # Not the variable: an exception that its own frame holds waits for the garbage collector.
                        del refused
                        raise self._refused(method, path, response, answer, in_doubt=in_doubt)
                    pause = wanted
                logger.debug("Retrying a request", extra={"method": method, "path": path, "seconds": pause})
                waited += pause
                await asyncio.sleep(pause)
        except asyncio.CancelledError as error:
            # For the writer: nothing is in doubt if it was cancelled while it waited to be sent.
            error.in_doubt = in_doubt or getattr(error, "in_doubt", False)  # type: ignore[attr-defined]
            raise

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch; see :class:`~kaiwu_runtime.rest._transport.Transport`."""
        request = Request("GET", request_target(path, params), accept)
        try:
            sent = await self._credentials.current()
            try:
                connection = await self._begin(path, request, sent.authorization, watch=True)
            except UnauthorizedError:
                if not await self._credentials.after_rejection(sent):
                    raise
                sent = await self._credentials.current()
                connection = await self._begin(path, request, sent.authorization, watch=True)
        except CONNECTION_ERRORS as error:
            raise APIConnectionError(f"watch of {path}: {reason(error)}") from error
        try:
            splitter = LineSplitter()
            with self._credentials.watching():
                async with aclosing(connection.chunks(idle_timeout)) as chunks:
                    async for chunk in chunks:
                        for line in splitter.feed(chunk):
                            yield line
        except CONNECTION_ERRORS as error:
            raise WatchInterruptedError(f"watch of {path}: {reason(error)}") from error
        finally:
            self._connections.release(connection)

    async def close(self) -> None:
        """Close every connection."""
        self._credentials.close()
        await self._close_sockets()
        await self._connections.close()

    async def _send(self, request: Request) -> tuple[Response, bytes, Sent]:
        """Return an answer's head and body, and the credentials that were sent."""
        if not self._slots.take():
            await self._slots.wait()
        sending = False
        try:
            # After the slot: a token may expire while a request waits for its turn.
            sent = self._credentials.ready() or await self._credentials.current()
            content = self._encoded(request, sent.authorization)
            connection = self._connections.idle() or await self._connection()
            try:
                if self.fence is not None and request.method != "GET":
                    self.fence()
                sending = True
                begun = monotonic()
                response = await connection.begin(content, self._timeout, streaming=False)
                answer = connection.body()
                if request.method != "GET" and response.status < 300:
                    self._polling.answered(monotonic() - begun)
            finally:
                self._connections.release(connection)
        except CONNECTION_ERRORS as error:
            path = request.target.partition("?")[0]
            raise _unanswered(f"{request.method} {self.server}{path}: {reason(error)}", sent=sending) from error
        except asyncio.CancelledError as error:
            error.in_doubt = sending  # type: ignore[attr-defined]
            raise
        finally:
            self._slots.release()
        self._hear(request.method, response)
        return response, answer, sent

    def _encoded(self, request: Request, authorization: str) -> bytes:
        """Return a request as it is sent."""
        method, target, accept, body, content_type = request
        shared = self._heads.get((authorization, content_type, accept))
        if shared is None:
            shared = self._head(authorization, content_type, accept)
        head = f"{method} {self._prefix}{target} HTTP/1.1{shared}{header_lines()}"
        if body is None:
            return f"{head}\r\n".encode()
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _hear(self, method: str, response: Response) -> None:
        if self.on_response is not None:
            self.on_response(method, response.status)
        if response.has_warnings:
            for text in parse_warnings(response.headers):
                self._warn(text)

    def _refused(
        self, method: str, path: str, response: Response, body: bytes, *, in_doubt: bool = False
    ) -> APIStatusError:
        """Return the error of a rejection, after calling `on_refusal`."""
        error = refusal(method, path, response, body)
        error.in_doubt = in_doubt
        if self.on_refusal is not None:
            self.on_refusal(error)
        return error

    def _head(self, authorization: str, content_type: str, accept: str) -> str:
        """Return the headers that many requests share, with the line end before them, and keep them."""
        if len(self._heads) > 16:  # tokens of the past
            self._heads.clear()
        headers = [
            ("Host", self._route.host),
            ("Accept", accept),
            # Compressing and expanding costs both sides more CPU than a cluster's network is worth.
            ("Accept-Encoding", "identity"),
            ("User-Agent", f"kaiwu-runtime/{__version__}"),
            *self._route.proxy_headers,
            *self._credentials.headers,
            *([("Authorization", authorization)] if authorization else ()),
            *([("Content-Type", content_type)] if content_type else ()),
        ]
        for name, value in headers:
            _check_header(name, value)
        head = "".join(f"\r\n{name}: {value}" for name, value in headers) + "\r\n"
        self._heads[authorization, content_type, accept] = head
        return head

    def _warn(self, text: str) -> None:
        """Log each warning of the server once, for example about a deprecated API."""
        if text not in self._warned and len(self._warned) < MOST_WARNINGS:
            self._warned.add(text)
            logger.warning("The API server warns: %s", text)


def _unanswered(text: str, *, sent: bool) -> APIConnectionError:
    error = APIConnectionError(text)
    error.in_doubt = sent
    return error


def _check_header(name: str, value: str) -> None:
    """Reject a value that would end the header early, for example a token with a line break."""
    try:
        (name + value).encode("ascii" if name == "Authorization" else "utf-8")
    except UnicodeEncodeError:
        raise CredentialsError(f"{name}: has characters that no HTTP header can hold") from None
    if any(character in "\r\n\0" for character in name + value):
        raise CredentialsError(f"{name}: has a line break in it")
    if any(character < " " and character != "\t" for character in name + value):
        raise CredentialsError(f"{name}: has a control character in it")
