"""One review over HTTP: its body within limits of size, time and memory, and the answer."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext

from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.serving._acceptor import ConnectionLimits
from kaiwu_runtime.serving._exchange import read_body
from kaiwu_runtime.serving._request import Request
from kaiwu_runtime.serving._response import HTTPError, Response
from kaiwu_runtime.serving._routes import Handler
from kaiwu_runtime.webhook._byte_budget import SMALL, BudgetExhaustedError, ByteBudget, Share
from kaiwu_runtime.webhook._decoded_size import decoded_bytes
from kaiwu_runtime.webhook._threads import DEADLINE, ThreadsBusyError

logger = logging.getLogger("kaiwu_runtime.webhook.server")

MAX_SECONDS = 30
"""How long the API server waits for an answer at most, in seconds."""

LIMITS = ConnectionLimits(connections=512, memory_share=1 / 4)
"""An API server opens a connection for each request that it sends at the same time."""

_WAIT_SHARE = 0.8
"""How much of its time a request waits for memory; the rest is for its work."""

_DEADLINE = re.compile(r"([1-9][0-9]{0,3})s")


def review_handler(
    limit: int,
    budget: ByteBudget,
    respond: Callable[[bytes | bytearray], Awaitable[list[bytes]]],
    *,
    decoded: ByteBudget | None = None,
) -> Handler:
    """Return a handler that passes on bodies which may be reviews, and rejects the others.

    Args:
        limit: Bytes of a body.
        budget: Shared by the bodies.
        respond: Returns the answer to a body.
        decoded: Shared by what the bodies are decoded to; None if they are not decoded as a whole.
    """
    limit = min(limit, budget.total)

    async def handle(request: Request) -> Response:
        if request.content_type != "application/json":
            return _rejected(415, f"Content-Type {request.content_type} is not supported: send application/json")
        # The API server says for how long it waits; it does not read what comes later.
        announced = _DEADLINE.fullmatch(request.query.get("timeout", [""])[0])
        seconds = min(int(announced[1]), MAX_SECONDS) if announced else MAX_SECONDS
        DEADLINE.set(asyncio.get_running_loop().time() + seconds)
        with Share(budget, seconds * _WAIT_SHARE) as share, _room(decoded, seconds) as room:
            arrived = False
            try:
                async with asyncio.timeout(seconds):
                    body = await read_body(request, limit, LIMITS.body, share=share)
                    arrived = True
                    if decoded is not None and room is not None:
                        await room.add(_decoded_size(body, decoded))
                    pieces = await respond(body)
                    del body
            except DecodeError as error:
                return _rejected(400, str(error))
            except HTTPError as error:
                return _rejected(error.status, str(error))
            except (ThreadsBusyError, BudgetExhaustedError) as error:
                return _rejected(503, str(error))
            except TimeoutError:
                if not arrived:
                    return _rejected(408, "the body did not arrive in time")
                return _rejected(504, f"{request.path}: no answer within the {seconds} s of the request")
            return await _send(request, pieces)

    return handle


def _room(decoded: ByteBudget | None, seconds: float) -> AbstractContextManager[Share | None]:
    return nullcontext() if decoded is None else Share(decoded, seconds * _WAIT_SHARE)


def _decoded_size(body: bytes | bytearray, decoded: ByteBudget) -> int:
    """Return how much memory a review takes when it is decoded."""
    size = decoded_bytes(body, decoded.total)
    if size > decoded.total:
        raise HTTPError(413, "the review holds too many values: remove some or raise the memory limit of the container")
    return size


async def _send(request: Request, pieces: list[bytes]) -> Response:
    """Return the response; a large one is sent while its request holds its share of the memory."""
    response = Response(body=pieces, content_type="application/json")
    if sum(map(len, pieces)) > SMALL:
        await request.peer.send(response)
    return response


def _rejected(status: int, message: str) -> Response:
    line = " ".join(message.split())
    # What a peer sends must not fill the log; that all threads are busy is in it already.
    level = logging.WARNING if status == 504 else logging.DEBUG
    logger.log(level, "Rejected a webhook request", extra={"status": status, "error": line})
    return Response.of(f"{line}\n", status)
