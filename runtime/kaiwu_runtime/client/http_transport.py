"""The transport over aiohttp: keep-alive connections, credentials that renew themselves, and retries.

What is sent again, and when:

- 401, once, with renewed credentials;
- 429 and 5xx that name a Retry-After: the server says that it has not done it and when to come back;
- a connection that broke before the answer, for requests that do no harm twice: reads and server-side apply.

Everything else is the caller's to decide; a reconciler is run again anyway.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

import kaiwu_runtime
from kaiwu_runtime.client.credentials import Credentials
from kaiwu_runtime.client.lines import LineSplitter
from kaiwu_runtime.errors import APIConnectionError, APIStatusError, error_from_status

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 65.0
"""How long one request may take, connecting included; the API server itself gives up after 60 s."""

CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 75.0
"""How long an unused connection is kept: less than the API server's 90 s, so that it is never the one to close."""

RETRIES = 10
"""How often a request is sent again because the server asks for it with Retry-After, as in client-go."""

RETRY_BUDGET_SECONDS = 60.0
"""How long one request waits on the server's behalf altogether before its refusal is reported."""

RECONNECTS = 3
"""How often a harmless request is sent again because the connection broke."""

READ_BUFFER = 1 << 18
MOST_WARNINGS = 1000

_APPLY = "application/apply-patch+yaml"
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))
_CONNECTION_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)
_status_decoder = msgspec.json.Decoder(dict[str, Any])


