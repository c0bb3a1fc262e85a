"""Answers are polled for while dozens of requests wait for a slow server, and at no other time."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from kaiwu_runtime._slots import Slots
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
