"""What a transport offers beyond typed requests: answers as they are, bodies as they come, and WebSockets.

Commands in a container, logs that are followed and requests to pods and Services need them. They are a protocol of
their own, so that a transport without them is still a :class:`~kaiwu_runtime.rest.Transport`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple, Protocol, cast

from kaiwu_runtime.rest._transport import Transport

ANY = "*/*"
"""What to accept where the answer is not an object."""

ANSWER_SECONDS = 65.0
"""Maximum seconds for an answer; the API server itself stops after 60."""

ANSWER_BYTES = 64 << 20
"""Maximum bytes of a body: a pod may never stop sending."""


class Answer(NamedTuple):
    """An answer as it was sent, whatever its status.

    Attributes:
        status: HTTP status code.
        headers: Names in lower case, with their values.
        body: The body.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Socket(Protocol):
    """A WebSocket that is open.

    See https://www.rfc-editor.org/rfc/rfc6455

    Attributes:
        subprotocol: What the server has chosen of the offered ones; empty if it has chosen none.
    """

    subprotocol: str

    async def send(self, message: bytes) -> None:
        """Send a binary message; wait while the server does not read.

        Raises:
            APIConnectionError: The connection has ended.
        """

    async def receive(self) -> bytes | None:
        """Return the next message, or None when the server has closed the connection.

        Raises:
            APIConnectionError: The connection ended in another way.
        """

    async def close(self) -> None:
        """Close the connection."""


class RawTransport(Transport, Protocol):
    """A transport with these requests."""

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
        """Send a request once and return what comes back; no status is an error.

        Args:
            method: HTTP method.
            path: Path below the server's URL, without a query.
            params: The query; a name may come several times.
            body: What to send, or None.
            content_type: Media type of the body.
            seconds: Maximum time for the whole answer.
            limit: Maximum bytes of the body.

        Raises:
            APIConnectionError: There was no complete response, or it is longer than the limit.
        """

    def chunks(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), idle_timeout: float
    ) -> AsyncGenerator[bytes, None]:
        """Yield the body of the answer to a GET as it comes.

        Args:
            path: Path below the server's URL, without a query.
            params: The query.
            idle_timeout: Seconds without a byte after which the connection counts as dead.

        Raises:
            APIStatusError: The server rejected the request.
            APIConnectionError: The connection broke, or there was no response.
        """

    async def websocket(
        self, path: str, *, params: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> Socket:
        """Open a WebSocket. It counts as a write: a leader that has lost its lease opens none.

        Args:
            path: Path below the server's URL, without a query.
            params: The query; a name may come several times.
            subprotocols: What to offer, the preferred one first.

        Raises:
            APIStatusError: The server rejected it.
            APIConnectionError: There was no response, or no valid one.
        """


def raw(transport: Transport) -> RawTransport:
    """Return a transport that has these requests.

    Raises:
        TypeError: It has not.
    """
    missing = [name for name in ("answer", "chunks", "websocket") if not hasattr(transport, name)]
    if missing:
        raise TypeError(
            f"{type(transport).__name__} lacks {', '.join(missing)}: use HTTPTransport, or a TransportWrapper around it"
        )
    return cast("RawTransport", transport)
