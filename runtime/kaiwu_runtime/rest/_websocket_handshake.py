"""The handshake of a WebSocket: how it is rejected, and what is said of one that fails."""

from __future__ import annotations

import logging

from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage

from kaiwu_runtime._error_text import one_line
from kaiwu_runtime.rest._response import Response

SILENT = logging.Logger("kaiwu_runtime.rest.websocket", logging.CRITICAL + 1)
"""The library's logger: at debug it would log every header, the token included, and what is sent."""


class HandshakeRefusedError(Exception):
    """The server answered the handshake with another status.

    Attributes:
        response: The head of its answer.
        body: The body.
    """

    def __init__(self, response: Response, body: bytes) -> None:
        super().__init__(f"HTTP {response.status}")
        self.response = response
        self.body = body


def said(error: Exception) -> str:
    """Return the text of a handshake that failed."""
    if isinstance(error, InvalidMessage) and isinstance(error.__cause__, EOFError):
        return "the server closed the connection"
    return f"not a WebSocket handshake: {one_line(error)}"


def without_host(headers: Headers) -> list[tuple[str, str]]:
    """Return the names and values of headers without Host."""
    return [(name, value) for name, value in headers.raw_items() if name.lower() != "host"]
