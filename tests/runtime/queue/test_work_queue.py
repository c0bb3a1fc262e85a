"""The work queue: every key once, one worker per key, nothing lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaiwu_runtime.queue import ExponentialBackoff, Priority, QueueShutDown, WorkQueue


def limiter(base: float = 0.01) -> ExponentialBackoff:
    return ExponentialBackoff(base=base, max_delay=1.0, jitter=0.0)


async def drain(queue: WorkQueue[str]) -> list[str]:
    """Take every key that is there, one after the other."""
    taken = []
    while len(queue):
        key = await queue.get()
        queue.done(key)
        taken.append(key)
    return taken


async def test_a_key_that_waits_is_not_queued_twice() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    for _ in range(3):
        queue.add("a")
    queue.add("b")
    assert await drain(queue) == ["a", "b"]


async def test_added_while_processing_means_exactly_one_more_run() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0, "no other worker may get it while it is being worked on"
    queue.done("a")
    assert await drain(queue) == ["a"]


async def test_done_without_an_addition_ends_it() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    queue.add("a")
    queue.done(await queue.get())
    assert len(queue) == 0
    assert queue.processing == 0


async def test_of_several_delays_the_earliest_counts_and_gives_one_key() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    loop = asyncio.get_running_loop()
    began = loop.time()
    queue.add_after("a", 50.0)
    queue.add_after("a", 0.05)
    queue.add_after("a", 30.0)
    assert await asyncio.wait_for(queue.get(), 20.0) == "a"
    assert loop.time() - began >= 0.04
    queue.done("a")
    queue.add_after("b", 0.1)
    assert await asyncio.wait_for(queue.get(), 20.0) == "b", "the later times of a are gone"


async def test_a_delay_of_nothing_is_an_addition() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    queue.add_after("a", 0.0)
    queue.add_after("b", -1.0)
    assert await drain(queue) == ["a", "b"]


def test_a_delay_that_is_all_but_over_works_with_uvloop() -> None:
    """Its timer is then a plain handle, which does not know its time."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> list[str]:
        queue: WorkQueue[str] = WorkQueue(limiter())
        queue.add_after("later", 0.0003)
        queue.add_after("sooner", 0.0001)
        queue.add_after("last", 0.05)
        return [await asyncio.wait_for(queue.get(), 20.0) for _ in range(3)]

    assert sorted(uvloop.run(main())) == ["last", "later", "sooner"]


async def test_back_off_grows_until_it_is_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    assert [queue.add_rate_limited("a") for _ in range(3)] == [0.01, 0.02, 0.04]
    assert queue.failures("a") == 3
    queue.forget("a")
    assert queue.add_rate_limited("a") == 0.01


async def test_events_do_not_reset_a_back_off() -> None:
    """A key that fails and is added by events all the time must not be retried in a hot loop by its failures."""
    queue: WorkQueue[str] = WorkQueue(limiter(base=0.01))
    for expected in (0.01, 0.02, 0.04, 0.08):
        queue.add("a")
        key = await queue.get()
        assert queue.add_rate_limited(key) == expected
        queue.done(key)


async def test_events_come_before_the_initial_list() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    queue.add("old", Priority.LOW)
    queue.add("new")
    assert await drain(queue) == ["new", "old"]


async def test_an_event_raises_a_key_of_the_initial_list_and_it_still_runs_once() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    for key in ("a", "b", "c"):
        queue.add(key, Priority.LOW)
    queue.add("c")
    assert await drain(queue) == ["c", "a", "b"]
    queue.add("c", Priority.LOW)
    assert await drain(queue) == ["c"]


async def test_the_initial_list_is_not_starved() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    queue.add("patient", Priority.LOW)
    for number in range(100):
        queue.add(f"event {number}")
    for position in range(100):
        key = await queue.get()
        queue.done(key)
        queue.add(f"more {position}")
        if key == "patient":
            assert position < 20
            return
    pytest.fail("the key of the initial list never ran")


async def test_shut_down_wakes_waiting_workers_and_takes_no_more() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    workers = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.shut_down()
    results = await asyncio.gather(*workers, return_exceptions=True)
    assert all(isinstance(result, QueueShutDown) for result in results)
    queue.add("a")
    queue.add_after("b", 0.001)
    assert len(queue) == 0
    with pytest.raises(QueueShutDown):
        await queue.get()


