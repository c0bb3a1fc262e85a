"""A fence for a transport without one: a process that lost its lease must not write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar

from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket
from kaiwu_runtime.rest._transport import JSON, Transport
from kaiwu_runtime.rest._wrapper import TransportWrapper

unfenced: ContextVar[bool] = ContextVar("unfenced", default=False)
"""Whether the present request comes from a client without a fence, through the transport of one that has it."""


class FencedTransport(TransportWrapper):
    """Passes requests on to another transport, and calls its fence before each write.

    Args:
        inner: Sends the requests.

    Attributes:
        fence: Called right before each write; what it raises is raised. None while there is no fence.
    """

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
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
        """Send a request and return the answer; see :class:`~kaiwu_runtime.rest.Transport`."""
        self._check(method)
        return await self.inner.request(
            method, path, params=params, body=body, content_type=content_type, accept=accept
        )

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
        self._check(method)
        return await super().answer(
            method, path, params=params, body=body, content_type=content_type, seconds=seconds, limit=limit
        )

    async def websocket(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> Socket:
        """Open a WebSocket, which counts as a write; see :class:`~kaiwu_runtime.rest.RawTransport`."""
        self._check("POST")
        return await super().websocket(path, params=params, subprotocols=subprotocols)

    def _check(self, method: str) -> None:
        if self.fence is not None and method != "GET":
            self.fence()
