"""The head of an HTTP response.

See https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations


class Response:
    """The head of an answer.

    Args:
        status: HTTP status code.
        head: Status line and headers as they came.

    Attributes:
        status: HTTP status code.
    """

    __slots__ = ("_head", "status")

    def __init__(self, status: int, head: bytes) -> None:
        self.status = status
        self._head = head

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names in lower case, with their values; taken apart here, since most answers are read without them."""
        lines = (line.partition(b":") for line in self._head.splitlines()[1:])
        return [(name.lower(), value.strip()) for name, colon, value in lines if colon and not name[:1].isspace()]

    @property
    def has_warnings(self) -> bool:
        """Whether there may be a Warning header."""
        return b"\nwarning:" in self._head.lower()

    def header(self, name: bytes) -> str | None:
        """Return a header's first value, or None."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), None)
