"""One request and its response on a port: time limits, responses to invalid HTTP, and logging.

See https://www.rfc-editor.org/rfc/rfc9110#name-status-codes
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientError, http_exceptions, web
from aiohttp.typedefs import Handler, Middleware

from kaiwu_runtime.serving._acceptor import Connection, ConnectionLimits

logger = logging.getLogger("kaiwu_runtime.serving.exchange")

LINGER_SECONDS = 1.0
"""Seconds to read the rest of a body after the response, so that the peer receives the response."""

_LOGGED = 300
"""Maximum characters of a peer's input in the log."""


def bounded(limits: ConnectionLimits) -> Middleware:
    """Return a middleware that keeps requests within limits.

    Args:
        limits: The port's.
    """

    @web.middleware
    async def exchange(request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.transport.get_protocol() if request.transport is not None else None
        if not isinstance(connection, Connection):
            raise ConnectionResetError("the peer has closed the connection")
        connection.begin()
        try:
            response = await _respond(request, handler, limits)
            if not request.content.is_eof():
                # Reading on, to find where the next request begins, is work that the peer chooses.
                response.force_close()
            async with writing(request, limits):
                await response.prepare(request)
                await response.write_eof()
        finally:
            connection.end()
        return response

    return exchange


@asynccontextmanager
async def writing(request: web.Request, limits: ConnectionLimits) -> AsyncIterator[None]:
    """Close the connection when the peer does not read within the limit what the block writes.

    Args:
        request: What is answered.
        limits: The port's.

    Raises:
        ConnectionResetError: It did not.
    """
    try:
        async with asyncio.timeout(limits.write):
            yield
    except TimeoutError:
        logger.debug("Closed a connection that did not read its response", extra=_where(request))
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the response was not read in time") from None


async def omit_software(_: web.Request, response: web.StreamResponse) -> None:
    """Remove the headers that tell a peer the server's software and version."""
    response.headers.pop("Server", None)


async def read_body(
    request: web.Request, limit: int, seconds: float, *, reserve: Callable[[int], Awaitable[None]] | None = None
) -> bytearray:
    """Return a request's body.

    Args:
        request: The request.
        limit: Bytes.
        seconds: How long the peer may take for the next piece.
        reserve: Awaited with a number of bytes before they are kept; rejects them by raising.

    Raises:
        web.HTTPException: 408 when it took too long, 413 as soon as it is known to be too large.
    """
    announced = request.content_length or 0
    if announced > limit:
        raise too_large(limit)
    if reserve is not None and announced:
        await reserve(announced)
    body = bytearray()
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(seconds) as waiting:
            async for chunk in request.content.iter_any():
                if len(body) + len(chunk) > limit:
                    raise too_large(limit)
                if reserve is not None and not announced:
                    waiting.reschedule(None)  # a wait here is not the peer's
                    await reserve(len(chunk))
                body += chunk
                waiting.reschedule(now() + seconds)
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body did not arrive in time") from None
    return body


def too_large(limit: int) -> web.HTTPRequestEntityTooLarge:
    """Return the rejection of a body.

    Args:
        limit: Bytes.
    """
    size = f"{limit // 1024**2} MiB" if limit >= 1024**2 else f"{limit} bytes"
    return web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=limit + 1, text=f"the body is larger than {size}")


async def _respond(request: web.Request, handler: Handler, limits: ConnectionLimits) -> web.StreamResponse:
    """Return the response, whatever the handler does."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        # A few bytes can inflate to gigabytes, and the API server compresses no request.
        return web.Response(
            status=415,
            text="compressed request bodies are not supported\n",
            headers={"Accept-Encoding": "identity"},
        )
    try:
        async with asyncio.timeout(limits.answer) as waiting:
            return await handler(request)
    except TimeoutError:
        if not waiting.expired():
            logger.exception("A request failed", extra=_where(request))
            return _internal_error()
        logger.warning("A request took too long", extra={**_where(request), "seconds": limits.answer})
        return web.Response(status=504, text="no answer in time\n")
    except web.HTTPException as refusal:
        logger.debug("Rejected a request", extra={**_where(request), "status": refusal.status})
        headers = {name: value for name, value in refusal.headers.items() if name in {"Allow", "Retry-After"}}
        return web.Response(status=refusal.status, text=refusal.text, headers=headers)
    except (ConnectionError, ClientError, web.RequestPayloadError, http_exceptions.HttpProcessingError) as error:
        logger.debug("A request ended early", extra={**_where(request), "error": _line(error)})
        response = web.Response(status=400, text="the body is not complete or not valid\n")
        response.force_close()
        return response
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the server stops; otherwise the handler awaited something that was cancelled
        logger.exception("A request failed", extra=_where(request))
    except (Exception, SystemExit):
        logger.exception("A request failed", extra=_where(request))
    return _internal_error()


def _internal_error() -> web.Response:
    return web.Response(status=500, text="internal error\n")


def _where(request: web.Request) -> dict[str, str]:
    return {"method": request.method[:20], "path": request.path[:_LOGGED], "remote": request.remote or ""}


def _line(error: object) -> str:
    return " ".join(str(error).split())[:_LOGGED] or type(error).__name__


class ServerLog(logging.LoggerAdapter[logging.Logger]):
    """The log of aiohttp: one line at debug level for requests that are not valid HTTP."""

    def __init__(self) -> None:
        super().__init__(logger, {})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:  # noqa: ANN401
        """Keep the fields of the call."""
        return msg, kwargs

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:  # noqa: ANN401
        """Log a line without a stack."""
        error = kwargs.pop("exc_info", None)
        extra = {"error": _line(error)} if isinstance(error, BaseException) else {}
        super().debug(msg, *args, extra=extra)

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:  # noqa: ANN401
        """Log a failure of the server with its stack, and a peer's mistake as a line at debug level."""
        error = kwargs.get("exc_info")
        if isinstance(
            error, http_exceptions.HttpProcessingError | ConnectionError | ClientError | web.RequestPayloadError
        ):
            self.debug(msg, *args, exc_info=error)
        else:
            super().exception(msg, *args, **kwargs)
