"""The pool of connections to one API server: opened on demand, and kept while they work."""

from __future__ import annotations

import asyncio
import ssl
import time

from kaiwu_runtime.config._route import Route
from kaiwu_runtime.rest._connection import Connection
from kaiwu_runtime.rest._dialing import Dialer

KEEPALIVE_SECONDS = 75.0
"""Seconds that an unused connection is kept: less than the API server's 90, so that the client closes it first."""


class ConnectionPool:
    """Idle connections; the most recently used one is used first.

    Args:
        route: The route to the server.
        context: TLS for an https server.
    """

    def __init__(self, route: Route, context: ssl.SSLContext | None) -> None:
        self._dialer = Dialer(route)
        self._context = context
        self._idle: list[tuple[Connection, float]] = []
        self._all: set[Connection] = set()
        self._outdated: set[Connection] = set()

    def idle(self) -> Connection | None:
        """Return a connection that is kept and ready for a request, or None when one has to be made."""
        while self._idle:
            connection, since = self._idle.pop()
            if not connection.closed and time.monotonic() - since < KEEPALIVE_SECONDS:
                return connection
            self._drop(connection)
        return None

    async def acquire(self) -> Connection:
        """Return a connection that is ready for a request.

        Raises:
            OSError: None could be made.
            ProxyError: The proxy refused.
        """
        connection = self.idle()
        if connection is not None:
            return connection
        connection = await self.dial()
        self._all.add(connection)
        return connection

    async def dial(self) -> Connection:
        """Return a connection that is not part of the pool; the caller closes it.

        Raises:
            OSError: None could be made.
            ProxyError: The proxy refused.
        """
        while True:
            context = self._context
            connection = await self._dialer.connect(context)
            if context is self._context:
                return connection
            connection.abort()  # the certificates changed while it was made

    def release(self, connection: Connection) -> None:
        """Return a connection to the pool; one with a request in progress is closed."""
        if connection.reusable and connection not in self._outdated:
            self._idle.append((connection, time.monotonic()))
            return
        if connection.timed_out:
            # What swallowed its packets, a NAT gateway that forgot it for instance, does so to others of its age: one
            # request after the other would wait as long to find out.
            self._drop_idle()
        self._drop(connection)

    def use(self, context: ssl.SSLContext | None) -> None:
        """Use another context for new connections, and close the present ones after their request.

        A watch would go on for minutes with what is no longer valid: it is ended, and resumed on a new connection. A
        log that is followed and a request to a pod cannot be resumed: they go on.
        """
        self._context = context
        self._drop_idle()
        self._outdated = set(self._all)
        for connection in self._all:
            if connection.watching:
                connection.abort()

    async def close(self) -> None:
        """End every connection."""
        closing = list(self._all)
        for connection in closing:
            self._drop(connection)
        self._idle.clear()
        # One second is enough, also for TLS; a peer that is gone must not delay the end.
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
