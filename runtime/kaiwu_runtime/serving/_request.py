"""A request: its head, and its body as it arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from kaiwu_runtime.serving._response import HTTPError, Response

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})

MAX_FIELDS = 100
"""Header fields of a request."""

LOGGED = 300
"""Maximum characters of a peer's input in the log."""


class PeerGoneError(ConnectionResetError):
    """The peer has closed the connection: it reads no response."""


class Peer(Protocol):
    """The connection that a request came on."""

    @property
    def remote(self) -> str:
        """The peer's address; empty if unknown."""

    @property
    def is_ending(self) -> bool:
        """Whether the connection is closed, or closes after the response."""

    async def read(self) -> bytearray:
        """Return the next piece of the body; empty at its end."""

    async def send(self, response: Response) -> None:
        """Send the response; the first one of a request is the only one."""


class Request:
    """One request of a peer.

    Args:
        method: In capitals.
        target: The request target, in one of the forms of RFC 9112, section 3.2.
        fields: Names, in lower case, and values of the header fields.
        peer: Where it came from.

    Attributes:
        method: In capitals.
        path: Decoded, without the query.
        headers: Values by name in lower case; those of a name that occurs more than once are joined with a comma.
        peer: Where it came from.

    Raises:
        HTTPError: It is not valid, or asks for something unknown.
    """

    __slots__ = ("_query", "headers", "method", "path", "peer")

    def __init__(self, method: str, target: str, fields: Iterable[tuple[str, str]], peer: Peer) -> None:
        if method not in METHODS:
            raise HTTPError(400, "the method is unknown\n")
        path, self._query = _split(target)
        self.method = method
        self.path = unquote(path, errors="replace")
        self.peer = peer
        self.headers: dict[str, str] = {}
        for number, (name, value) in enumerate(fields):
            if number == MAX_FIELDS:
                raise HTTPError(400, f"the request has more than {MAX_FIELDS} header fields\n")
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value
        if "content-length" in self.headers and "transfer-encoding" in self.headers:
            # An intermediary may have used the other one to find where the request ends.
            raise HTTPError(400, "the request has both Content-Length and Transfer-Encoding\n")
        if self.headers.get("expect", "100-continue").lower() != "100-continue":
            raise HTTPError(417)

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The values of each parameter, decoded."""
        return parse_qs(self._query, keep_blank_values=True, errors="replace")

    @property
    def content_type(self) -> str:
        """The media type of the body, without parameters."""
        return self.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        """The announced length of the body, in bytes; None for a chunked one, or none."""
        announced = self.headers.get("content-length")
        return None if announced is None else int(announced)

    async def chunks(self) -> AsyncIterator[bytearray]:
        """Yield the pieces of the body as they arrive.

        Raises:
            HTTPError: The body is not valid.
            PeerGoneError: The peer has closed the connection.
        """
        while piece := await self.peer.read():
            yield piece


def _split(target: str) -> tuple[str, str]:
    """Return the path and the query of a request target."""
    if not target.startswith("/") and "://" in target:
        try:
            parts = urlsplit(target)
        except ValueError:
            raise HTTPError(400, "the request target is not a valid URL\n") from None
        return parts.path or "/", parts.query
    path, _, query = target.partition("?")
    return path, query
