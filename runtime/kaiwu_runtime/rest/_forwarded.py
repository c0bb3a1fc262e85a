"""A transport for another thread, on top of one that belongs to an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from typing import Any, TypeVar

from kaiwu_runtime.rest._transport import JSON, Transport

T = TypeVar("T")


class ForwardedTransport:
    """Send requests through another transport, in the event loop of that transport.

    Closing it does not close the other transport.

    Args:
        inner: Sends the requests.
        loop: The event loop it is used in; default None sends them in the caller's.
    """

    def __init__(self, inner: Transport, loop: asyncio.AbstractEventLoop | None) -> None:
        self._inner = inner
        self._loop = loop

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
        return await self._there(
            self._inner.request(method, path, params=params, body=body, content_type=content_type, accept=accept)
        )

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch; see :class:`~kaiwu_runtime.rest._transport.Transport`."""
        lines = self._inner.stream(path, params=params, idle_timeout=idle_timeout, accept=accept)

        async def following() -> bytes | None:
            return await anext(lines, None)

        try:
            while (line := await self._there(following())) is not None:
                yield line
        finally:
            await self._there(_closed(lines))

    async def close(self) -> None:
        """Do nothing: the other transport's owner closes it."""

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None or self._loop is asyncio.get_running_loop():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


async def _closed(lines: AsyncGenerator[bytes, None]) -> None:
    await lines.aclose()
