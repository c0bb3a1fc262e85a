"""Which handler answers a request: by path and method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import HTTPError, Response

Handler = Callable[[Request], Awaitable[Response]]
"""Answers a request, or raises an HTTPError."""


class Routes:
    """The handlers of a port.

    A GET handler answers HEAD too, whose response has no body.
    """

    def __init__(self) -> None:
        self._paths: dict[str, dict[str, Handler]] = {}
        self._below: dict[str, dict[str, Handler]] = {}

    def get(self, path: str, handler: Handler) -> None:
        """Answer GET and HEAD requests.

        Args:
            path: Begins with a slash; all paths below it if it ends with one.
            handler: Answers them.
        """
        self._add("GET", path, handler)
        self._add("HEAD", path, handler)

    def post(self, path: str, handler: Handler) -> None:
        """Answer POST requests; the arguments are those of `get`."""
        self._add("POST", path, handler)

    def put(self, path: str, handler: Handler) -> None:
        """Answer PUT requests; the arguments are those of `get`."""
        self._add("PUT", path, handler)

    def find(self, method: str, path: str) -> Handler:
        """Return the handler of a request.

        Args:
            method: Of the request.
            path: Of the request, decoded.

        Raises:
            HTTPError: 404 if nothing is served at the path, 405 if not with the method.
        """
        methods = self._paths.get(path) or self._below.get(path[: path.rfind("/") + 1])
        if methods is None:
            raise HTTPError(404)
        handler = methods.get(method)
        if handler is None:
            raise HTTPError(405, headers={"Allow": ",".join(sorted(methods))})
        return handler

    def _add(self, method: str, path: str, handler: Handler) -> None:
        table = self._below if path.endswith("/") else self._paths
        table.setdefault(path, {})[method] = handler
