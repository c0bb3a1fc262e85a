"""Open connections to an API server: over all addresses of its name, through a proxy if configured, with TLS.

A name may have several addresses, one of which drops packets: broken IPv6, a load balancer that died. The next one is
tried a quarter of a second later, and an address that accepts but does not respond gets only a share of the time.

See https://www.rfc-editor.org/rfc/rfc8305 for the addresses, https://www.rfc-editor.org/rfc/rfc9110#name-connect for
what is asked of an HTTP proxy.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from contextlib import suppress
from typing import Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

from aiohappyeyeballs import start_connection

from kaiwu_runtime.config._route import (
    SOCKS_SCHEMES,
    ProxyError,
    Route,
    bracketed,
    proxy_authorization,
    without_credentials,
)
from kaiwu_runtime.rest._connection import BrokenConnectionError, Connection

CONNECT_SECONDS = 10.0
"""Maximum seconds to open a connection; the addresses of a name share it."""

NEXT_ADDRESS_SECONDS = 0.25
"""Seconds to wait for one address before the next one is tried in parallel."""

AVOID_SECONDS = 60.0
"""Seconds for which an address that did not answer is tried last."""

_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


class Dialer:
    """Open connections on one route.

    Args:
        route: The route to the server.
    """

    def __init__(self, route: Route) -> None:
        self._server = urlsplit(route.server)
        self._proxy = urlsplit(route.proxy) if route.proxy else None
        self._name = route.server_name or self._server.hostname or ""
        self._avoided: dict[tuple[Any, ...], float] = {}

    async def connect(self, context: ssl.SSLContext | None) -> Connection:
        """Return a connection that is ready for a request.

        Args:
            context: TLS for an https server, or None.

        Raises:
            OSError: None could be made.
            ProxyError: The proxy refused.
        """
        proxy = self._proxy
        _check_host(self._server.hostname or "")
        if context is not None:
            _check_host(self._name)
        if proxy is None:
            return await self._open(self._server, context, self._name)
        _check_host(proxy.hostname or "")
        if proxy.scheme in SOCKS_SCHEMES:
            return await self._through_socks(proxy, context)
        outer = (context or ssl.create_default_context()) if proxy.scheme == "https" else None
        connection = await self._open(proxy, outer, proxy.hostname)
        if context is None:
            return connection  # the proxy forwards each request
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await _tunnel(connection, self._server, proxy)
                return await _with_tls(connection.detach(), context, self._name)
        except BrokenConnectionError as error:
            raise ProxyError(f"proxy {_address(proxy)}: {error}") from error
        except BaseException:
            connection.abort()
            raise

    async def _open(self, url: SplitResult, context: ssl.SSLContext | None, name: str | None) -> Connection:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONNECT_SECONDS
        async with asyncio.timeout_at(deadline):
            left = self._ordered(await _addresses(url.hostname or "", _port(url)))
            while True:
                delay = min(NEXT_ADDRESS_SECONDS, CONNECT_SECONDS / 2 / len(left))
                made = await start_connection(left, happy_eyeballs_delay=delay, interleave=1, loop=loop)
                tried = _connected(made, left)
                if tried is not left[0]:
                    self._avoid(left[0][4])
                share = (deadline - loop.time()) / len(left)
                left = [info for info in left if info is not tried]
                try:
                    async with asyncio.timeout(share if left else None):
                        return await _over(made, context, name)
                except ssl.SSLCertVerificationError:
                    raise  # another address would have the same certificate
                except (OSError, TimeoutError):
                    self._avoid(tried[4])
                    if not left:
                        raise

    async def _through_socks(self, proxy: SplitResult, context: ssl.SSLContext | None) -> Connection:
        # Imported here: few clusters are behind a SOCKS proxy.
        from python_socks import ProxyConnectionError, ProxyTimeoutError, ProxyType  # noqa: PLC0415
        from python_socks import ProxyError as SocksError  # noqa: PLC0415
        from python_socks.async_.asyncio import Proxy  # noqa: PLC0415

        where, port = self._server.hostname or "", _port(self._server)
        login = (unquote(proxy.username or ""), unquote(proxy.password or ""))
        if not all(text.isascii() and len(text) < 256 for text in login):
            # Not the library's own error, which shows a character of the password.
            raise ProxyError(f"proxy {_address(proxy)}: user name and password must be ASCII, up to 255 characters")
        async with asyncio.timeout(2 * CONNECT_SECONDS):
            addresses = self._ordered(await _addresses(proxy.hostname or "", _port(proxy)))
            for number, info in enumerate(addresses, start=1):
                # The name of the server is resolved by the proxy, which may be the only one who knows it.
                socks = Proxy(
                    ProxyType.SOCKS5,
                    info[4][0],
                    info[4][1],
                    *login,
                    rdns=True,
                )
                try:
                    made = await socks.connect(where, port, timeout=CONNECT_SECONDS / len(addresses))
                except (ProxyConnectionError, ProxyTimeoutError) as error:
                    self._avoid(info[4])
                    if number == len(addresses):
                        raise ProxyError(f"proxy {_address(proxy)}: {_first_line(error)}") from error
                except (SocksError, ValueError) as error:  # ValueError: an answer of another program
                    target = f"{bracketed(where)}:{port}"
                    raise ProxyError(
                        f"proxy {_address(proxy)} refused to connect to {target}: {_first_line(error)}"
                    ) from error
                else:
                    return await _over(made, context, self._name)
        raise ProxyError(f"proxy {_address(proxy)}: has no address")

    def _ordered(self, addresses: list[AddressInfo]) -> list[AddressInfo]:
        """Move the addresses that did not answer recently to the end."""
        if not self._avoided:
            return addresses
        now = asyncio.get_running_loop().time()
        self._avoided = {address: until for address, until in self._avoided.items() if until > now}
        return sorted(addresses, key=lambda info: info[4][:2] in self._avoided)

    def _avoid(self, address: tuple[Any, ...]) -> None:
        self._avoided[address[:2]] = asyncio.get_running_loop().time() + AVOID_SECONDS


def _check_host(host: str) -> None:
    """Check that a host can be looked up, sent to a proxy and compared with a certificate.

    Raises:
        OSError: It cannot; those who look it up would raise ValueError or TypeError.
    """
    try:
        valid = 0 < len(host.encode("idna")) < 256 and not any(sign <= " " or sign == "\x7f" for sign in host)
    except UnicodeError:  # an empty or too long label, characters that no name has
        valid = False
    if not valid:
        raise socket.gaierror(socket.EAI_NONAME, f"invalid host name {host!r:.100}")


def _connected(made: socket.socket, among: list[AddressInfo]) -> AddressInfo:
    """Return the address that a socket is connected to.

    The first one where it cannot be told: the kernel has another one for 0.0.0.0, and none when the peer is gone.
    """
    with suppress(OSError):
        peer = made.getpeername()
        for info in among:
            if info[4][:2] == peer[:2]:
                return info
    return among[0]


async def _addresses(host: str, port: int) -> list[AddressInfo]:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        address = None
    if address is not None and "%" not in host:
        # A resolver runs in a thread, for which an address needs not wait.
        if address.version == 6:
            return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))]
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    return list(dict.fromkeys(found))


class _Unread(asyncio.Protocol):
    """A connection whose bytes are kept for TLS, also where the peer speaks first."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).pause_reading()


