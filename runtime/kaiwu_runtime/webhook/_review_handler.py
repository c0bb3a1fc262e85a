"""One review over HTTP: its body within limits of size, time and memory, and the answer."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.serving._acceptor import ConnectionLimits
from kaiwu_runtime.serving._exchange import read_body, writing
from kaiwu_runtime.webhook._byte_budget import SMALL, BudgetExhaustedError, ByteBudget, Share
from kaiwu_runtime.webhook._threads import DEADLINE, ThreadsBusyError

logger = logging.getLogger("kaiwu_runtime.webhook.server")

MAX_SECONDS = 30
"""How long the API server waits for an answer at most, in seconds."""

LIMITS = ConnectionLimits(connections=512)
"""An API server opens a connection for each request that it sends at the same time."""

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]

_WAIT_SHARE = 0.8
"""How much of its time a request waits for memory; the rest is for its work."""

_DEADLINE = re.compile(r"(\d{1,4})s")


def review_handler(
    limit: int, budget: ByteBudget, respond: Callable[[bytes | bytearray], Awaitable[list[bytes]]]
) -> Handle:
    """Return an aiohttp handler that passes on bodies which may be reviews, and rejects the others."""
    limit = min(limit, budget.total)

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            return _rejected(415, f"Content-Type {request.content_type} is not supported: send application/json")
        # The API server says for how long it waits; it does not read what comes later.
        announced = _DEADLINE.fullmatch(request.query.get("timeout", ""))
        seconds = min(int(announced[1]), MAX_SECONDS) if announced else MAX_SECONDS
        DEADLINE.set(asyncio.get_running_loop().time() + seconds)
        with Share(budget, seconds * _WAIT_SHARE) as share:
            try:
                async with asyncio.timeout(seconds):
                    body = await read_body(request, limit, LIMITS.body, reserve=share.add)
                    pieces = await respond(body)
                    del body
            except DecodeError as error:
                return _rejected(400, str(error))
            except web.HTTPException as error:
                return _rejected(error.status, error.text or error.reason)
            except (ThreadsBusyError, BudgetExhaustedError) as error:
                return _rejected(503, str(error))
            except TimeoutError:
                return _rejected(504, f"{request.path}: no answer within the {seconds} s of the request")
            return await _send(request, pieces)

    return handle


async def _send(request: web.Request, pieces: list[bytes]) -> web.StreamResponse:
    """Return the response; a large one is sent while its request holds its share of the memory."""
    size = sum(map(len, pieces))
    if size <= SMALL:
        return web.Response(body=b"".join(pieces), content_type="application/json")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(size)})
    async with writing(request, LIMITS):
        await response.prepare(request)
        sent: list[bytes] = []
        length = 0
        for piece in pieces:
            sent.append(piece)
            length += len(piece)
            if length >= SMALL:
                await response.write(b"".join(sent))
                sent, length = [], 0
        await response.write_eof(b"".join(sent))
    return response


def _rejected(status: int, message: str) -> web.Response:
    line = " ".join(message.split())
    # What a peer sends must not fill the log; that all threads are busy is in it already.
    level = logging.WARNING if status == 504 else logging.DEBUG
    logger.log(level, "Rejected a webhook request", extra={"status": status, "error": line})
    return web.Response(status=status, text=f"{line}\n")
