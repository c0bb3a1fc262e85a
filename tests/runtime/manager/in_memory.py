"""A manager on a cluster in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.rest._transport import Transport
from kaiwu_runtime.testing import FakeTransport


class Working(Reconciler):
    def __init__(self, client: Client, work: Callable[[Request], Awaitable[None]] | None = None) -> None:
        super().__init__(client)
        self.work = work
        self.begun: list[str] = []
        self.finished: list[str] = []

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result | None:
        self.begun.append(request.name)
        if self.work is not None:
            await self.work(request)
        self.finished.append(request.name)
        return None


class Running:
    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self.work = work

    async def run(self) -> None:
        await self.work()


def managed(transport: Transport | None = None, **options: Any) -> Manager:
    given: dict[str, Any] = {"health_probe_bind_address": "0", "grace_period": 5.0, **options}
    return Manager(ManagerOptions(**given), client=Client(transport or FakeTransport()))


async def create(manager: Manager, *names: str) -> None:
    for name in names:
        await manager.api_reader.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="x")))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is another task's state
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(manager.start())
    try:
        await until(lambda: manager.started)
        yield task
    finally:
        manager.stop()
        await asyncio.wait_for(task, 20)


async def raises_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future
