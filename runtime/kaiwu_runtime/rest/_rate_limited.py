"""A limit of the rate of requests, as client-go's QPS and burst."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket, raw
from kaiwu_runtime.rest._transport import JSON, Transport
from kaiwu_runtime.rest._wrapper import TransportWrapper


class RateLimitedTransport(TransportWrapper):
    """Let requests wait until they are due, in their order; the start of a watch is a request as well.

    Args:
        inner: Sends the requests.
        qps: Requests per second in the long run; greater than 0.
        burst: How many may be sent at once after a pause; 1 or more.

    Raises:
        ConfigurationError: A number is too small.
    """

    def __init__(self, inner: Transport, qps: float, burst: int) -> None:
        super().__init__(inner)
        if not qps > 0 or burst < 1:
            raise ConfigurationError(f"rate limit: qps {qps:g} and burst {burst}: use more than 0, and 1 or more")
        self._interval = 1.0 / qps
        self._tolerance = (burst - 1) * self._interval
        self._due = 0.0

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
        """Send a request when it is due; see :class:`~kaiwu_runtime.rest.Transport`."""
        await self._turn()
        return await self.inner.request(
            method, path, params=params, body=body, content_type=content_type, accept=accept
        )

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Begin a watch when it is due; see :class:`~kaiwu_runtime.rest.Transport`."""
        await self._turn()
        async with aclosing(self.inner.stream(path, params=params, idle_timeout=idle_timeout, accept=accept)) as lines:
            async for line in lines:
                yield line

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
        """Send a request when it is due; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        await self._turn()
        return await raw(self.inner).answer(
            method, path, params=params, body=body, content_type=content_type, seconds=seconds, limit=limit
        )

    async def chunks(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), idle_timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Send a GET when it is due; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        await self._turn()
        async with aclosing(raw(self.inner).chunks(path, params=params, idle_timeout=idle_timeout)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def websocket(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> Socket:
        """Open a WebSocket when it is due; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        await self._turn()
        return await raw(self.inner).websocket(path, params=params, subprotocols=subprotocols)

    async def _turn(self) -> None:
        """Wait for the next turn; the turns are given in the order of the calls."""
        now = asyncio.get_running_loop().time()
        due = max(self._due, now - self._tolerance)
        self._due = due + self._interval
        if due > now:
            await asyncio.sleep(due - now)
