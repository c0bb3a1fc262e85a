"""Commands and logs of pods that are cancelled at any step of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials

from ..cancelling import cancelled_after, nothing_left
from ..rest.conftest import served
from ..rest.scripted_server import stream
from ..rest.scripted_sockets import cat, hang, socket

STEPS = 60
"""More steps than it takes until each of them is done, or waits for the pod."""

KEY = ObjectKey("ns", "a")


async def parts() -> AsyncIterator[bytes]:
    for _ in range(3):
        await asyncio.sleep(0)
        yield b"x" * 100_000


async def command(client: Client) -> None:
    await client.exec(Pod, KEY, ["cat"], stdin=parts())


async def log(client: Client) -> None:
    async for _ in client.logs(Pod, KEY, follow=True):
        pass


async def whole_log(client: Client) -> None:
    await client.logs(Pod, KEY)


async def by_path(request: web.Request) -> web.StreamResponse:
    if request.path.endswith("/exec"):
        return await socket(cat)(request)
    return await stream(b"a\n", b"b")(request)


async def until_gone(request: web.Request) -> web.StreamResponse:
    while request.transport is not None:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.005)
    return web.Response()


async def never_ending(request: web.Request) -> web.StreamResponse:
    if request.path.endswith("/exec"):
        return await socket(hang)(request)
    return await stream(b"a\n", then=until_gone)(request)


@pytest.mark.parametrize("answer", [by_path, never_ending], ids=["answered", "hanging"])
@pytest.mark.parametrize("work", [command, log, whole_log], ids=lambda work: work.__name__)
async def test_at_any_step(
    work: Callable[[Client], Coroutine[Any, Any, None]], answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> None:
    async with (
        served() as server,
        nothing_left(),
        # One at a time: a slot that is not given back shows, too.
        Client(HTTPTransport(Credentials(server.url), limit=1)) as client,
    ):
        for count in range(STEPS):
            server.answers = [answer]
            await cancelled_after(count, work(client))
            server.answers = [by_path]
            async with asyncio.timeout(5):
                await work(client)
