"""An HTTP server of a manager, used for probes, metrics and webhooks."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.serving._acceptor import Acceptor, Connection, ConnectionLimits
from kaiwu_runtime.serving._exchange import respond
from kaiwu_runtime.serving._routes import Routes

if TYPE_CHECKING:
    from kaiwu_runtime.serving._http_connection import HTTPConnection

_BACKLOG = 128
_NO_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


class Listener:
    """Serves handlers on an address.

    Args:
        host: Empty for every interface.
        port: 0 takes a free one.
        flags: How the command line says this address, for messages.
        shutdown_timeout: Seconds that requests in progress get when it stops.
        limits: Of its connections; default is :class:`ConnectionLimits`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        flags: str,
        *,
        shutdown_timeout: float = 1.0,
        limits: ConnectionLimits | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._flags = flags
        self._shutdown_timeout = shutdown_timeout
        self._limits = limits or ConnectionLimits()
        self._open: set[HTTPConnection] = set()
        self._acceptor: Acceptor | None = None
        self._served = port

    @property
    def started(self) -> bool:
        """Whether it has been started and not been stopped."""
        return self._acceptor is not None

    @property
    def port(self) -> int:
        """The port that is served, once started."""
        return self._served

    @property
    def connections(self) -> int:
        """The number of connections at present."""
        return self._acceptor.connections if self._acceptor is not None else 0

    @property
    def limits(self) -> ConnectionLimits:
        """The limits of its connections."""
        return self._limits

    async def start(
        self,
        routes: Routes,
        *,
        context: Callable[[], ssl.SSLContext] | None = None,
        instead: str = "use another, or 0",
    ) -> None:
        """Listen.

        Args:
            routes: What is served.
            context: Returns what https needs, for each connection; None serves plain http.
            instead: The advice in the error message.

        Raises:
            ConfigurationError: The address is taken or not allowed.
        """
        try:
            sockets = await _listen(self._host, self._port)
        except OSError as error:
            raise ConfigurationError(f"{self._flags}: {error.strerror or error}; {instead}") from error
        except UnicodeError as error:  # of the encoding of the host's name
            raise ConfigurationError(f"{self._flags}: not a host name: {error}; {instead}") from error
        self._served = int(sockets[0].getsockname()[1])

        def connected(connection: Connection) -> HTTPConnection:
            # With the first connection, which comes later: loading h11 is 5 % of an operator's start.
            from kaiwu_runtime.serving._http_connection import HTTPConnection  # noqa: PLC0415

            return HTTPConnection(
                connection,
                lambda request: respond(request, routes, self._limits.answer),
                self._limits.write,
                self._open,
            )

        self._acceptor = Acceptor(
            sockets, connected, self._limits, context=context, name=f"{self._host}:{self._served}"
        )

    async def stop(self) -> None:
        """Stop listening; requests in progress are answered."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is None:
            return
        try:
            await acceptor.close()
            await self._finish()
        finally:  # a stop that is cancelled gives no more time, and leaves nothing open either
            answering = [(each, each.exchange) for each in self._open if each.exchange is not None]
            for each, exchange in answering:
                each.finish()
                exchange.cancel()
            try:
                await asyncio.gather(*(exchange for _, exchange in answering), return_exceptions=True)
            finally:
                acceptor.abort()

    async def _finish(self) -> None:
        """Close the connections that wait for a request, and wait a while for the answers to the others."""
        answering = [each for each in self._open if each.is_busy]
        for each in list(self._open):
            each.finish()
        if answering:
            tasks = [asyncio.create_task(each.lost.wait()) for each in answering]
            try:
                await asyncio.wait(tasks, timeout=self._shutdown_timeout)
            finally:
                for task in tasks:
                    task.cancel()


async def _listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on every address of a host, all on the same port.

    Raises:
        OSError: The host has no address, or the port is taken or not allowed.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                sockets.append(_bound(family, kind, protocol, (address[0], port, *address[2:])))
            except OSError as error:
                if error.errno not in _NO_FAMILY or len(found) == 1:
                    raise
                continue  # for example no IPv6 in this pod
            port = port or int(sockets[0].getsockname()[1])
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "no address of the host can be used")
    except OSError:
        for each in sockets:
            each.close()
        raise
    return sockets


def _bound(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made