class HTTPTransport:
    """Sends requests with aiohttp. Connections are made when they are first needed.

    Args:
        credentials: Server and identity.
        limit: Most connections for requests at once; further requests wait. Watches have connections of their own.
        request_timeout: Seconds one request may take.

    Attributes:
        guard: Called right before each write is sent, repetitions included; what it raises is raised. A leader that
            has lost its lease does not return from it.
        on_answer: Called with method and status of each answer, for metrics.
    """

    def __init__(self, credentials: Credentials, *, limit: int = 100, request_timeout: float = REQUEST_SECONDS) -> None:
        self._credentials = credentials
        self._authentication = credentials.authentication
        self._certificate = self._authentication.certificate
        self._context = credentials.tls_context()
        self._limit = limit
        self._timeout = aiohttp.ClientTimeout(total=request_timeout, sock_connect=CONNECT_SECONDS)
        self._requests: aiohttp.ClientSession | None = None
        self._watches: aiohttp.ClientSession | None = None
        self._header_sets: dict[tuple[str, str], CIMultiDict[str]] = {}
        self._warned: set[str] = set()
        self.guard: Callable[[], None] | None = None
        self.on_answer: Callable[[str, int], None] | None = None

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._credentials.server

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Send a request and return the answer; see :class:`~kaiwu_runtime.client.transport.Transport`."""
        url = self._url(path, params)
        harmless = method == "GET" or content_type == _APPLY
        refusals = reconnects = 0
        waited = 0.0
        renewed = False
        while True:
            try:
                return await self._send(method, url, body, content_type if body is not None else "")
            except APIStatusError as error:
                if error.code == 401 and not renewed and await self._renew(rejected=True):
                    renewed = True
                    continue
                pause = _pause(error)
                refusals += 1
                if pause is None or refusals > RETRIES or waited + pause > RETRY_BUDGET_SECONDS:
                    raise
            except APIConnectionError as error:
                reconnects += 1
                if not harmless or reconnects > RECONNECTS or not _broken(error.__cause__):
                    raise
                pause = random.uniform(0.0, 0.05 * 2**reconnects)  # noqa: S311
            logger.debug("Sending a request again", extra={"method": method, "path": path, "seconds": pause})
            waited += pause
            await asyncio.sleep(pause)

    async def stream(self, path: str, *, params: Mapping[str, str], idle_timeout: float) -> AsyncIterator[bytes]:
        """Yield the lines of a watch; see :class:`~kaiwu_runtime.client.transport.Transport`."""
        url = self._url(path, params)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_timeout)
        response = await self._open("GET", url, None, "", timeout, self._watch_session())
        try:
            if response.status == 401 and await self._renew(rejected=True):
                response.close()
                response = await self._open("GET", url, None, "", timeout, self._watch_session())
            if response.status >= 300:
                raise await _failure(response)
            splitter = LineSplitter()
            async for chunk in response.content.iter_any():
                for line in splitter.feed(chunk):
                    yield line
        except _CONNECTION_ERRORS as error:
            raise APIConnectionError(f"watch of {path}: {_reason(error)}") from error
        finally:
            response.close()

    async def close(self) -> None:
        """Close every connection."""
        sessions = (self._requests, self._watches)
        self._requests = self._watches = None
        for session in sessions:
            if session is not None:
                await session.close()

    async def _send(self, method: str, url: URL, body: bytes | None, content_type: str) -> bytes:
        response = await self._open(method, url, body, content_type, self._timeout, self._request_session())
        try:
            if response.status >= 300:
                raise await _failure(response)
            return await response.read()
        except _CONNECTION_ERRORS as error:
            raise APIConnectionError(f"{method} {url.path}: {_reason(error)}") from error
        finally:
            response.release()

    async def _open(  # noqa: PLR0917
        self,
        method: str,
        url: URL,
        body: bytes | None,
        content_type: str,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
        session: aiohttp.ClientSession,
    ) -> aiohttp.ClientResponse:
        authorization = self._authentication.authorization()
        if authorization is None:
            await self._renew(rejected=False)
            authorization = self._authentication.authorization() or ""
        if self.guard is not None and method != "GET":
            self.guard()
        try:
            response = await session.request(
                method,
                url,
                data=body,
                headers=self._headers(authorization, content_type),
                timeout=timeout,
                ssl=self._context if self._context is not None else True,
                proxy=self._credentials.proxy,
                server_hostname=self._credentials.server_name,
                allow_redirects=False,
            )
        except _CONNECTION_ERRORS as error:
            raise APIConnectionError(f"{method} {self.server}{url.path}: {_reason(error)}") from error
        if self.on_answer is not None:
            self.on_answer(method, response.status)
        if "Warning" in response.headers:
            self._warn(response.headers.getall("Warning"))
        return response

    async def _renew(self, *, rejected: bool) -> bool:
        """Renew the credentials; a new client certificate counts for new connections."""
        renewed = await self._authentication.renew(rejected=rejected)
        if self._authentication.certificate != self._certificate:
            self._certificate = self._authentication.certificate
            self._context = await asyncio.to_thread(self._credentials.tls_context)
        return renewed

    def _headers(self, authorization: str, content_type: str) -> CIMultiDict[str]:
        headers = self._header_sets.get((authorization, content_type))
        if headers is None:
            if len(self._header_sets) > 16:  # tokens of the past
                self._header_sets.clear()
            headers = CIMultiDict(self._credentials.headers)
            if authorization:
                headers["Authorization"] = authorization
            if content_type:
                headers["Content-Type"] = content_type
            self._header_sets[authorization, content_type] = headers
        return headers

    def _url(self, path: str, params: Mapping[str, str] | None) -> URL:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items()) if params else ""
        return URL(f"{self.server}{path}?{query}" if query else self.server + path, encoded=True)

    def _request_session(self) -> aiohttp.ClientSession:
        if self._requests is None:
            self._requests = _session(self._limit)
        return self._requests

    def _watch_session(self) -> aiohttp.ClientSession:
        if self._watches is None:
            self._watches = _session(0)
        return self._watches

    def _warn(self, values: list[str]) -> None:
        """Log what the server warns of, a deprecated API for instance, once each."""
        for value in values:
            if value not in self._warned and len(self._warned) < MOST_WARNINGS:
                self._warned.add(value)
                logger.warning("The API server warns: %s", value.partition(" - ")[2].strip('"') or value)


def _session(limit: int) -> aiohttp.ClientSession:
    # Made on first use, because a session belongs to the loop that runs at that moment.
    connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=KEEPALIVE_SECONDS, socket_factory=_socket)
    session = aiohttp.ClientSession(
        connector=connector,
        headers={
            "Accept": "application/json",
            # Compressing and expanding costs both sides more CPU than a cluster's network is worth.
            "Accept-Encoding": "identity",
            "User-Agent": f"kaiwu-runtime/{kaiwu_runtime.__version__}",
        },
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=READ_BUFFER,
        trust_env=False,
    )
    # aiohttp would send a DELETE again of its own accord, and by then it may meet a successor of the same name.
    session._retry_connection = False  # noqa: SLF001
    return session


async def _failure(response: aiohttp.ClientResponse) -> APIStatusError:
    try:
        body = await response.read()
    except _CONNECTION_ERRORS:
        body = b""
    try:
        status = _status_decoder.decode(body)
    except msgspec.MsgspecError:
        text = " ".join(body.decode(errors="replace").split())[:300]
        status = {"message": f"{response.method} {response.url.path}: {text or response.status}"}
    return error_from_status(status, code=response.status, retry_after=_retry_after(response))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    try:
        seconds = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _pause(error: APIStatusError) -> float | None:
    """Return the seconds to wait before the request is sent again, or None when it must not be."""
    if error.retry_after is None or (error.code != 429 and error.code < 500):
        return None
    # Jitter, or everybody who was refused together comes back together.
    return error.retry_after * random.uniform(1.0, 1.1)  # noqa: S311


def _broken(cause: BaseException | None) -> bool:
    """Tell whether an established connection broke; nobody there, a bad certificate or a time-out is no such case."""
    if isinstance(cause, (aiohttp.ClientConnectorError, TimeoutError)):
        return False
    return isinstance(cause, (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, OSError))


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the server's certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        if cause.errno and not isinstance(cause, (ssl.SSLError, socket.gaierror)):
            return os.strerror(cause.errno)  # "Connection refused"; asyncio's own words are "Connect call failed"
        return cause.strerror or str(cause)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return str(error) or type(error).__name__


def _socket(address: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType
    """Make a socket that notices within a minute that its peer is gone, also where nothing is sent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # macOS has some of them, other systems fewer
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
