"""The connections to one API server: made when they are needed, kept while they are good, through a proxy if need be.

See https://www.rfc-editor.org/rfc/rfc9110#name-connect for what is asked of a proxy.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from dataclasses import dataclass
from typing import cast
from urllib.parse import SplitResult, unquote, urlsplit

from kaiwu_runtime.client.connection import BrokenConnectionError, Connection

CONNECT_SECONDS = 10.0
KEEPALIVE_SECONDS = 75.0
"""How long an unused connection is kept: less than the API server's 90 s, so that it is never the one to close."""

_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))


class ProxyError(Exception):
    """The proxy did not connect."""


@dataclass(frozen=True, slots=True)
class Route:
    """How the server is reached.

    Attributes:
        server: Its URL.
        proxy: The proxy's URL, or None.
        server_name: Name to expect in the server's certificate; None expects the URL's host.
    """

    server: str
    proxy: str | None = None
    server_name: str | None = None

    @property
    def host(self) -> str:
        """The value of the Host header."""
        return urlsplit(self.server).netloc.rpartition("@")[2]

    @property
    def prefix(self) -> str:
        """What comes before the path in a request line: the whole server for a proxy that forwards plain http."""
        url = urlsplit(self.server)
        return f"{url.scheme}://{self.host}{url.path}" if self.proxy and url.scheme == "http" else url.path

    @property
    def proxy_headers(self) -> tuple[tuple[str, str], ...]:
        """What a forwarding proxy is told in each request."""
        url = urlsplit(self.server)
        return _proxy_authorization(urlsplit(self.proxy)) if self.proxy and url.scheme == "http" else ()


class Connections:
    """Idle connections, the one used last first.

    Args:
        route: Where to.
        context: TLS for an https server.
    """

    def __init__(self, route: Route, context: ssl.SSLContext | None) -> None:
        self._route = route
        self._context = context
        self._idle: list[tuple[Connection, float]] = []
        self._all: set[Connection] = set()
        self._outdated: set[Connection] = set()

    async def acquire(self) -> Connection:
        """Return a connection that is ready for a request.

        Raises:
            OSError: None could be made.
            ProxyError: The proxy refused.
        """
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection, since = self._idle.pop()
            if connection.reusable and now - since < KEEPALIVE_SECONDS:
                return connection
            self._drop(connection)
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await _connect(self._route, self._context)
        self._all.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back; one that is in the middle of something is closed."""
        if connection.reusable and connection not in self._outdated:
            self._idle.append((connection, asyncio.get_running_loop().time()))
            return
        if connection.timed_out:
            # What swallowed its packets, a NAT gateway that forgot it for instance, does so to others of its age: one
            # request after the other would wait as long to find out.
            self._drop_idle()
        self._drop(connection)

    def use(self, context: ssl.SSLContext | None) -> None:
        """Make new connections with another context, and finish those there are with their present request."""
        self._context = context
        self._drop_idle()
        self._outdated = set(self._all)

    async def close(self) -> None:
        """End every connection."""
        closing = list(self._all)
        for connection in closing:
            self._drop(connection)
        self._idle.clear()
        # A second is ample for loopback and TLS alike; a peer that is gone must not hold up the end.
        if closing:
            await asyncio.wait([connection.lost for connection in closing], timeout=1.0)

    def _drop_idle(self) -> None:
        for connection, _ in self._idle:
            self._drop(connection)
        self._idle.clear()

    def _drop(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._outdated.discard(connection)
        connection.abort()


async def _connect(route: Route, context: ssl.SSLContext | None) -> Connection:
    server = urlsplit(route.server)
    name = route.server_name or server.hostname
    if route.proxy is None:
        return await _open(server, context, name if context is not None else None)
    proxy = urlsplit(route.proxy)
    secure = proxy.scheme == "https"
    connection = await _open(proxy, (context or ssl.create_default_context()) if secure else None, None)
    if context is None:
        return connection
    try:
        await _tunnel(connection, server, proxy)
        upgraded = await asyncio.get_running_loop().start_tls(
            connection.transport, connection, context, server_hostname=name
        )
    except BrokenConnectionError as error:
        raise ProxyError(f"proxy {_address(proxy)}: {error}") from error
    except BaseException:
        connection.abort()
        raise
    # The proxy's answer had no body, but only the end of the connection would have told the parser.
    tunnelled = Connection()
    cast("asyncio.Transport", upgraded).set_protocol(tunnelled)
    tunnelled.connection_made(cast("asyncio.Transport", upgraded))
    return tunnelled


async def _open(url: SplitResult, context: ssl.SSLContext | None, name: str | None) -> Connection:
    port = url.port or (443 if url.scheme == "https" else 80)
    _, connection = await asyncio.get_running_loop().create_connection(
        Connection, url.hostname or "", port, ssl=context, server_hostname=name if context is not None else None
    )
    made = connection.transport.get_extra_info("socket")
    if made is not None:
        _notice_a_dead_peer(made)
    return connection


async def _tunnel(connection: Connection, server: SplitResult, proxy: SplitResult) -> None:
    target = f"{_bracketed(server.hostname or '')}:{server.port or 443}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in _proxy_authorization(proxy)]
    response = await connection.begin(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), CONNECT_SECONDS)
    if response.status >= 300:
        connection.abort()
        raise ProxyError(f"proxy {_address(proxy)} refused to connect to {target}: HTTP {response.status}")


def _proxy_authorization(proxy: SplitResult) -> tuple[tuple[str, str], ...]:
    if proxy.username is None:
        return ()
    text = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return (("Proxy-Authorization", f"Basic {base64.b64encode(text.encode()).decode()}"),)


def _address(url: SplitResult) -> str:
    """Return host and port, never a password."""
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _notice_a_dead_peer(made: socket.socket) -> None:
    """Let a socket notice within a minute that its peer is gone, also where nothing is sent."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # macOS has some of them, other systems fewer
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
