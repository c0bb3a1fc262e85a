"""Answers are polled for with real connections and pauses, on both event loops."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import threading
import time as time_module
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import uvloop
from aiohttp import web

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.rest import _answer_polling as polling
from kaiwu_runtime.rest._answer_polling import ROUNDS

from .conftest import served
from .test_answer_polling import BUSY, MANY, in_flight, polling_for, rounds

pytestmark = pytest.mark.skipif(sys.flags.dev_mode, reason="with asyncio's debug mode no answer comes before its pause")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are really made."""
    made = list[float]()

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            made.append(timeout or 0.0)
            return super().wait(timeout)

    monkeypatch.setattr(polling, "_called_in", Event())
    return made


def queueing() -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a server's code that answers one request after the other."""
    lock = asyncio.Lock()

    async def answer(request: web.Request) -> web.StreamResponse:
        async with lock:
            await asyncio.sleep(0.001)
        return web.json_response({"path": request.path})

    return answer


async def distant(request: web.Request) -> web.StreamResponse:
    """Answer each request as late as any other."""
    await asyncio.sleep(0.25 * random.uniform(0.8, 1.2))  # on a slow machine none is three times as late
    return web.json_response({"path": request.path})


async def work(transport: HTTPTransport, number: int, steps: int) -> None:
    for step in range(steps):
        path = f"/{number}/{step}"
        assert await transport.request("POST", path) == f'{{"path": "{path}"}}'.encode()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    factory: Callable[[], asyncio.AbstractEventLoop] = request.param
    with asyncio.Runner(loop_factory=factory) as made:
        yield made


@asynccontextmanager
async def busy_server(code: Callable[..., Awaitable[web.StreamResponse]] | None = None) -> AsyncIterator[HTTPTransport]:
    async with served() as server:
        server.answers = [code or queueing()]
        transport = HTTPTransport(Credentials(server.url))
        try:
            yield transport
        finally:  # or closing the loop waits for its connections
            await transport.close()


def test_a_busy_server_is_polled_and_every_answer_is_processed(runner: asyncio.Runner, pauses: list[float]) -> None:
    async def main() -> None:
        async with busy_server() as transport:
            await asyncio.gather(*(work(transport, number, 4) for number in range(2 * MANY)))
            assert pauses
            pauses.clear()
            await work(transport, 0, 3)
            assert pauses == []

    runner.run(main())


def test_a_distant_server_is_not_polled(runner: asyncio.Runner, pauses: list[float]) -> None:
    async def main() -> None:
        async with busy_server(distant) as transport:
            await asyncio.gather(*(work(transport, number, 4) for number in range(3 * MANY)))

    runner.run(main())
    assert pauses == []


def test_polling_ends_with_requests_that_are_cancelled(runner: asyncio.Runner, pauses: list[float]) -> None:
    async def main() -> None:
        async with busy_server() as transport:
            tasks = [asyncio.create_task(work(transport, number, 1_000)) for number in range(2 * MANY)]
            while not pauses:  # noqa: ASYNC110 - what happens is a function call, which can set no event
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(end) for end in ends} == {asyncio.CancelledError}
            await rounds(2 * ROUNDS)
            pauses.clear()
            await rounds(100)
            assert pauses == []

    runner.run(main())


def test_an_answer_that_has_arrived_does_not_wait_for_a_pause(
    runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader's callback, the task that it wakes and what that does run before the next pause, on both loops."""
    events = list[str]()

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            events.append("pause")
            return super().wait(timeout)

    monkeypatch.setattr(polling, "_called_in", Event())

    arrived = threading.Semaphore(0)

    async def reader(stream: asyncio.StreamReader) -> None:
        while await stream.read(100):
            events.append("task")
            arrived.release()

    class Reader(asyncio.StreamReaderProtocol):
        def data_received(self, data: bytes) -> None:
            events.append("data")
            super().data_received(data)

    ours, other = socket.socketpair()

    def peer() -> None:
        chance = random.Random(0)
        for _ in range(50):
            time_module.sleep(chance.uniform(0.001, 0.004))
            other.send(b"x")
            arrived.acquire(timeout=5)  # one at a time, however busy the machine is
        other.close()

    async def main() -> None:
        stream = asyncio.StreamReader()
        await asyncio.get_running_loop().create_connection(lambda: Reader(stream), sock=ours)
        task = asyncio.create_task(reader(stream))
        subject = polling_for(in_flight(100))
        thread = threading.Thread(target=peer)
        thread.start()
        while not task.done():
            subject.answered(BUSY)
            await asyncio.sleep(0.001)
        thread.join()

    runner.run(main())
    order = [(first, second) for first, second in pairwise(events) if first == "data"]
    assert "pause" in events
    assert len(order) == 50
    # One that arrives in the last round before a pause may wait for it.
    assert sum(second == "pause" for _, second in order) <= len(order) / 5
