"""A manager with reconcilers that keep what they are asked, and do what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import (
    Client,
    Manager,
    ManagerOptions,
    Reconciler,
    Request,
    Result,
    controller_managed_by,
)
from kaiwu_runtime.controller import ControllerBuilder
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.queue import ExponentialBackoff

Build = Callable[[ControllerBuilder], ControllerBuilder]
Work = Callable[[Client, Request], Awaitable[Result | None]]


def config_map(name: str, namespace: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data)


class Recording(Reconciler):
    """Keeps every request, and does what it is told."""

    def __init__(self, client: Client, name: str, build: Build, work: Work) -> None:
        super().__init__(client)
        self.name = name
        self.build = build
        self.work = work
        self.requests: list[Request] = []

    def setup_with_manager(self, manager: Manager) -> None:
        builder = controller_managed_by(manager).named(self.name)
        self.build(builder).with_options(rate_limiter=ExponentialBackoff(0.01, 0.2)).complete(self)

    async def reconcile(self, request: Request) -> Result | None:
        self.requests.append(request)
        return await self.work(self.client, request)

    def count(self, name: str) -> int:
        return sum(request.name == name for request in self.requests)


async def nothing(_: Client, __: Request) -> Result:
    return Result()


def for_config_maps(builder: ControllerBuilder) -> ControllerBuilder:
    return builder.for_(ConfigMap)


class Rig:
    """A manager in one namespace, and a client beside it."""

    def __init__(
        self, control_plane: ControlPlane, namespace: str, client: Client, *, kubeconfig: Path | None = None
    ) -> None:
        self.namespace = namespace
        self.client = client
        self.manager = Manager(
            ManagerOptions(
                kubeconfig=str(kubeconfig or control_plane.kubeconfig),
                namespaces=(namespace,),
                health_probe_bind_address="0",
                grace_period=5.0,
            )
        )

    def add(self, work: Work = nothing, build: Build = for_config_maps, name: str = "recording") -> Recording:
        reconciler = Recording(self.manager.client, name, build, work)
        reconciler.setup_with_manager(self.manager)
        return reconciler

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.manager.start())
        try:
            yield
        finally:
            self.manager.stop()
            await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is state of another task
            await asyncio.sleep(0.01)
