"""A transport for another thread, on top of one that belongs to an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from kaiwu_runtime.rest._fenced import unfenced
from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket, raw
from kaiwu_runtime.rest._transport import JSON, Transport

T = TypeVar("T")


class ForwardedTransport:
    """Send requests through another transport, in the event loop of that transport.

    The fence of a leader that has lost its Lease does not stop them: the Lease itself is given back this way.

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

    def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch; see :class:`~kaiwu_runtime.rest.Transport`."""
        return self._following(self._inner.stream(path, params=params, idle_timeout=idle_timeout, accept=accept))

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
        """Send a request once and return what comes back; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        return await self._there(
            raw(self._inner).answer(
                method, path, params=params, body=body, content_type=content_type, seconds=seconds, limit=limit
            )
        )

    def chunks(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), idle_timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Yield the body of the answer to a GET; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        return self._following(raw(self._inner).chunks(path, params=params, idle_timeout=idle_timeout))

    async def websocket(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> Socket:
        """Open a WebSocket; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        stepping = asyncio.Lock()
        opened: list[Socket] = []

        async def opening() -> Socket:
            async with stepping:
                opened.append(await raw(self._inner).websocket(path, params=params, subprotocols=subprotocols))
            return opened[0]

        async def closing() -> None:
            async with stepping:
                for each in opened:
                    await each.close()

        try:
            return _ForwardedSocket(await self._there(opening()), self._there)
        except BaseException:  # a cancellation here may come after the WebSocket was opened there
            await self._there(closing())
            raise

    async def close(self) -> None:
        """Do nothing: the other transport's owner closes it."""

    async def _following(self, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        # Of the other event loop: a generator cannot be closed while a step of it, which was cancelled, still ends.
        stepping = asyncio.Lock()

        async def following() -> bytes | None:
            async with stepping:
                return await anext(parts, None)

        async def closing() -> None:
            async with stepping:
                await parts.aclose()

        try:
            while (part := await self._there(following())) is not None:
                yield part
        finally:
            await self._there(closing())

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None or self._loop is asyncio.get_running_loop():
            return await _unfenced(work)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_unfenced(work), self._loop))


class _ForwardedSocket:
    """A WebSocket that is used in another event loop than its own."""

    def __init__(self, inner: Socket, there: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]) -> None:
        self._inner = inner
        self._there = there
        self.subprotocol = inner.subprotocol

    async def send(self, message: bytes) -> None:
        """Send a binary message; see :class:`~kaiwu_runtime.rest.Socket`."""
        await self._there(self._inner.send(message))

    async def receive(self) -> bytes | None:
        """Return the next message; see :class:`~kaiwu_runtime.rest.Socket`."""
        message: bytes | None = await self._there(self._inner.receive())
        return message

    async def close(self) -> None:
        """Close the connection."""
        await self._there(self._inner.close())


async def _unfenced(work: Coroutine[Any, Any, T]) -> T:
    token = unfenced.set(True)
    try:
        return await work
    finally:
        unfenced.reset(token)
