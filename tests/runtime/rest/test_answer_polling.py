"""Answers are polled for while dozens of requests wait for a slow server, and at no other time."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time as time_module
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
import uvloop
from aiohttp import web

from kaiwu_runtime._slots import Slots
from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.rest import _answer_polling as polling
from kaiwu_runtime.rest._answer_polling import (
    BATCH,
    FASTEST,
    LONGEST,
    MOST_EMPTY,
    PART,
    PAUSED_BY_THREADS,
    QUEUED,
    ROUNDS,
    SHORTEST,
    AnswerPolling,
    end_pauses,
)

from .conftest import served

BUSY = 0.08
"""Seconds that an answer of a busy server takes."""

MANY = round(BATCH / PART)
"""Requests in flight from which on answers are polled for, unless they are very slow."""


class Time:
    """The time that the module under test sees, and the event that ends its pauses."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses = list[float]()
        self.called_in = False

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        if not self.called_in:
            self.now += seconds
        return self.called_in

    def set(self) -> None:
        self.called_in = True

    def clear(self) -> None:
        self.called_in = False


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    seen = Time()
    monkeypatch.setattr(polling, "monotonic", seen.monotonic)
    monkeypatch.setattr(polling, "_called_in", seen)
    return seen


def polling_for(requests: Slots) -> AnswerPolling:
    """Return the subject, after one answer at a time when the server was not busy."""
    subject = AnswerPolling(requests)
    subject._fastest = 0.001
    return subject


def in_flight(count: int) -> Slots:
    slots = Slots(1_000)
    for _ in range(count):
        assert slots.take()
    return slots


def answer(subject: AnswerPolling, seconds: float, times: int = 100) -> None:
    for _ in range(times):
        subject.answered(seconds)


async def rounds(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        *((count, BUSY) for count in (0, 1, MANY - 1)),
        *((count, seconds) for count in (MANY, 1_000) for seconds in (0.0, 0.001, SHORTEST / PART * 0.99)),
        # So slow that hardly an answer arrives within the longest pause.
        *((count, count * LONGEST / BATCH * 1.01) for count in (MANY, 100, 1_000)),
    ],
)
async def test_the_loop_wakes_up_for_each_answer_where_a_batch_would_be_small(
    time: Time, count: int, seconds: float
) -> None:
    subject = polling_for(in_flight(count))
    for _ in range(20):
        answer(subject, seconds, 10)
        await rounds(2 * ROUNDS)
    assert time.pauses == []


@pytest.mark.parametrize(
    ("fastest", "pauses"), [(0.001, True), (BUSY / QUEUED * 0.9, True), (BUSY / QUEUED * 1.1, False), (BUSY, False)]
)
async def test_a_server_that_is_far_away_is_not_busy(time: Time, fastest: float, *, pauses: bool) -> None:
    subject = AnswerPolling(in_flight(50))
    subject.answered(fastest)
    for _ in range(200):
        subject.answered(BUSY)
        await rounds(ROUNDS)
    assert bool(time.pauses) is pauses


async def test_a_server_that_moves_further_away_is_not_busy_for_ever(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "REMEMBERED", 1_000)
    subject = AnswerPolling(in_flight(50))
    answer(subject, 0.001, 500)
    answer(subject, BUSY, 1_000)
    await rounds(2 * ROUNDS)
    assert time.pauses, "the fastest answer is remembered for at least as many"
    answer(subject, BUSY, 1_000)
    await rounds(2 * ROUNDS)
    time.pauses.clear()
    answer(subject, BUSY, 100)
    await rounds(10 * ROUNDS)
    assert time.pauses == []


async def test_one_very_fast_answer_does_not_make_a_server_busy(time: Time) -> None:
    subject = AnswerPolling(in_flight(1_000))
    subject.answered(0.0)
    for _ in range(200):
        subject.answered(FASTEST * QUEUED * 0.99)
        await rounds(ROUNDS)
    assert time.pauses == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_polling_goes_on_after_a_signal_handler_raised_in_a_pause(
    time: Time, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    subject = polling_for(in_flight(50))
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)

    async def busy() -> None:
        subject.answered(BUSY)
        await rounds(3 * ROUNDS)

    def interrupted(seconds: float) -> bool:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(time, "wait", interrupted)
        task = loop.create_task(busy())
        with suppress(error):
            loop.run_until_complete(task)
    loop.run_until_complete(task)
    assert time.pauses == []
    loop.run_until_complete(busy())
    assert time.pauses
    loop.close()


@pytest.mark.parametrize(("count", "seconds"), [(MANY + 1, 0.01), (MANY + 1, BUSY), (200, BUSY), (1_000, 2.0)])
async def test_a_pause_is_a_small_part_of_an_answer(time: Time, count: int, seconds: float) -> None:
    subject = polling_for(in_flight(count))
    for _ in range(10):
        subject.answered(seconds)
        await rounds(ROUNDS)
    assert len(time.pauses) >= 8
    assert all(0 < pause < min(seconds * PART, LONGEST) * 1.001 for pause in time.pauses)


