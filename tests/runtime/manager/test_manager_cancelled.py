"""A manager that is cancelled at any step of its start and of its stop leaves nothing that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kaiwu_runtime import Manager, Request

from ..cancelling import cancelled_after, nothing_left, steps
from .in_memory import Running, Working, create, managed, until

START_STEPS = 60
"""More steps of the event loop than a start on a cluster in memory takes."""

STOP_STEPS = 30
"""More steps than a stop takes until it only waits for the work in progress."""

ADDRESS = "127.0.0.1:0"
OPTIONS: dict[str, dict[str, Any]] = {
    "no servers": {},
    "probes": {"health_probe_bind_address": ADDRESS},
    "metrics": {"health_probe_bind_address": ADDRESS, "metrics_bind_address": ADDRESS, "metrics_secure": False},
    "leader": {"leader_elect": True, "leader_election_id": "a", "leader_election_namespace": "x"},
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


async def forever() -> None:
    await asyncio.Event().wait()


async def slow_to_end() -> None:
    try:
        await forever()
    finally:
        await asyncio.sleep(0.01)


def of(work: Callable[[Request], Any] | None = None, **options: Any) -> Manager:
    manager = managed(**options)
    reconciler = Working(manager.client, work)
    reconciler.setup_with_manager(manager)
    manager.add(Running(slow_to_end), leader_only=False)
    return manager


@every_option
async def test_a_start_that_is_cancelled_at_any_step(options: dict[str, Any]) -> None:
    async with nothing_left():
        for count in range(START_STEPS):
            await cancelled_after(count, of(**options).start())


@every_option
async def test_a_stop_that_is_cancelled_at_any_step(options: dict[str, Any]) -> None:
    """While a reconcile does not end: it is cancelled at once, with the workers, the watches and the events."""
    async with nothing_left():
        for count in range(STOP_STEPS):
            manager = of(lambda _: slow_to_end(), **options)
            await create(manager, "a")
            task = asyncio.create_task(manager.start())
            await until(lambda: "working=1" in manager.describe())  # noqa: B023
            manager.stop()
            await steps(count)
            task.cancel()
            async with asyncio.timeout(5):
                await asyncio.wait([task])
            assert task.cancelled()


async def test_a_stop_that_is_cancelled_again_and_again() -> None:
    async with nothing_left():
        for count in range(8):
            manager = of(lambda _: slow_to_end(), health_probe_bind_address=ADDRESS)
            await create(manager, "a")
            task = asyncio.create_task(manager.start())
            await until(lambda: "working=1" in manager.describe())  # noqa: B023
            manager.stop()
            while not task.done():
                await steps(count + 1)
                task.cancel()
            assert task.cancelled()


async def test_a_stop_at_any_step_of_the_start() -> None:
    async with nothing_left():
        for count in range(START_STEPS):
            manager = of(health_probe_bind_address=ADDRESS)
            task = asyncio.create_task(manager.start())
            await steps(count)
            await asyncio.to_thread(manager.stop) if count % 2 else manager.stop()
            await asyncio.wait_for(task, 5)
