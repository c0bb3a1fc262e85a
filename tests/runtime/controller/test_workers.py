"""Workers outlive what reconcilers and foreign code do to their tasks, and a controller whose worker ends says so."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from kaiwu_runtime import Request
from kaiwu_runtime.controller import Controller, ControllerOptions

from .reconcilers import KEY, NO_SOURCES, Asynchronous, Synchronous, running, until


async def fails_in_a_group(_: Request) -> None:
    async def fail() -> None:
        raise ValueError("no")

    async with asyncio.TaskGroup() as group:  # before Python 3.13 it leaves the task marked as being cancelled
        group.create_task(fail())


async def survives_a_group_and_hangs(request: Request) -> None:
    with suppress(ExceptionGroup):
        await fails_in_a_group(request)
    await asyncio.sleep(60)


async def cancels_itself(_: Request) -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()


async def cancels_itself_and_waits(request: Request) -> None:
    await cancels_itself(request)
    await asyncio.sleep(60)


async def takes_its_cancellation_back(request: Request) -> None:
    await cancels_itself(request)
    current = asyncio.current_task()
    assert current is not None
    current.uncancel()  # before Python 3.13 the next await is cancelled all the same


@pytest.mark.parametrize(
    "work",
    [
        fails_in_a_group,
        survives_a_group_and_hangs,
        cancels_itself,
        cancels_itself_and_waits,
        takes_its_cancellation_back,
    ],
)
async def test_a_reconcile_that_cancels_its_task_costs_no_worker(work: Callable[[Request], Awaitable[None]]) -> None:
    runs = Counter[str]()

    async def reconcile(request: Request) -> None:
        runs[request.name] += 1
        if request.name == "bad" and runs["bad"] <= 2:
            await work(request)
        elif request.name == "slow" and runs["slow"] == 1:
            await asyncio.sleep(60)

    async with running(Asynchronous(reconcile), reconcile_timeout=0.05) as (controller, metrics):
        for name in ("bad", "slow", "bad", "slow"):
            before = runs[name]
            controller.queue.add(Request("team", name))
            await until(lambda: runs[name] > before)  # noqa: B023
        await until(lambda: controller.is_idle and not controller.queue.delayed)
        assert runs["bad"] >= 2
        assert metrics.timeouts
        assert metrics.results[-1] == "success"


async def test_a_timeout_after_a_group_that_failed_is_a_timeout(caplog: pytest.LogCaptureFixture) -> None:
    async with running(Asynchronous(survives_a_group_and_hangs), reconcile_timeout=0.05) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.results)
    assert metrics.timeouts
    assert not metrics.panics
    error = next(record for record in caplog.records if record.getMessage() == "Reconciler error")
    assert "longer than its reconcile_timeout of 0.05 s" in error.error  # type: ignore[attr-defined]


@pytest.mark.parametrize("busy", [True, False])
async def test_a_worker_that_foreign_code_cancels_goes_on(busy: bool) -> None:
    async def work(_: Request) -> None:
        await asyncio.sleep(60 if busy and reconciler.runs == 1 else 0)

    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        await until(lambda: controller.is_idle)
        if busy:
            controller.queue.add(KEY)
            await until(lambda: metrics.active)
        next(task for task in asyncio.all_tasks() if task.get_name() == "tested worker 0").cancel()
        await asyncio.sleep(0)
        controller.queue.add(Request("team", "other"))
        await until(lambda: "success" in metrics.results)


async def test_cancelling_every_task_ends_a_controller() -> None:
    before = asyncio.all_tasks()
    begun = asyncio.Event()

    async def work(_: Request) -> None:
        begun.set()
        await asyncio.sleep(60)

    reconciler = Asynchronous(work)
    controller = Controller("tested", reconciler, [], NO_SOURCES, ControllerOptions())
    task = asyncio.create_task(controller.run())
    controller.queue.add(KEY)
    controller.queue.add(Request("team", "other"))
    await begun.wait()
    tasks = asyncio.all_tasks() - before
    for each in tasks:
        each.cancel()
    done, _ = await asyncio.wait(tasks, timeout=10)
    assert done == tasks
    assert task.cancelled()
    assert reconciler.runs == 1


async def test_a_worker_that_ends_ends_the_controller_with_an_error() -> None:
    controller = Controller("tested", Asynchronous(fails_in_a_group), [], NO_SOURCES, ControllerOptions())
    task = asyncio.create_task(controller.run())
    await asyncio.sleep(0)
    # Before its first step, where none of its own code can take the cancellation.
    next(each for each in asyncio.all_tasks() if each.get_name() == "tested worker 0").cancel()
    with pytest.raises(RuntimeError, match="a worker of the controller 'tested' has ended"):
        await asyncio.wait_for(task, 10)


async def test_a_thread_is_waited_for_when_its_worker_is_cancelled() -> None:
    """By code that cancels every task it finds: a second run beside the thread would be one too many for the object."""
    at_once: list[int] = []
    going_on = threading.Event()
    count = itertools.count(1)

    def work(_: Request) -> None:
        at_once.append(next(count))
        going_on.wait(10)

    async with running(Synchronous(work)) as (controller, _):
        controller.queue.add(KEY)
        await until(lambda: at_once)
        for task in asyncio.all_tasks():
            if "worker" in task.get_name():
                task.cancel()
        await asyncio.sleep(0.1)
        assert at_once == [1]
        assert controller.queue.processing == 1
        going_on.set()
        await until(lambda: not controller.queue.processing)
        controller.queue.add(KEY)
        await until(lambda: at_once == [1, 2])


async def test_probes_and_watches_run_between_reconciles_that_never_wait() -> None:
    seen: list[int] = []
    runs = 0

    async def reconcile(_: Request) -> None:
        nonlocal runs
        runs += 1

    async def others() -> None:
        while True:
            seen.append(runs)
            await asyncio.sleep(0)

    async with running(Asynchronous(reconcile)) as (controller, _):
        for number in range(1000):
            controller.queue.add(Request("x", str(number)))
        task = asyncio.create_task(others())
        await until(lambda: runs == 1000)
        task.cancel()
    assert max(after - before for before, after in itertools.pairwise(seen)) <= 8
