"""The limit of requests in progress: it is never exceeded, and no slot is lost when a request is cancelled."""

from __future__ import annotations

import asyncio
import random

import pytest

from kaiwu_runtime._slots import Slots


async def test_slots_are_given_in_turn() -> None:
    slots, order = Slots(1), list[int]()
    assert slots.take()
    assert not slots.take()

    async def work(number: int) -> None:
        await slots.wait()
        order.append(number)
        slots.release()

    tasks = [asyncio.create_task(work(number)) for number in range(5)]
    await asyncio.sleep(0)
    slots.release()
    assert not slots.take()  # it belongs to the first one that waits
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert slots.take()


async def test_a_slot_that_is_handed_over_stays_taken() -> None:
    slots = Slots(2)
    assert slots.taken == 0
    assert slots.take()
    assert slots.take()
    waiting = asyncio.create_task(slots.wait())
    await asyncio.sleep(0)
    slots.release()
    assert slots.taken == 2
    await waiting
    slots.release()
    slots.release()
    assert slots.taken == 0


async def test_a_cancelled_waiter_passes_its_slot_on() -> None:
    slots = Slots(1)
    assert slots.take()
    first, second = (asyncio.create_task(slots.wait()) for _ in range(2))
    await asyncio.sleep(0)
    slots.release()  # to the first, which does not run any more
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    slots.release()
    assert slots.take()
    assert not slots.take()


async def test_a_waiter_that_is_closed_takes_and_gives_nothing() -> None:
    slots = Slots(1)
    assert slots.take()
    waiting = slots.wait()
    waiting.send(None)
    waiting.close()
    assert not slots.take()
    slots.release()
    assert slots.take()
    assert not slots.take()


async def test_cancelled_waiters_are_not_kept() -> None:
    slots = Slots(1)
    assert slots.take()
    for _ in range(100):
        waiting = asyncio.create_task(slots.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert not slots._waiters


def test_a_negative_limit_is_rejected() -> None:
    with pytest.raises(ValueError, match="invalid limit -1: use 0 or more"):
        Slots(-1)


@pytest.mark.parametrize("seed", range(50))
async def test_no_slot_is_lost_or_given_twice(seed: int) -> None:
    chance, limit = random.Random(seed), 1 + seed % 4
    slots, running, most = Slots(limit), 0, 0

    async def work() -> None:
        nonlocal running, most
        if not slots.take():
            await slots.wait()
        try:
            running += 1
            most = max(most, running)
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
        finally:
            running -= 1
            slots.release()

    tasks = [asyncio.create_task(work()) for _ in range(30)]
    for _ in range(40):
        await asyncio.sleep(0)
        chance.choice(tasks).cancel()
        if chance.random() < 0.3:
            tasks.append(asyncio.create_task(work()))
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(error) for error in ended} <= {type(None), asyncio.CancelledError}
    assert most <= limit
    assert [slots.take() for _ in range(limit + 1)] == [True] * limit + [False]
