"""What the HTTP fault proxy does with a request instead of passing it on and its answer back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import aiohttp
from aiohttp import web

Traffic = Literal["read", "write", "watch"]
PassOn = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_later: set[asyncio.Task[None]] = set()
_REASONS = {
    401: "Unauthorized",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def status_body(code: int) -> dict[str, object]:
    """Return the Status that the API server would answer with."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f"the fault proxy answers {code}",
        "reason": _REASONS[code],
        "code": code,
    }


class Action(Protocol):
    """One way to misbehave."""

    async def answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        """Answer a request; `pass_on` gets the real server's answer."""
        ...


@dataclass(frozen=True)
class Refuse:
    """Answers a status.

    Attributes:
        code: The HTTP status code.
        retry_after: Value of the Retry-After header; None sends none.
        late: The server has done what was asked: only its answer is replaced.
    """

    code: int
    retry_after: int | None = None
    late: bool = False

    async def answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        """Answer the status."""
        if self.late:
            await pass_on(request)
        else:
            await request.read()
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return web.json_response(status_body(self.code), status=self.code, headers=headers)


@dataclass(frozen=True)
class GoneEvent:
    """Begins a watch and says in its stream that the version is gone."""

    async def answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:  # noqa: ARG002 - a protocol
        """Answer one ERROR event."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        event = {"type": "ERROR", "object": status_body(410)}
        await response.write(json.dumps(event).encode() + b"\n")
        await response.write_eof()
        return response


@dataclass(frozen=True)
class Delay:
    """Passes a request on later.

    Attributes:
        seconds: How much later.
    """

    seconds: float

    async def answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        """Wait first."""
        await asyncio.sleep(self.seconds)
        return await pass_on(request)


@dataclass(frozen=True)
class Lose:
    """Let the server process the request, then break the connection: the client does not know what was done."""

    async def answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        """Break the connection."""
        response = await pass_on(request)
        if request.transport is not None:
            request.transport.abort()
        return response


@dataclass(frozen=True)
class DoLater:
    """Breaks the connection, and lets the server do what was asked after all, behind requests that came later.

    Attributes:
        seconds: How much later.
    """

    seconds: float

    async def answer(self, request: web.BaseRequest, pass_on: PassOn) -> web.StreamResponse:
        """Break the connection."""
        await request.read()

        async def do() -> None:
            await asyncio.sleep(self.seconds)
            # The server may be gone by then, and so may the proxy.
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, RuntimeError):
                await pass_on(request)

        # A task, because the client's end of the connection cancels this handler.
        task = asyncio.create_task(do())
        _later.add(task)
        task.add_done_callback(_later.discard)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
