"""Reconcilers of the tests, and a controller that runs one of them without a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from kaiwu_runtime import Manager, Reconciler, Request
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.controller import Controller, ControllerOptions
from kaiwu_runtime.queue import ExponentialBackoff

KEY = Request("team", "x")


NO_SOURCES = cast("Cache", None)  # a controller that watches nothing asks no cache


class Asynchronous(Reconciler):
    def __init__(self, work: Callable[[Request], Awaitable[Any]]) -> None:
        self.work = work
        self.runs = 0

    def setup_with_manager(self, manager: Manager) -> None:
        raise AssertionError("not called here")

    async def reconcile(self, request: Request) -> Any:
        self.runs += 1
        return await self.work(request)


class Synchronous(Reconciler):
    def __init__(self, work: Callable[[Request], Any]) -> None:
        self.work = work

    def setup_with_manager(self, manager: Manager) -> None:
        raise AssertionError("not called here")

    def reconcile(self, request: Request) -> Any:
        return self.work(request)


class Counting:
    """Keeps what a controller reports."""

    def __init__(self) -> None:
        self.results: list[str] = []
        self.panics = self.terminals = self.timeouts = self.active = 0

    def started(self) -> None:
        self.active += 1

    def finished(self, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.active -= 1
        self.results.append(result)

    def terminal(self) -> None:
        self.terminals += 1

    def panicked(self) -> None:
        self.panics += 1

    def timed_out(self) -> None:
        self.timeouts += 1


@asynccontextmanager
async def running(reconciler: Reconciler, **options: Any) -> AsyncIterator[tuple[Controller, Counting]]:
    options.setdefault("rate_limiter", ExponentialBackoff(0.001, 0.01))
    metrics = Counting()
    controller = Controller("tested", reconciler, [], NO_SOURCES, ControllerOptions(**options), metrics=metrics)
    task = asyncio.create_task(controller.run())
    try:
        yield controller, metrics
    finally:
        await controller.stop(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is state of another task
            await asyncio.sleep(0.002)
