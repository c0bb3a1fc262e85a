"""A fence for a transport without one: a process that lost its lease must not write."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping

from kaiwu_runtime.rest._transport import JSON, Transport


class FencedTransport:
    """Passes requests on to another transport, and calls its fence before each write.

    Args:
        inner: Sends the requests.

    Attributes:
        inner: See above.
        fence: Called right before each write; what it raises is raised. None while there is no fence.
    """

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.fence: Callable[[], None] | None = None

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
        if self.fence is not None and method != "GET":
            self.fence()
        return await self.inner.request(
            method, path, params=params, body=body, content_type=content_type, accept=accept
        )

    def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = JSON
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a watch; see :class:`~kaiwu_runtime.rest._transport.Transport`."""
        return self.inner.stream(path, params=params, idle_timeout=idle_timeout, accept=accept)

    async def close(self) -> None:
        """Close every connection."""
        await self.inner.close()
