"""A transport around another one: the base of wrappers, which change the requests that they care about."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket, raw
from kaiwu_runtime.rest._transport import JSON, Transport


def layers(transport: Transport) -> Iterator[Transport]:
    """Yield a transport and those that it wraps, from the outermost on."""
    present: Transport | None = transport
    while present is not None:
        yield present
        present = getattr(present, "inner", None)


class TransportWrapper:
    """Pass every request on to another transport; see :class:`~kaiwu_runtime.rest.RawTransport` for the methods.

    Args:
        inner: Sends the requests.

    Attributes:
        inner: See above.
    """

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

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
        """Send a request and return the answer; see :class:`~kaiwu_runtime.rest.Transport`."""
        return await self.inner.request(
            method, path, params=params, body=body, content_type=content_type, accept=accept
        )

    def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch; see :class:`~kaiwu_runtime.rest.Transport`."""
        return self.inner.stream(path, params=params, idle_timeout=idle_timeout, accept=accept)

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
        return await raw(self.inner).answer(
            method, path, params=params, body=body, content_type=content_type, seconds=seconds, limit=limit
        )

    def chunks(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), idle_timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Yield the body of the answer to a GET; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        return raw(self.inner).chunks(path, params=params, idle_timeout=idle_timeout)

    async def websocket(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> Socket:
        """Open a WebSocket; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        return await raw(self.inner).websocket(path, params=params, subprotocols=subprotocols)

    async def close(self) -> None:
        """Close every connection."""
        await self.inner.close()
