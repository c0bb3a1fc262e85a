"""What a controller does with whatever its reconciler returns, raises or leaves hanging."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from kaiwu_runtime import Request, Result

from .reconcilers import KEY, Asynchronous, Synchronous, running, until


async def cancelled_elsewhere(_: Request) -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


async def sys_exit(_: Request) -> None:
    raise SystemExit(3)


async def stop_iteration(_: Request) -> None:
    next(iter(()))


async def wrong_type(_: Request) -> str:
    return "done"


@pytest.mark.parametrize("work", [cancelled_elsewhere, sys_exit, stop_iteration, wrong_type])
async def test_whatever_a_reconciler_raises_the_worker_lives_and_retries(
    work: Callable[[Request], Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: reconciler.runs >= 3)
        assert metrics.results[:2] == ["error", "error"]
        assert metrics.panics >= 2
    assert any(record.getMessage() == "Reconciler error" for record in caplog.records)


@pytest.mark.parametrize("error", [SystemExit(1), StopIteration(), ValueError("no")])
async def test_whatever_a_synchronous_reconciler_raises_the_worker_lives(error: BaseException) -> None:
    runs = 0

    def work(_: Request) -> None:
        nonlocal runs
        runs += 1
        raise error

    async with running(Synchronous(work)) as (controller, _):
        controller.queue.add(KEY)
        await until(lambda: runs >= 3)


@pytest.mark.parametrize(
    ("result", "outcome", "again"),
    [
        pytest.param(None, "success", False, id="None"),
        pytest.param(Result(), "success", False, id="nothing to do"),
        pytest.param(Result(requeue_after=0.001), "requeue_after", True, id="seconds"),
        pytest.param(Result(requeue_after=timedelta(milliseconds=1)), "requeue_after", True, id="timedelta"),
        pytest.param(Result(requeue_after=3600), "requeue_after", False, id="much later"),
        pytest.param(Result(requeue_after=0), "requeue", True, id="at once means with back-off"),
        pytest.param(Result(requeue_after=timedelta(seconds=-5)), "requeue", True, id="passed already"),
    ],
)
async def test_a_result_says_when_to_come_back(result: Result | None, outcome: str, again: bool) -> None:
    async def work(_: Request) -> Result | None:
        return result

    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.results)
        assert metrics.results[0] == outcome
        if again:
            await until(lambda: reconciler.runs >= 3)
        else:
            controller.queue.add(Request("team", "other"))
            await until(lambda: len(metrics.results) >= 2)
            assert controller.queue.failures(KEY) == 0
            assert reconciler.runs == 2


async def test_a_synchronous_reconcile_beyond_its_timeout_never_has_a_second_one_beside_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inside = most = runs = 0
    lock = threading.Lock()
    finish = threading.Event()

    def work(_: Request) -> None:
        nonlocal inside, most, runs
        with lock:
            inside += 1
            runs += 1
            most = max(most, inside)
        finish.wait(10)
        with lock:
            inside -= 1

    async with running(Synchronous(work), reconcile_timeout=0.05, max_concurrent_reconciles=4) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.timeouts == 1)
        controller.queue.add(KEY)
        assert controller.queue.processing == 1
        finish.set()
        await until(lambda: runs == 2 and not controller.queue.processing)
    assert most == 1
    assert any("reconcile_timeout" in record.getMessage() for record in caplog.records)


async def test_synchronous_reconciles_run_in_as_many_threads_as_there_are_workers() -> None:
    together = threading.Barrier(20)
    passed = 0

    def work(_: Request) -> None:
        nonlocal passed
        together.wait(10)
        passed += 1

    async with running(Synchronous(work), max_concurrent_reconciles=20) as (controller, metrics):
        for number in range(20):
            controller.queue.add(Request("team", str(number)))
        await until(lambda: len(metrics.results) == 20)
    assert passed == 20


async def test_stopping_does_not_wait_for_a_thread_that_hangs() -> None:
    hang = threading.Event()
    loop = asyncio.get_running_loop()
    async with running(Synchronous(lambda _: hang.wait(60))) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.active)
        began = loop.time()
    assert loop.time() - began < 20
    hang.set()


async def test_an_asynchronous_reconcile_beyond_its_timeout_is_cancelled_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(_: Request) -> None:
        await asyncio.sleep(60)

    reconciler = Asynchronous(work)
    async with running(reconciler, reconcile_timeout=0.02) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: reconciler.runs >= 2)
        assert metrics.timeouts
        assert not metrics.panics
    error = next(record for record in caplog.records if record.getMessage() == "Reconciler error")
    assert "longer than its reconcile_timeout of 0.02 s" in error.error  # type: ignore[attr-defined]
