"""Operators whose writes lose their answers: cut short by a time limit, in a thread, stopped, and without a kind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kaiwu_runtime import (
    ControllerBuilder,
    Manager,
    ManagerOptions,
    ObjectReconciler,
    Reconciler,
    Request,
    controller_managed_by,
)
from kaiwu_runtime.cache import _cache as cache_module
from kaiwu_runtime.client import Client
from kaiwu_runtime.rest import Transport
from kaiwu_runtime.testing import FakeTransport, eventually, run_manager, virtual_time

from .api import Gadget, GadgetSpec
from .test_client_on_both import gadget
from .test_doubtful_writes_on_both import Lossy, broken, hanging, lost
from .test_read_your_writes_on_both import Late


class FirstLost(Lossy):
    """Loses the answer to the first write of each object's status.

    Args:
        inner: Sends the requests.
        how: Called instead of an answer.
    """

    def __init__(self, inner: Transport, how: Callable[[], Awaitable[bytes]]) -> None:
        super().__init__(inner)
        self.how = how
        self.lost: set[str] = set()

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        first = path.endswith("/status") and path not in self.lost
        if first:
            self.lost.add(path)
        self.loses = self.how if first else None
        return await super().request(method, path, **arguments)


def managed(transport: Transport) -> Manager:
    options = ManagerOptions(health_probe_bind_address="0")
    return Manager(options, client=Client(transport, namespace="x"))


class Once(ObjectReconciler[Gadget]):
    """Sends a command once for each object, as far as its own status tells."""

    commands: list[str]

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.with_options(max_concurrent_reconciles=4, reconcile_timeout=2.0)

    async def reconcile(self, gadget: Gadget) -> None:
        assert gadget.status is not None
        if gadget.status.phase is None:
            self.commands.append(gadget.metadata.name or "")
            gadget.status.phase = "Commanded"


@pytest.mark.parametrize("loss", [hanging, broken])
def test_a_status_write_that_is_cut_short_is_seen_by_the_next_reconcile(loss: Callable[[], Awaitable[bytes]]) -> None:
    async def run() -> None:
        fake = FakeTransport(Gadget)
        transport = FirstLost(fake, loss)
        manager = managed(Late(transport, lambda: 5.0))
        Once.commands = []
        manager.setup(Once)
        names = [f"g{number}" for number in range(10)]
        for name in names:
            await Client(fake, namespace="x").create(gadget(Client(fake, namespace="x"), name, size=1))
        async with run_manager(manager):
            await asyncio.sleep(120)
        assert sorted(Once.commands) == names
        assert len(transport.lost) == 10

    with virtual_time() as clock:
        clock.run(run())


class InThread(Reconciler):
    """Written as a plain function."""

    commands: list[str]

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(Gadget).complete(self)

    def reconcile(self, request: Request) -> None:
        found: Any = self.wait(self.client.find(Gadget, request))
        if found is not None and (found.status is None or found.status.phase is None):
            self.commands.append(request.name)
            self.wait(self.client.patch_status(Gadget, request.name, {"phase": "x"}, namespace=request.namespace))


async def test_a_reconciler_in_a_thread_sees_what_it_wrote() -> None:
    fake = FakeTransport(Gadget)
    transport = FirstLost(fake, broken)
    manager = managed(Late(transport, lambda: 0.2))
    reconciler = InThread(manager.client)
    reconciler.commands = []
    reconciler.setup_with_manager(manager)
    other = Client(fake, namespace="x")
    await other.create(gadget(other, size=1))
    async with run_manager(manager):
        await eventually(lambda: transport.lists)
        await asyncio.sleep(0.5)
    assert reconciler.commands == ["a"]


class Silent(FirstLost):
    """Does not answer questions."""

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        answer = await super().request(method, path, **arguments)
        if self.lists:
            await asyncio.Event().wait()
        return answer


@pytest.mark.parametrize("kind", [Once, InThread])
async def test_a_manager_stops_while_a_question_is_under_way(
    kind: type[Once | InThread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "WAIT_SECONDS", 0.3)
    tasks = asyncio.all_tasks()
    fake = FakeTransport(Gadget)
    transport = Silent(fake, broken)
    manager = managed(transport)
    kind.commands = []
    if issubclass(kind, Once):
        manager.setup(kind)
    else:
        kind(manager.client).setup_with_manager(manager)
    other = Client(fake, namespace="x")
    await other.create(gadget(other, size=1))
    running = asyncio.create_task(manager.start())
    await eventually(lambda: transport.lists)
    manager.stop()
    async with asyncio.timeout(2):  # no longer than the question may take
        await running
    assert asyncio.all_tasks() == tasks
    assert kind.commands == ["a"]


def test_two_caches_of_a_manager_wait_each_for_itself() -> None:
    async def run() -> None:
        fake = FakeTransport(Gadget)
        lossy = Lossy(fake)
        transport = Late(lossy, lambda: 1.0)
        manager = managed(transport)
        other = manager.add_cache("other")
        readers = manager.client, manager.client_for(other)
        plain = Client(fake, namespace="x")
        async with run_manager(manager):
            for reader in readers:
                assert await reader.list(Gadget, namespace="x") == []
            for size, writer in enumerate((*readers, *readers)):
                lossy.loses = broken
                await lost(writer.apply(gadget(plain, size=size)))
                lossy.loses = None
                found = await asyncio.gather(*(each.get(Gadget, "a", namespace="x") for each in readers))
                assert [each.spec for each in found] == [GadgetSpec(size=size)] * 2

    with virtual_time() as clock:
        clock.run(run())
