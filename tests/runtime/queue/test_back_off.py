"""What events, delays and failures of one key do to each other, over minutes of virtual time."""

from __future__ import annotations

import asyncio

import pytest

from kaiwu_runtime.queue import ExponentialBackoff, WorkQueue

from .virtual_time import run


async def fail(queue: WorkQueue[str], times: int) -> None:
    """Let key a fail so often."""
    queue.add("a")
    for _ in range(times):
        queue.add_rate_limited(await queue.get())
        queue.done("a")


def queue() -> WorkQueue[str]:
    return WorkQueue(ExponentialBackoff(jitter=0.0))


@pytest.mark.parametrize(
    ("failures", "after", "waited"),
    [
        pytest.param(1, 0.0, 0.005, id="a first failure waits its few milliseconds"),
        pytest.param(6, 0.0, 0.16, id="a short back-off is waited for"),
        pytest.param(14, 0.0, 1.0, id="an event right after a failure waits one second, not 41"),
        pytest.param(14, 5.0, 0.0, id="an event later in a long back-off ends it at once"),
    ],
)
def test_an_event_ends_a_back_off_but_makes_no_hot_loop(failures: int, after: float, waited: float) -> None:
    async def main() -> None:
        waiting = queue()
        await fail(waiting, failures)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(after)
        began = loop.time()
        waiting.add("a")
        await waiting.get()
        assert loop.time() - began == pytest.approx(waited, abs=1e-6)
        assert waiting.failures("a") == failures, "the event did not reset the back-off"

    run(main())


def test_a_reconciler_that_fails_and_wakes_itself_runs_once_a_second() -> None:
    """It writes a new status each time it fails, so that an event comes while it is still being worked on."""

    async def main() -> int:
        waiting = queue()
        waiting.add("a")
        runs = 0
        loop = asyncio.get_running_loop()
        while loop.time() < 600:
            await waiting.get()
            runs += 1
            waiting.add("a")
            waiting.add_rate_limited("a")
            waiting.done("a")
        return runs

    assert 590 <= run(main()) <= 620


def test_a_success_leaves_no_retry_behind() -> None:
    async def main() -> None:
        waiting = queue()
        await fail(waiting, 12)
        await asyncio.sleep(2)
        waiting.add("a")
        await waiting.get()
        waiting.forget("a")
        waiting.done("a")
        await asyncio.sleep(2000)
        assert len(waiting) == waiting.delayed == 0

    run(main())


def test_an_event_takes_the_place_of_a_requeue_after() -> None:
    """The run that the event causes says anew when to come back; both together would double the runs each time."""

    async def main() -> None:
        waiting = queue()
        runs = 0
        waiting.add("a")
        for minute in range(60):
            while len(waiting):
                await waiting.get()
                runs += 1
                waiting.add_after("a", 300.0)
                waiting.done("a")
            assert waiting.delayed == 1
            await asyncio.sleep(60)
            if minute % 2:
                waiting.add("a")
        assert runs == 30

    run(main())


def test_a_delay_does_not_hold_back_a_key_that_waits_for_a_worker() -> None:
    async def main() -> None:
        waiting = queue()
        waiting.add("a")
        waiting.add_after("a", 300.0)
        assert len(waiting) == 1
        assert waiting.delayed == 0

    run(main())


def test_times_that_no_longer_count_take_no_memory() -> None:
    async def main() -> None:
        waiting = queue()
        for _ in range(5000):
            waiting.add("a")
            await waiting.get()
            waiting.add_after("a", 300.0)
            waiting.done("a")
        assert len(waiting._delayed._heap) < 200
        await asyncio.sleep(301)
        assert await waiting.get() == "a"

    run(main())


def test_a_thousand_delays_come_in_their_order() -> None:
    async def main() -> None:
        waiting: WorkQueue[int] = WorkQueue()
        for number in range(1000):
            waiting.add_after(number, (number * 7919) % 1000 + 1.0)
        await asyncio.sleep(2000)
        came = [await waiting.get() for _ in range(1000)]
        assert came == sorted(range(1000), key=lambda number: (number * 7919) % 1000)

    run(main())
