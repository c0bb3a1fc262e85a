"""What ends a manager, what it says then, and what it leaves behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from kaiwu_runtime import Request
from kaiwu_runtime.errors import CallbackError, ConfigurationError

from .in_memory import Running, Working, create, managed, raises_cancelled, until


async def cancels_itself() -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(60)


def fails_with(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("fail", "raised", "text"),
    [
        pytest.param(fails_with(ConfigurationError("no backend")), ConfigurationError, "no backend", id="an error"),
        pytest.param(fails_with(ValueError("no")), ValueError, "The manager failed", id="a mistake"),
        pytest.param(fails_with(SystemExit(0)), CallbackError, "The manager failed", id="sys.exit"),
        pytest.param(raises_cancelled, CallbackError, "The manager failed", id="a cancelled future"),
        pytest.param(cancels_itself, CallbackError, "The manager failed", id="a task that cancels itself"),
        pytest.param(
            fails_with(ExceptionGroup("g", [ExceptionGroup("h", [ConfigurationError("inside")])])),
            ConfigurationError,
            "inside",
            id="a group",
        ),
    ],
)
async def test_a_failure_is_said_at_once_and_work_in_flight_gets_its_time(
    fail: Callable[[], Awaitable[None]], raised: type[Exception], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, failing = asyncio.Event(), asyncio.Event()
    manager = managed()

    async def work(_: Request) -> None:
        await go_on.wait()

    async def run() -> None:
        await failing.wait()
        await fail()

    reconciler = Working(manager.client, work)
    reconciler.setup_with_manager(manager)
    manager.add(Running(run))
    await create(manager, "a", "b")
    task = asyncio.create_task(manager.start())
    await until(lambda: reconciler.begun)
    failing.set()
    await until(lambda: any(text in record.getMessage() for record in caplog.records))
    assert not task.done()
    assert reconciler.finished == []
    go_on.set()
    with pytest.raises(raised):
        await asyncio.wait_for(task, 10)
    assert reconciler.finished == ["a"]
    assert reconciler.begun == ["a"], "no work begins any more"
    said = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(said) == 1
    assert text in said[0].getMessage()


async def test_a_runnable_that_a_time_limit_ends_after_a_group_that_failed_ends_the_manager() -> None:
    manager = managed()

    async def fail() -> None:
        raise ValueError("no")

    async def run() -> None:
        async with asyncio.timeout(0.05):
            with suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
            await asyncio.sleep(60)

    manager.add(Running(run))
    task = asyncio.create_task(manager.start())
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    # Before Python 3.13 the group leaves the task marked as being cancelled, and the time limit cancels it.
    assert isinstance(task.exception(), TimeoutError | CallbackError)


async def test_cancelling_every_task_reports_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    before = asyncio.all_tasks()
    manager = managed()
    running = asyncio.Event()

    async def run() -> None:
        running.set()
        await asyncio.sleep(60)

    manager.add(Running(run))
    task = asyncio.create_task(manager.start())
    await running.wait()
    tasks = asyncio.all_tasks() - before
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks, timeout=10)
    assert task.cancelled()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("ended", ["stop", "failure", "cancelled"])
async def test_a_reconcile_that_swallows_its_cancellation_is_left_behind(ended: str) -> None:
    begun = asyncio.Event()
    manager = managed(grace_period=0.1)
    give_up = False

    async def stubborn(_: Request) -> None:
        begun.set()
        while not give_up:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    reconciler = Working(manager.client, stubborn)
    reconciler.setup_with_manager(manager)
    fail = asyncio.Event()

    async def run() -> None:
        await fail.wait()
        raise ConfigurationError("over")

    manager.add(Running(run))
    await create(manager, "a", "b", "c")
    task = asyncio.create_task(manager.start())
    await begun.wait()
    match ended:
        case "stop":
            manager.stop()
        case "failure":
            fail.set()
        case _:
            task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    await asyncio.gather(task, return_exceptions=True)
    assert reconciler.begun == ["a"]
    give_up = True
    left = [entry for entry in asyncio.all_tasks() if "worker" in entry.get_name()]
    for entry in left:
        entry.cancel()
    await asyncio.gather(*left, return_exceptions=True)
