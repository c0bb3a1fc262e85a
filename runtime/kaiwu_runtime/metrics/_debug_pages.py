"""Pages for the administrators of an operator: what it is doing, and its log level.

They are served only where callers are authorised: a role has to grant the path, which the one for /metrics does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.serving._exchange import read_body
from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import Response

STATE, LOG_LEVEL = "/debug/state", "/debug/log-level"

_MAX_BODY = 64
_BODY_SECONDS = 10.0


class Level(Protocol):
    """The log level of the process."""

    @property
    def name(self) -> str:
        """The present level."""

    def set(self, name: str) -> None:
        """Change it; a ConfigurationError says what is wrong with the name."""


class DebugPages:
    """The pages.

    Args:
        state: Returns what the manager is doing, as text.
        level: The log level.
    """

    def __init__(self, state: Callable[[], str], level: Level) -> None:
        self._state = state
        self._level = level

    async def answer(self, request: Request) -> Response:
        """Answer a request that is authorised."""
        if request.path == STATE:
            return Response.of(self._state())
        if request.method != "PUT":
            return Response.of(f"{self._level.name}\n")
        wanted = (await read_body(request, _MAX_BODY, _BODY_SECONDS)).decode("utf-8", "replace").strip()
        try:
            self._level.set(wanted)
        except ConfigurationError as error:
            return Response.of(f"{error}\n", 400)
        return Response.of(f"{self._level.name}\n")
