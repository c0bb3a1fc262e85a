"""One request and its response on a port: time limits, responses to invalid HTTP, and logging.

See https://www.rfc-editor.org/rfc/rfc9110#name-status-codes
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kaiwu_runtime.serving._request import LOGGED, PeerGoneError, Request
from kaiwu_runtime.serving._response import HTTPError, Response
from kaiwu_runtime.serving._routes import Routes

logger = logging.getLogger("kaiwu_runtime.serving.exchange")


async def read_body(
    request: Request, limit: int, seconds: float, *, reserve: Callable[[int], Awaitable[None]] | None = None
) -> bytearray:
    """Return a request's body.

    Args:
        request: The request.
        limit: Bytes.
        seconds: How long the peer may take for the next piece.
        reserve: Awaited with a number of bytes before they are kept; rejects them by raising.

    Raises:
        HTTPError: 408 when it took too long, 413 as soon as it is known to be too large.
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
            async for chunk in request.chunks():
                if len(body) + len(chunk) > limit:
                    raise too_large(limit)
                if reserve is not None and not announced:
                    waiting.reschedule(None)  # a wait here is not the peer's
                    await reserve(len(chunk))
                body += chunk
                waiting.reschedule(now() + seconds)
    except TimeoutError:
        raise HTTPError(408, "the body did not arrive in time") from None
    return body


def too_large(limit: int) -> HTTPError:
    """Return the rejection of a body.

    Args:
        limit: Bytes.
    """
    size = f"{limit // 1024**2} MiB" if limit >= 1024**2 else f"{limit} bytes"
    return HTTPError(413, f"the body is larger than {size}")


async def respond(request: Request, routes: Routes, seconds: float) -> Response:
    """Return the response, whatever the handler does.

    Args:
        request: Of a peer.
        routes: What is served.
        seconds: How long the handler may take.

    Raises:
        PeerGoneError: The peer has closed the connection.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in {"", "identity"}:
        # A few bytes can inflate to gigabytes, and the API server compresses no request.
        return Response.of(
            "compressed request bodies are not supported\n", 415, headers={"Accept-Encoding": "identity"}
        )
    try:
        async with asyncio.timeout(seconds) as waiting:
            return await routes.find(request.method, request.path)(request)
    except TimeoutError:
        if not waiting.expired():
            logger.exception("A request failed", extra=_where(request))
            return _internal_error()
        logger.warning("A request took too long", extra={**_where(request), "seconds": seconds})
        return Response.of("no answer in time\n", 504)
    except HTTPError as error:
        logger.debug("Rejected a request", extra={**_where(request), "status": error.status})
        return error.response()
    except PeerGoneError:
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise  # the server stops; otherwise the handler awaited something that was cancelled
        logger.exception("A request failed", extra=_where(request))
    except (Exception, SystemExit):
        logger.exception("A request failed", extra=_where(request))
    return _internal_error()


def _internal_error() -> Response:
    return Response.of("internal error\n", 500)


def _where(request: Request) -> dict[str, str]:
    return {"method": request.method[:20], "path": request.path[:LOGGED], "remote": request.peer.remote}
