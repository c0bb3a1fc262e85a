"""What a port answers: a response, or the rejection of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response with its whole body.

    Attributes:
        status: Its status code.
        content_type: Of the body.
        body: In pieces, which are sent one after the other.
        headers: Further header fields.
    """

    status: int = 200
    content_type: str = TEXT
    body: Sequence[bytes] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Self:
        """Return a response with a text.

        Args:
            text: The body.
            status: The status code.
            headers: Further header fields.
        """
        return cls(status=status, body=(text.encode(),), headers=headers or {})


class HTTPError(Exception):
    """A request that is rejected with a status.

    Args:
        status: 400 or above.
        text: The body of the response; empty for the status and its phrase.
        headers: Header fields of the response.
    """

    def __init__(self, status: int, text: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text or f"{status}: {HTTPStatus(status).phrase}")
        self.status = status
        self.headers = headers or {}

    def response(self) -> Response:
        """Return what the peer is told."""
        return Response.of(str(self), self.status, headers=self.headers)
