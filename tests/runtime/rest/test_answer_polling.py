"""Answers are polled for while the server is what everything waits for, and at no other time."""

from __future__ import annotations

import asyncio
import random
import time as clock

import pytest
from aiohttp import web

from kaiwu_runtime._slots import Slots
from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.rest import _answer_polling as polling
from kaiwu_runtime.rest._answer_polling import LONGEST, MANY, MOST_EMPTY, PART, SHORTEST, AnswerPolling

from .scripted_server import Server

BUSY = 0.08
"""Seconds that an answer of a busy server takes."""


class Time:
    """The time that the module under test sees."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps = list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    seen = Time()
    monkeypatch.setattr(polling, "monotonic", seen.monotonic)
    monkeypatch.setattr(polling, "sleep", seen.sleep)
    return seen


def in_flight(count: int) -> Slots:
    slots = Slots(200)
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
    [(0, BUSY), (1, BUSY), (MANY - 1, BUSY), (MANY, SHORTEST / PART / 2), (200, 0.0), (200, 0.001)],
)
async def test_few_requests_and_fast_answers_wake_the_process_one_by_one(
    time: Time, count: int, seconds: float
) -> None:
    subject = AnswerPolling(in_flight(count))
    for _ in range(20):
        answer(subject, seconds, 10)
        await rounds(5)
    assert time.naps == []


@pytest.mark.parametrize("seconds", [0.01, BUSY, 1.0, 60.0])
async def test_the_pause_is_a_small_part_of_an_answer(time: Time, seconds: float) -> None:
    subject = AnswerPolling(in_flight(MANY))
    answer(subject, seconds)
    for _ in range(10):
        subject.answered(seconds)
        await rounds(2)
    assert len(time.naps) >= 8
    assert all(0 < nap <= min(seconds * PART, LONGEST) for nap in time.naps)


async def test_nothing_is_added_to_rounds_that_take_longer(time: Time) -> None:
    subject = AnswerPolling(in_flight(50))
    answer(subject, BUSY)
    for _ in range(20):
        time.now += LONGEST  # what the answers of this round cost
        subject.answered(BUSY)
        await rounds(2)
    assert time.naps == []


@pytest.mark.parametrize("left", [0, 1, MANY - 1])
async def test_polling_ends_with_the_requests(time: Time, left: int) -> None:
    slots = in_flight(50)
    subject = AnswerPolling(slots)
    answer(subject, BUSY)
    await rounds(4)
    assert time.naps
    for _ in range(50 - left):
        slots.release()
    await rounds(4)
    before = len(time.naps)
    await rounds(20)
    assert len(time.naps) == before


async def test_a_server_that_is_stuck_holds_nothing_up(time: Time) -> None:
    subject = AnswerPolling(in_flight(50))
    answer(subject, BUSY)
    await rounds(100)
    assert len(time.naps) == MOST_EMPTY + 1
    subject.answered(BUSY)  # it works again
    await rounds(100)
    assert len(time.naps) == 2 * (MOST_EMPTY + 1)


async def test_one_slow_answer_does_not_change_the_pause_for_long(time: Time) -> None:
    subject = AnswerPolling(in_flight(50))
    answer(subject, 0.001)
    subject.answered(60.0)
    answer(subject, 0.001, 20)
    await rounds(100)
    time.naps.clear()
    answer(subject, 0.001)
    await rounds(100)
    assert time.naps == []


@pytest.mark.parametrize("seed", range(20))
async def test_pauses_are_bounded_and_end_whatever_happens(time: Time, seed: int) -> None:
    chance = random.Random(seed)
    slots = Slots(chance.choice([MANY, 20, 100]))
    subject = AnswerPolling(slots)
    for _ in range(2_000):
        step = chance.random()
        if step < 0.4:
            slots.take()
        elif step < 0.7:
            if slots.taken:
                slots.release()
                subject.answered(chance.choice([0.0, 0.001, 0.02, 0.1, 5.0, 60.0]))
        elif step < 0.8:
            time.now += chance.choice([0.0, 0.001, 0.1])
        else:
            await rounds(chance.randrange(4))
        assert all(0 < nap <= LONGEST for nap in time.naps)
    await rounds(100)
    time.naps.clear()
    await rounds(100)
    assert time.naps == []


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are really made."""
    made = list[float]()

    def nap(seconds: float) -> None:
        made.append(seconds)
        clock.sleep(seconds)

    monkeypatch.setattr(polling, "sleep", nap)
    return made


async def slow(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(BUSY)
    return web.json_response({"path": request.path})


async def work(transport: HTTPTransport, number: int, steps: int) -> None:
    for step in range(steps):
        path = f"/{number}/{step}"
        assert await transport.request("GET", path) == f'{{"path": "{path}"}}'.encode()


async def test_a_busy_server_is_polled_and_every_answer_is_taken_up(
    server: Server, transport: HTTPTransport, naps: list[float]
) -> None:
    server.answers = [slow]
    await asyncio.gather(*(work(transport, number, 5) for number in range(2 * MANY)))
    assert naps
    naps.clear()
    await work(transport, 0, 3)
    assert naps == []


async def test_polling_ends_with_requests_that_are_cancelled(
    server: Server, transport: HTTPTransport, naps: list[float]
) -> None:
    server.answers = [slow]
    tasks = [asyncio.create_task(work(transport, number, 1_000)) for number in range(2 * MANY)]
    while not naps:  # noqa: ASYNC110 - what happens is a function call, which can set no event
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    assert {type(end) for end in await asyncio.gather(*tasks, return_exceptions=True)} == {asyncio.CancelledError}
    await rounds(2)
    naps.clear()
    await rounds(100)
    assert naps == []