async def test_calls_that_lead_to_each_other_wait_together(time: Time) -> None:
    subject = polling_for(in_flight(MANY + 1))
    for _ in range(100):
        subject.answered(BUSY)
        await rounds(1)
    assert len(time.pauses) <= 100 / ROUNDS


async def test_nothing_is_added_to_rounds_that_take_longer(time: Time) -> None:
    subject = polling_for(in_flight(50))
    for _ in range(20):
        subject.answered(BUSY)
        time.now += LONGEST  # the cost of the answers of these rounds
        await rounds(ROUNDS)
    assert time.pauses == []


@pytest.mark.parametrize("left", [0, 1, MANY - 1])
async def test_polling_ends_with_the_requests(time: Time, left: int) -> None:
    slots = in_flight(50)
    subject = polling_for(slots)
    subject.answered(BUSY)
    await rounds(3 * ROUNDS)
    assert time.pauses
    for _ in range(50 - left):
        slots.release()
    await rounds(2 * ROUNDS)
    before = len(time.pauses)
    await rounds(20 * ROUNDS)
    assert len(time.pauses) == before


async def test_a_server_that_is_stuck_holds_nothing_up(time: Time) -> None:
    subject = polling_for(in_flight(50))
    for number in (1, 2):
        subject.answered(BUSY)
        await rounds(20 * ROUNDS)
        assert len(time.pauses) == number * (MOST_EMPTY + 1)


async def test_pauses_follow_the_fast_answers(time: Time) -> None:
    subject = polling_for(in_flight(500))
    chance = random.Random(0)
    for _ in range(500):
        subject.answered(0.02 if chance.random() < 0.2 else 2.0)
        await rounds(ROUNDS)
    followed = time.pauses[100:]
    assert sum(followed) / len(followed) < LONGEST / 2
    time.pauses.clear()
    answer(subject, 60.0, 1)
    answer(subject, 0.001, 50)
    await rounds(ROUNDS)
    time.pauses.clear()
    answer(subject, 0.001, 50)
    await rounds(10 * ROUNDS)
    assert time.pauses == []


async def test_a_thread_that_calls_in_ends_the_pause_and_polling_for_a_while(time: Time) -> None:
    subject = polling_for(in_flight(50))
    subject.answered(BUSY)
    await rounds(2 * ROUNDS)
    assert time.pauses
    end_pauses()
    await rounds(2 * ROUNDS)
    time.pauses.clear()
    for _ in range(PAUSED_BY_THREADS):
        subject.answered(BUSY)
        await rounds(ROUNDS)
    assert time.pauses == []
    for _ in range(3):
        subject.answered(BUSY)
        await rounds(ROUNDS)
    assert time.pauses


@pytest.mark.parametrize("seed", range(20))
async def test_pauses_are_bounded_and_end_whatever_happens(time: Time, seed: int) -> None:
    chance = random.Random(seed)
    slots = Slots(chance.choice([MANY, 50, 100, 1_000]))
    subject = polling_for(slots)
    for _ in range(3_000):
        step = chance.random()
        if step < 0.5:
            slots.take()
        elif step < 0.7:
            if slots.taken:
                slots.release()
                subject.answered(chance.choice([0.0, 0.001, 0.02, 0.1, 5.0, 60.0]))
        elif step < 0.8:
            time.now += chance.choice([0.0, 0.001, 0.1])
        elif step < 0.81:
            end_pauses()
        else:
            await rounds(chance.randrange(2 * ROUNDS))
        assert all(0 < pause < LONGEST * 1.001 for pause in time.pauses)
    await rounds(10 * ROUNDS)
    time.pauses.clear()
    await rounds(100)
    assert time.pauses == []


def test_polling_goes_on_in_another_loop_after_one_was_closed(time: Time) -> None:
    slots = in_flight(50)
    subject = polling_for(slots)

    async def busy() -> None:
        for _ in range(5):
            subject.answered(BUSY)
            await rounds(ROUNDS)

    for _ in range(2):
        time.pauses.clear()
        asyncio.run(busy())  # which closes the loop while it polls
        assert time.pauses


# With real connections and pauses.


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
    await asyncio.sleep(BUSY * random.uniform(0.8, 1.2))
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
        yield transport
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

    async def reader(stream: asyncio.StreamReader) -> None:
        while await stream.read(100):
            events.append("task")

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
    assert len(order) > 10
    # One that arrives in the last round before a pause may wait for it.
    assert sum(second == "pause" for _, second in order) <= len(order) / 5
