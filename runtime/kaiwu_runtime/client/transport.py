"""Requests to one API server: bytes out, bytes in, failures as typed errors.

Everything above this module speaks of objects; everything that concerns connections, credentials and retries is
here. The two methods are all that the client and the cache need, so a test can put something else in their place.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import aiohttp
import msgspec
from multidict import CIMultiDict

from kaiwu_runtime.client.credentials import Credentials
from kaiwu_runtime.client.tls import ClientCertificate
from kaiwu_runtime.errors import APIConnectionError, APIStatusError, error_from_status

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 60.0
"""How long one request may take, connecting included."""

CONNECT_SECONDS = 10.0
RETRIES = 10
"""How often a request is repeated when the server asks for it with Retry-After."""

MOST_RETRY_SECONDS = 60.0
"""How long one request waits for the server altogether before its refusal is reported."""

_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))
_status_decoder = msgspec.json.Decoder(dict[str, Any])


class Transport(Protocol):
    """Sends requests to an API server."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Send a request and return the body of the answer.

        Raises:
            APIStatusError: The server refused; the subclass tells why.
            APIConnectionError: No complete answer.
        """

    def stream(self, path: str, *, params: Mapping[str, str], idle_timeout: float) -> AsyncIterator[bytes]:
        """Yield the lines of a watch until the server ends it.

        A last line without a newline was cut off and is not yielded.

        Args:
            path: The collection's path.
            params: The query.
            idle_timeout: Seconds without a byte after which the connection counts as dead.

        Raises:
            APIStatusError: The server refused.
            APIConnectionError: The connection broke or stayed silent.
        """

    async def close(self) -> None:
        """Close every connection."""


class HTTPTransport:
    """The transport over aiohttp.

    Args:
        credentials: Server and identity.
        limit: Most connections at once; watches count.
        request_timeout: Seconds one request may take.
    """

    def __init__(
        self, credentials: Credentials, *, limit: int = 200, request_timeout: float = REQUEST_SECONDS
    ) -> None:
        self._credentials = credentials
        self._authentication = credentials.authentication
        self._base = credentials.server
        self._limit = limit
        self._timeout = aiohttp.ClientTimeout(total=request_timeout, sock_connect=CONNECT_SECONDS)
        self._headers: CIMultiDict[str] = CIMultiDict(credentials.headers)
        self._session: aiohttp.ClientSession | None = None
        self._certificate: ClientCertificate | None = None
        credentials.tls_context()  # a certificate that cannot be used is reported now, not by the first request

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._base

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """Send a request; waits and repeats it where the server answers 429 or 5xx with Retry-After."""
        waited = 0.0
        attempt = 0
        renewed = False
        while True:
            try:
                return await self._once(method, path, params, body, content_type)
            except APIStatusError as error:
                if error.code == 401 and not renewed and await self._authentication.renew(rejected=True):
                    renewed = True
                    continue
                attempt += 1
                pause = _pause(error)
                if pause is None or attempt > RETRIES or waited + pause > MOST_RETRY_SECONDS:
                    raise
                logger.debug(
                    "Waiting as the server asks", extra={"seconds": pause, "code": error.code, "path": path}
                )
                waited += pause
            await asyncio.sleep(pause)

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float
    ) -> AsyncIterator[bytes]:
        """Yield the lines of a watch."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_timeout)
        response = await self._open("GET", path, params, None, "", timeout)
        if response.status == 401 and await self._authentication.renew(rejected=True):
            response.release()
            response = await self._open("GET", path, params, None, "", timeout)
        try:
            if response.status >= 400:
                raise await self._failure(response)
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk if rest else chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise APIConnectionError(f"watch of {path}: {_reason(error)}") from error
        finally:
            response.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _once(
        self, method: str, path: str, params: Mapping[str, str] | None, body: bytes | None, content_type: str
    ) -> bytes:
        response = await self._open(method, path, params, body, content_type, self._timeout)
        try:
            if response.status >= 400:
                raise await self._failure(response)
            return await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise APIConnectionError(f"{method} {path}: {_reason(error)}") from error
        finally:
            response.release()

    async def _open(  # noqa: PLR0917 - one request's parts
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: bytes | None,
        content_type: str,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
    ) -> aiohttp.ClientResponse:
        headers = self._headers.copy()
        authorization = self._authentication.authorization()
        if authorization is None:
            await self._authentication.renew(rejected=False)
            authorization = self._authentication.authorization()
        if authorization:
            headers["Authorization"] = authorization
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            session = await self._connected()
            return await session.request(
                method,
                self._base + path,
                params=params,
                data=body,
                headers=headers,
                timeout=timeout,
                proxy=self._credentials.proxy,
                server_hostname=self._credentials.server_name,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise APIConnectionError(f"{method} {self._base}{path}: {_reason(error)}") from error

    async def _connected(self) -> aiohttp.ClientSession:
        """Return the session; it is made on first use, and again when an exec plugin gave a new certificate."""
        certificate = self._authentication.certificate
        if self._session is not None and certificate is self._certificate:
            return self._session
        old, self._certificate = self._session, certificate
        context = self._credentials.tls_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=True if context is None else context,
                limit=self._limit,
                keepalive_timeout=90.0,
                socket_factory=_socket,
            ),
            headers={"Accept": "application/json", "User-Agent": "kaiwu-runtime"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        if old is not None:
            await old.close()
        return self._session

    async def _failure(self, response: aiohttp.ClientResponse) -> APIStatusError:
        try:
            body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            body = b""
        try:
            status = _status_decoder.decode(body)
        except msgspec.MsgspecError:
            text = " ".join(body.decode(errors="replace").split())[:300]
            status = {"message": f"{response.method} {response.url.path}: {response.status} {text}".rstrip()}
        return error_from_status(status, code=response.status, retry_after=_retry_after(response))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _pause(error: APIStatusError) -> float | None:
    """Return the seconds to wait before the request is sent again, or None when it must not be."""
    if error.retry_after is None or (error.code != 429 and error.code < 500):
        return None
    # Jitter, or everybody who was refused together comes back together.
    return error.retry_after * random.uniform(1.0, 1.1)  # noqa: S311


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the server's certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    return str(error) or type(error).__name__


def _socket(address: Any) -> socket.socket:  # noqa: ANN401 - aiohttp's AddrInfoType
    """Make a socket that notices within a minute that its peer is gone, also where nothing is sent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # macOS has some, Windows fewer
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
