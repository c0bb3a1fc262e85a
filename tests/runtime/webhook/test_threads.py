"""Threads of webhooks: no more than the limit, none left when there is nothing to do, and a refusal in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from kaiwu_runtime.controller._threads import WorkerThreads
from kaiwu_runtime.webhook import _threads as module
from kaiwu_runtime.webhook._threads import DEADLINE, BoundedThreads, ThreadsBusyError


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def named(name: str) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith(name)]


async def until_ended(name: str) -> None:
    async with asyncio.timeout(20):
        while named(name):  # noqa: ASYNC110 - a thread that ends says nothing
            await asyncio.sleep(0.02)


async def test_a_request_beyond_the_limit_is_refused_before_its_deadline(gate: threading.Event) -> None:
    pool = BoundedThreads("limit", 2)
    busy = [asyncio.create_task(pool.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    now = asyncio.get_running_loop().time()
    DEADLINE.set(now + 1.0)
    refused = await asyncio.gather(*(pool.run(int) for _ in range(20)), return_exceptions=True)
    assert {type(each) for each in refused} == {ThreadsBusyError}
    assert asyncio.get_running_loop().time() < now + 1.0
    assert len(named("limit")) == 2
    gate.set()
    assert await asyncio.gather(*busy) == [True, True]
    assert await pool.run(int) == 0


async def test_requests_wait_for_a_thread_in_their_order(gate: threading.Event) -> None:
    pool = BoundedThreads("order", 1)
    first = asyncio.create_task(pool.run(gate.wait))
    await asyncio.sleep(0)
    done: list[int] = []
    waiting = [asyncio.create_task(pool.run(done.append, number)) for number in range(20)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *waiting)
    assert done == list(range(20))


async def test_a_thread_is_free_when_its_function_returns_and_not_when_the_request_is_over(
    gate: threading.Event,
) -> None:
    pool = BoundedThreads("slot", 1)
    given_up = asyncio.create_task(pool.run(gate.wait))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    DEADLINE.set(asyncio.get_running_loop().time() + 0.3)
    with pytest.raises(ThreadsBusyError):
        await pool.run(int)
    gate.set()
    DEADLINE.set(None)
    assert await pool.run(int) == 0


@pytest.mark.parametrize("seed", range(5))
async def test_no_slot_is_lost_or_won_whatever_is_cancelled(seed: int) -> None:
    pool = BoundedThreads("chaos", 3)
    running = 0
    most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1

    tasks = [asyncio.create_task(pool.run(work)) for _ in range(60)]
    for number, task in enumerate(tasks):
        if (number * 7 + seed) % 3 == 0:
            await asyncio.sleep(0.0005 * (seed % 3))
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most <= 3
    await asyncio.gather(*(pool.run(int) for _ in range(10)))
    async with asyncio.timeout(10):
        while pool._slots.free < 3:  # noqa: ASYNC110 - a thread that ends says nothing
            await asyncio.sleep(0.01)


async def test_threads_end_when_they_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
    pool = BoundedThreads("idle", 8)
    for _ in range(2):  # and start again when there is something to do
        await asyncio.gather(*(pool.run(threading.Event().wait, 0.02) for _ in range(8)))
        assert named("idle")
        await until_ended("idle")


async def test_an_idle_thread_that_ends_loses_no_work() -> None:
    pool = WorkerThreads("race", idle=0.001)
    for number in range(300):
        assert (await asyncio.wait_for(pool.submit(int, str(number)), 10)).get() == number
        await asyncio.sleep(0.001 if number % 2 else 0)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
async def test_whatever_a_function_raises_frees_its_thread(error: type[BaseException]) -> None:
    pool = BoundedThreads("raising", 1)

    def fails() -> None:
        raise error

    for _ in range(3):
        (found,) = await asyncio.gather(asyncio.shield(asyncio.create_task(outcome(pool, fails))))
        assert found is error
    assert await pool.run(int) == 0


async def outcome(pool: BoundedThreads, function: object) -> type[BaseException]:
    try:
        await pool.run(function)  # type: ignore[arg-type]
    except BaseException as error:  # noqa: BLE001 - the test is about what arrives
        return type(error)
    raise AssertionError("nothing was raised")


async def test_a_thread_that_cannot_be_started_costs_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = BoundedThreads("unstarted", 1)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="can't start"):
                await pool.run(int)
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(pool.run(int) for _ in range(3))) == [0, 0, 0]