async def test_a_cancelled_worker_loses_no_key() -> None:
    queue: WorkQueue[str] = WorkQueue(limiter())
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    queue.add("a")  # wakes the first
    first.cancel()
    assert await asyncio.wait_for(second, 20.0) == "a"


class Recorder:
    def __init__(self) -> None:
        self.events: list[str] = []

    def added(self) -> None:
        self.events.append("added")

    def taken(self, waited: float) -> None:
        assert waited >= 0
        self.events.append("taken")

    def done(self, worked: float) -> None:
        assert worked >= 0
        self.events.append("done")

    def retried(self) -> None:
        self.events.append("retried")


async def test_metrics_hear_of_additions_and_retries() -> None:
    recorder = Recorder()
    queue: WorkQueue[str] = WorkQueue(limiter(), recorder)
    queue.add("a")
    queue.add("a")
    queue.add("b", Priority.LOW)
    assert queue.depths == {Priority.NORMAL: 1, Priority.LOW: 1}
    queue.done(await queue.get())
    queue.add_rate_limited("c")
    queue.add_after("d", 1.0)
    assert recorder.events == ["added", "added", "taken", "done", "retried", "retried"]
    assert queue.depths == {Priority.NORMAL: 0, Priority.LOW: 1}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), workers=st.integers(1, 8))
def test_whatever_happens_no_key_runs_twice_at_once_and_none_is_lost(seed: int, workers: int) -> None:
    """Random additions, delays and failures: the last addition of every key is followed by a run of it."""

    async def main() -> None:
        choose = random.Random(seed)
        queue: WorkQueue[int] = WorkQueue(ExponentialBackoff(base=0.0005, max_delay=0.002))
        clock = 0
        added: dict[int, int] = {}
        ran: dict[int, int] = {}
        running: Counter[int] = Counter()

        async def work() -> None:
            nonlocal clock
            while True:
                try:
                    key = await queue.get()
                except QueueShutDown:
                    return
                running[key] += 1
                assert running[key] == 1, "two workers have one key"
                clock += 1
                started = clock
                await asyncio.sleep(choose.choice((0, 0, 0.0005)))
                if choose.random() < 0.2:
                    queue.add_rate_limited(key)
                else:
                    queue.forget(key)
                    ran[key] = started
                running[key] -= 1
                queue.done(key)

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        for _ in range(100):
            key = choose.randrange(6)
            clock += 1
            added[key] = clock
            match choose.randrange(3):
                case 0:
                    queue.add(key)
                case 1:
                    queue.add(key, Priority.LOW)
                case _:
                    queue.add_after(key, choose.random() / 500)
            if choose.random() < 0.5:
                await asyncio.sleep(0)

        def settled() -> bool:
            return all(ran.get(key, 0) > moment for key, moment in added.items()) and not queue.processing

        async with asyncio.timeout(10):
            while not settled():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        queue.shut_down()
        await asyncio.gather(*tasks)

    asyncio.run(main())


@pytest.mark.parametrize("again", ["add_rate_limited", "add_after"])
@pytest.mark.parametrize("priority", list(Priority))
async def test_a_key_keeps_its_line_when_its_worker_adds_it_again(again: str, priority: Priority) -> None:
    queue: WorkQueue[str] = WorkQueue(limiter(0.001))
    queue.add("a", priority)
    for _ in range(3):
        key = await queue.get()
        if again == "add_after":
            queue.add_after(key, 0.001)
        else:
            queue.add_rate_limited(key)
        queue.done(key)
        async with asyncio.timeout(5):
            while not len(queue):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert queue.depths[priority] == 1
    queue.add("a", Priority.NORMAL)
    assert queue.depths[Priority.NORMAL] == 1, "an event is worth more than the first list"


async def test_a_delay_that_is_not_a_number_is_refused() -> None:
    """Compared with it, no other time would be earlier or later: keys would come out of order, or never."""
    queue: WorkQueue[str] = WorkQueue(limiter())
    with pytest.raises(ValueError, match="add_after: a: seconds=nan is not a number of seconds"):
        queue.add_after("a", float("nan"))
    assert (len(queue), queue.delayed) == (0, 0)
