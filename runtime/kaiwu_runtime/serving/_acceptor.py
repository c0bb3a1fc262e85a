"""Accept the connections of one port, with limits on their number and on the time they wait for the peer.

Connections that wait for their peer are closed in favour of new ones. The limits bound the resources that an
unauthenticated peer can use.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from socket import socket as Socket  # noqa: N812 - a class
from typing import cast

from kaiwu_runtime._error_text import summary
from kaiwu_runtime.serving._memory_limit import memory_limit

logger = logging.getLogger("kaiwu_runtime.serving.acceptor")

GRACE_SECONDS = 0.5
"""Minimum seconds before a connection that waits for its peer may be closed when the port is full."""

CONNECTION_BYTES = 512 * 1024
"""Maximum size of what is read ahead of a request, and of TLS's buffers."""

FULL_POLL_SECONDS = 0.1
_SWEEP_SECONDS = 1.0
_TLS_SHUTDOWN_SECONDS = 2.0
_EXHAUSTED_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of one port for its peers, which are not authenticated yet.

    Attributes:
        connections: Maximum number of connections; fewer where the process may open few files or use little memory.
        handshake: Seconds for the TLS handshake.
        header: Seconds for the head of a request, from the connection or the first byte on.
        body: Seconds between two pieces of the body of a request.
        answer: Seconds for the answer to a request, its body included.
        write: Seconds for the peer to read a response.
        idle: Seconds between two requests.
        memory_share: Part of the container's memory that the buffers of all connections may use.
    """

    connections: int = 128
    handshake: float = 10.0
    header: float = 10.0
    body: float = 10.0
    answer: float = 60.0
    write: float = 30.0
    idle: float = 90.0
    memory_share: float = 1 / 8

    def bounded_connections(self) -> int:
        """Return the maximum number of connections that the limits of open files and memory leave for one port."""
        limits = [self.connections, _open_files() // 5]
        memory = memory_limit()
        if memory is not None:
            limits.append(int(memory * self.memory_share) // CONNECTION_BYTES)
        return max(8, min(limits))


def _open_files() -> int:
    """Return how many files the process may open."""
    try:
        import resource  # noqa: PLC0415 - not on every platform
    except ImportError:
        return sys.maxsize
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


class Connection(asyncio.Protocol):
    """Pass calls between a transport and the HTTP protocol, and track what the connection waits for.

    Args:
        acceptor: Counts it.

    Attributes:
        busy: Whether a request is being answered.
        served: Whether one was.
        waits: Whether the answer waits for the peer: to send the rest of its request, or to read.
        since: Since when the peer has been idle, or is to send or read what it has not yet, in the event loop's time.
        deadline: When the peer must have acted; None while a request is being answered.
        task: Makes the transport, which includes the TLS handshake.
    """

    __slots__ = ("_acceptor", "_protocol", "_transport", "busy", "deadline", "served", "since", "task", "waits")

    def __init__(self, acceptor: Acceptor) -> None:
        now = acceptor.loop.time()
        self._acceptor = acceptor
        self._protocol: asyncio.Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self.task: asyncio.Task[None] | None = None
        self.busy = False
        self.served = False
        self.waits = False
        self.since = now
        self.deadline: float | None = None  # the handshake has its own

    def begin(self) -> None:
        """Note that a request is being answered."""
        self.busy = True
        self.deadline = None
        self.since = self._acceptor.loop.time()

    async def wait(self, event: asyncio.Event) -> None:
        """Wait for the peer to send or to read; meanwhile the connection may be closed for another one.

        Args:
            event: Set when it does.
        """
        self.waits = True
        try:
            await event.wait()
        finally:
            self.waits = False

    def end(self) -> None:
        """Note that the request was answered: now the connection waits for the peer."""
        self.busy = False
        self.served = True
        self.since = self._acceptor.loop.time()
        self.deadline = self.since + self._acceptor.limits.idle

    def abort(self) -> None:
        """Close the connection at once, even with data still to be sent."""
        self._acceptor.discard(self)
        if self._transport is not None:
            # A TLS transport of Python 3.11's asyncio that was closed twice has forgotten its connection.
            with suppress(AttributeError):
                self._transport.abort()
        elif self.task is not None:
            self.task.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass of it
        self.deadline = self._acceptor.loop.time() + self._acceptor.limits.header
        try:
            self._protocol = self._acceptor.make_protocol(self)
        except (OSError, ImportError) as error:  # the first one loads modules, which takes descriptors
            self._acceptor.warn(error)
            self._transport.abort()
            return
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on; the first after a response begin the next head."""
        if self.served and not self.busy and self.deadline is not None:
            header = self._acceptor.loop.time() + self._acceptor.limits.header
            self.deadline = min(self.deadline, header)
        if self._protocol is not None:
            self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return None if self._protocol is None else self._protocol.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._protocol is not None:
            self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forward the call, and make room for another connection."""
        self._acceptor.discard(self)
        protocol, self._protocol, self._transport = self._protocol, None, None
        if protocol is not None:
            protocol.connection_lost(exc)


class Acceptor:
    """Accepts connections on listening sockets until it is closed.

    Args:
        sockets: Listening, non-blocking sockets.
        make_protocol: Returns what speaks HTTP on a connection.
        limits: For all sockets together.
        context: Returns what TLS needs, for each connection; None for plain http.
        name: For the log: which port this is.
    """

    def __init__(
        self,
        sockets: list[Socket],
        make_protocol: Callable[[Connection], asyncio.Protocol],
        limits: ConnectionLimits,
        *,
        context: Callable[[], ssl.SSLContext] | None,
        name: str,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self.make_protocol = make_protocol
        self._context = context
        self._name = name
        self._most = limits.bounded_connections()
        self._sockets = sockets
        self._connections: set[Connection] = set()
        self._changed = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None
        self._exhausted = False
        self._tasks = [asyncio.create_task(self._accept(each), name=f"accept {name}") for each in sockets]

    @property
    def connections(self) -> int:
        """The number of connections, those in the TLS handshake too."""
        return len(self._connections)

    async def close(self) -> None:
        """Stop accepting; connections without a request in progress stay until they are aborted."""
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            for each in self._sockets:
                each.close()

    def abort(self) -> None:
        """Close every connection at once."""
        for connection in list(self._connections):
            connection.abort()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def discard(self, connection: Connection) -> None:
        """Stop counting a connection."""
        self._connections.discard(connection)
        self._changed.set()

    def warn(self, error: OSError | ImportError) -> None:
        """Log that a connection cannot be accepted."""
        reason = error.strerror if isinstance(error, OSError) else None
        logger.warning("Cannot accept connections", extra={"port": self._name, "error": reason or summary(error)})

    async def _accept(self, listening: Socket) -> None:
        while True:
            try:
                accepted = await self._accepted(listening)
            except OSError as error:
                await self._failed(error)
                continue
            self._exhausted = False
            try:
                await self._room()  # not before: no connection is closed for a peer that does not exist
            except asyncio.CancelledError:
                accepted.close()
                raise
            connection = Connection(self)
            self._connections.add(connection)
            connection.task = asyncio.create_task(self._open(connection, accepted), name=f"open {self._name}")
            if self._sweep is None:
                self._sweep = self.loop.call_later(_SWEEP_SECONDS, self._close_overdue)

    async def _accepted(self, listening: Socket) -> Socket:
        """Return the next connection.

        Not `sock_accept`: one that is cancelled may have accepted a connection already, which then stays open without
        an answer for as long as the exception is kept.
        """
        while True:
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # the last: its peer has gone already
                await self._readable(listening)
                continue
            accepted.setblocking(False)
            return accepted

    async def _readable(self, listening: Socket) -> None:
        readable = asyncio.Event()
        self.loop.add_reader(listening, readable.set)
        try:
            await readable.wait()
        finally:
            self.loop.remove_reader(listening)

    async def _open(self, connection: Connection, accepted: Socket) -> None:
        """Make the transport; with TLS this takes as long as the handshake."""
        context = None if self._context is None else self._context()
        secure = context is not None
        try:
            await self.loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=context,
                ssl_handshake_timeout=self.limits.handshake if secure else None,
                ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS if secure else None,
            )
        except (OSError, ValueError) as error:  # a peer that speaks no TLS, an old one, or none in time
            self.discard(connection)
            logger.debug("A connection failed", extra={"port": self._name, "error": summary(error)})
            # The frames hold the error and the error its frames, and with them 256 KiB of the TLS protocol's buffer,
            # until the garbage collector comes.
            error.__traceback__ = error.__context__ = None
        except asyncio.CancelledError:
            self.discard(connection)
            raise
        finally:
            connection.task = None

    async def _room(self) -> None:
        """Wait until there is room for one more connection; those that wait for their peer are closed for it."""
        while len(self._connections) >= self._most:
            self._changed.clear()
            oldest = min(
                (connection for connection in self._connections if connection.waits or not connection.busy),
                key=lambda connection: (connection.served and not connection.busy, connection.since),
                default=None,
            )
            if oldest is not None and self.loop.time() - oldest.since >= GRACE_SECONDS:
                logger.debug(
                    "The port is full; closed the connection that waits longest for its peer",
                    extra={"port": self._name},
                )
                oldest.abort()
                return
            try:
                async with asyncio.timeout(FULL_POLL_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _failed(self, error: OSError) -> None:
        """Wait before the next try: mostly the process, or the machine, has no descriptor left."""
        if not self._exhausted:
            self._exhausted = True
            self.warn(error)
        await asyncio.sleep(_EXHAUSTED_SECONDS)

    def _close_overdue(self) -> None:
        now = self.loop.time()
        for connection in list(self._connections):
            if connection.deadline is not None and now >= connection.deadline:
                logger.debug("Closed a connection that waited for its peer too long", extra={"port": self._name})
                connection.abort()
        again = bool(self._connections)
        self._sweep = self.loop.call_later(_SWEEP_SECONDS, self._close_overdue) if again else None