async def _over(made: socket.socket, context: ssl.SSLContext | None, name: str | None) -> Connection:
    """Return a connection over a connected socket, which is closed when that fails."""
    loop = asyncio.get_running_loop()
    try:
        with suppress(OSError):  # a peer that is gone already shows in the next step
            _notice_a_dead_peer(made)
        if context is None:
            _, connection = await loop.create_connection(Connection, sock=made)
            return connection
        # In two steps: a create_connection with TLS that is cancelled may keep its transport, and the socket.
        transport, _ = await loop.create_connection(_Unread, sock=made)
    except BaseException:
        made.close()
        raise
    return await _with_tls(transport, context, name)


async def _with_tls(transport: asyncio.Transport, context: ssl.SSLContext, name: str | None) -> Connection:
    """Return a connection with TLS over a transport, which is closed when that fails."""
    connection = Connection()
    connection.connection_made(transport)
    try:
        upgraded = await asyncio.get_running_loop().start_tls(transport, connection, context, server_hostname=name)
        if upgraded is None:  # what start_tls returns when the peer closes the connection without a word
            raise ConnectionResetError("the server closed the connection")
    except BaseException:
        connection.abort()
        connection.connection_lost(None)
        raise
    connection.transport = upgraded
    return connection


async def _tunnel(connection: Connection, server: SplitResult, proxy: SplitResult) -> None:
    host = (server.hostname or "").encode("idna").decode()
    target = f"{bracketed(host)}:{server.port or 443}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in proxy_authorization(proxy)]
    response = await connection.begin(("\r\n".join(lines) + "\r\n\r\n").encode(), CONNECT_SECONDS)
    if response.status >= 300:
        connection.abort()
        raise ProxyError(f"proxy {_address(proxy)} refused to connect to {target}: HTTP {response.status}")


def _port(url: SplitResult) -> int:
    return url.port or {"http": 80, "socks5": 1080, "socks5h": 1080}.get(url.scheme, 443)


def _address(url: SplitResult) -> str:
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


def _first_line(error: Exception) -> str:
    return without_credentials(str(error).strip().partition("\n")[0]) or type(error).__name__


def _notice_a_dead_peer(made: socket.socket) -> None:
    """Let a socket notice within a minute that its peer is gone, also where nothing is sent."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)  # macOS has some of them, other systems fewer
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
