"""One request and its response on a port: time limits, responses to invalid HTTP, and logging.

See https://www.rfc-editor.org/rfc/rfc9110#name-status-codes
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from kaiwu_runtime._callback import take_back_cancellation
from kaiwu_runtime.serving._request import LOGGED, PeerGoneError, Request
from kaiwu_runtime.serving._response import HTTPError, Response
from kaiwu_runtime.serving._routes import Routes

logger = logging.getLogger("kaiwu_runtime.serving.exchange")

PROOF = 64 * 1024
"""Bytes that must have come before the announced rest of a body is held."""

RATE = 1024 * 1024
"""Minimum bytes a second of a body whose memory another request waits for."""

_LOOK_SECONDS = 0.25
_SLOW_SECONDS = 1.0


class Share(Protocol):
    """What a request holds of the memory for bodies."""

    @property
    def is_wanted(self) -> bool:
        """Whether another request waits for what this one holds."""

    async def add(self, size: int) -> None:
        """Hold more bytes; rejects them by raising."""


async def read_body(request: Request, limit: int, seconds: float, *, share: Share | None = None) -> bytearray:
    """Return a request's body.

    A body that holds memory which another request waits for must arrive at `RATE`: a peer that announces much and sends
    nothing would keep everyone else out.

    Args:
        request: The request.
        limit: Bytes.
        seconds: How long the peer may take for the next piece.
        share: Holds the bytes that are kept. What a request announces is held once `PROOF` bytes have come.

    Raises:
        HTTPError: 408 when it took too long, 413 as soon as it is known to be too large.
    """
    announced = request.content_length or 0
    if announced > limit:
        raise too_large(limit)
    body, held = bytearray(), 0
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(seconds) as waiting:
            with _Haste(body, share, waiting):
                async for chunk in request.chunks():
                    size = len(body) + len(chunk)
                    if size > limit:
                        raise too_large(limit)
                    if share is not None and size > held:
                        more = (announced if size > PROOF and announced > size else size) - held
                        waiting.reschedule(None)  # a wait here is not the peer's
                        await share.add(more)
                        held += more
                    body += chunk
                    waiting.reschedule(now() + seconds)
    except TimeoutError:
        raise HTTPError(408, "the body did not arrive in time") from None
    return body


class _Haste:
    """Ends the wait for a body that arrives slowly while another request needs its memory.

    Args:
        body: What has arrived.
        share: What it holds.
        waiting: The time limit of the body.
    """

    def __init__(self, body: bytearray, share: Share | None, waiting: asyncio.Timeout) -> None:
        self._body = body
        self._share = share
        self._waiting = waiting
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._seen = 0
        self._slow = 0

    def __enter__(self) -> None:
        if self._share is not None:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look, self._share)

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, share: Share) -> None:
        # Several times in a row: after a pause of the event loop there is something to read.
        waits_for_peer = self._waiting.when() is not None
        is_slow = waits_for_peer and share.is_wanted and len(self._body) - self._seen < RATE * _LOOK_SECONDS
        self._seen, self._slow = len(self._body), self._slow + 1 if is_slow else 0
        if self._slow * _LOOK_SECONDS >= _SLOW_SECONDS:
            self._waiting.reschedule(self._loop.time())
            return
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look, share)


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
    except HTTPError as error:
        logger.debug("Rejected a request", extra={**_where(request), "status": error.status})
        return error.response()
    except PeerGoneError:
        raise
    except (TimeoutError, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError):
            if request.peer.is_ending:
                raise  # otherwise the handler awaited something that was cancelled, or cancelled its own task
            await take_back_cancellation()
        if waiting.expired():
            logger.warning("A request took too long", extra={**_where(request), "seconds": seconds})
            return Response.of("no answer in time\n", 504)
        logger.exception("A request failed", extra=_where(request))
    except (Exception, SystemExit):
        logger.exception("A request failed", extra=_where(request))
    return _internal_error()


def _internal_error() -> Response:
    return Response.of("internal error\n", 500)


def _where(request: Request) -> dict[str, str]:
    return {"method": request.method[:20], "path": request.path[:LOGGED], "remote": request.peer.remote}
