"""A controller that begins to watch a kind in a reconcile that is cancelled, or fails, and comes again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, controller_managed_by
from kaiwu_runtime.controller import Controller
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.testing import FakeRequest, FakeTransport, eventually

from ..cancelling import cancelled_after

STEPS = 12
"""More steps than it takes until the controller waits for the kind."""


class Adding(Reconciler):
    controller: Controller

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.requests: list[Request] = []
        self.mapped: list[str] = []

    def setup_with_manager(self, manager: Manager) -> None:
        self.controller = controller_managed_by(manager).for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> None:
        self.requests.append(request)

    async def add(self) -> None:
        def mapped(secret: Secret) -> list[Request]:
            self.mapped.append(str(secret.metadata and secret.metadata.name))
            return [Request("x", "from a secret")]

        await self.controller.watch(Secret, mapped)


@pytest.fixture
def served() -> asyncio.Event:
    """Set when the API server answers lists of secrets."""
    return asyncio.Event()


@pytest.fixture
async def adding(served: asyncio.Event) -> AsyncIterator[Adding]:
    transport = FakeTransport(objects=[Secret(metadata=ObjectMeta(name="a", namespace="x"))])

    async def answer(_: FakeRequest) -> None:
        await served.wait()

    transport.before("list", Secret, answer)
    options = ManagerOptions(health_probe_bind_address="0", cache_sync_timeout=0.05)
    manager = Manager(options, client=Client(transport))
    made = Adding(manager.client)
    made.setup_with_manager(manager)
    task = asyncio.create_task(manager.start())
    await eventually(lambda: manager.is_ready)
    yield made
    manager.stop()
    await task


async def test_a_watch_that_is_cancelled_at_any_step_is_no_second_one(adding: Adding, served: asyncio.Event) -> None:
    for count in range(STEPS):
        await cancelled_after(count, adding.add())
    with pytest.raises(APIConnectionError):
        await adding.add()
    assert "handlers=0" in adding.controller.cache.informer(Secret).describe()
    assert len(adding.controller.sources) == 1
    served.set()
    await adding.add()
    await eventually(lambda: adding.requests)
    assert adding.mapped == ["a"]
