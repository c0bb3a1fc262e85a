"""Client, cache and controllers run unchanged on the fake: the same tests pass there and on a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.events_v1 import Event

from kaiwu_runtime import Manager, ManagerOptions, Reconciler, Request, Result, set_controller_reference
from kaiwu_runtime.api import Condition
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.client import Client, PatchType
from kaiwu_runtime.controller import controller_managed_by
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import AlreadyExistsError, ConflictError, NotFoundError
from kaiwu_runtime.testing import FakeTransport

from ..crds import install
from .api import Gadget, GadgetSpec, GadgetStatus, Gear, Gizmo


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.envtest)])
async def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    if request.param == "fake":
        yield Client(FakeTransport(Gadget, Gizmo, Gear), namespace="fake")
        return
    control_plane: ControlPlane = request.getfixturevalue("control_plane")
    install(control_plane, [Gadget, Gizmo, Gear], tmp_path_factory.mktemp("crds"))
    async with Client.connect(control_plane.kubeconfig) as made:
        made.namespace = request.getfixturevalue("namespace")
        yield made


def gadget(client: Client, name: str = "a", **spec: Any) -> Gadget:
    return Gadget(metadata=ObjectMeta(name=name, namespace=client.namespace), spec=GadgetSpec(**spec))


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_every_verb_of_the_client(client: Client) -> None:
    place: Any = {"namespace": client.namespace}
    created = await client.create(gadget(client, size=1))
    with pytest.raises(AlreadyExistsError):
        await client.create(gadget(client))
    applied = await client.apply(gadget(client, size=2, options={"a": "1"}))
    assert applied.spec == GadgetSpec(size=2, options={"a": "1"})
    assert (applied.metadata.generation, applied.metadata.uid) == (2, created.metadata.uid)
    with pytest.raises(ConflictError, match="kaiwu-runtime"):
        await client.apply(gadget(client, size=3), field_manager="other", force=False)
    applied.status = GadgetStatus(phase="Running")
    written = await client.apply_status(applied)
    assert written.status is not None
    assert written.status.phase == "Running"
    await client.patch_status(Gadget, "a", {"phase": None}, **place)
    patched = await client.patch(
        Gadget, "a", [{"op": "replace", "path": "/spec/size", "value": 4}], patch_type=PatchType.JSON, **place
    )
    assert patched == await client.get(Gadget, "a", **place)
    assert await client.list(Gadget, field_selector="metadata.name=a", **place) == [patched]
    with pytest.raises(ConflictError):
        await client.delete(Gadget, "a", uid="another", **place)
    await client.delete(Gadget, "a", uid=created.metadata.uid or "", **place)
    with pytest.raises(NotFoundError, match=r'gadgets\.testing\.example\.com "a" not found'):
        await client.get(Gadget, "a", **place)


async def test_a_status_never_reaches_a_successor(client: Client) -> None:
    first = await client.create(gadget(client))
    await client.delete(Gadget, "a", namespace=client.namespace)
    await client.create(gadget(client))
    first.status = GadgetStatus(phase="Old")
    with pytest.raises(ConflictError, match="was replaced by one with uid"):
        await client.apply_status(first)


@asynccontextmanager
async def caching(client: Client) -> AsyncIterator[Cache]:
    cache = Cache(client.transport, namespaces=[client.namespace])
    task = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_cache_follows_every_change(client: Client) -> None:
    await client.create(gadget(client, "before"))
    async with caching(client) as cache:
        reader = CachedClient(client, cache)
        assert [found.metadata.name for found in await reader.list(Gadget)] == ["before"]
        await client.create(gadget(client, "a", size=1))
        await client.delete(Gadget, "before", namespace=client.namespace)
        await client.apply(gadget(client, "a", size=7))
        informer = cache.informer(Gadget)
        await eventually(lambda: [obj.metadata.generation for obj in informer.list()] == [2])
        found = await reader.get(Gadget, "a", namespace=client.namespace)
        assert found.spec == GadgetSpec(size=7)


class Copying(Reconciler):
    """Gives each gadget a ConfigMap and a condition, and takes its finalizer away at its end."""

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("copying").for_(Gadget).owns(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        place: Any = {"namespace": request.namespace}
        try:
            found = await self.client.get(Gadget, request.name, **place)
        except NotFoundError:
            return Result()
        if found.metadata.deletionTimestamp:
            await self.client.patch(Gadget, request.name, {"metadata": {"finalizers": None}}, **place)
            return Result()
        size = found.spec.size if found.spec is not None else None
        copy = ConfigMap(metadata=ObjectMeta(name=request.name, namespace=request.namespace), data={"size": str(size)})
        set_controller_reference(found, copy)
        await self.client.apply(copy)
        since = found.metadata.creationTimestamp
        assert since is not None
        ready = Condition(type="Ready", status="True", reason="Copied", message="", lastTransitionTime=since)
        found.status = GadgetStatus(phase=f"size {size}", conditions=[ready])
        await self.client.apply_status(found)
        return Result()


async def test_a_manager_reconciles(client: Client) -> None:
    place: Any = {"namespace": client.namespace}
    wanted = gadget(client, size=1)
    wanted.metadata.finalizers = ["testing.example.com/wait"]
    manager = Manager(
        ManagerOptions(namespaces=(client.namespace,), health_probe_bind_address="0"),
        client=Client(client.transport, namespace=client.namespace),
    )
    Copying(manager.client).setup_with_manager(manager)
    recorder = manager.event_recorder("copying")
    running = asyncio.create_task(manager.start())
    copies, gadgets = manager.cache.informer(ConfigMap), manager.cache.informer(Gadget)

    async def copied(size: str) -> None:
        await eventually(lambda: [obj.data for obj in copies.list()] == [{"size": size}])

    created = await client.create(wanted)
    await copied("1")
    await client.patch(Gadget, "a", {"spec": {"size": 2}}, **place)
    await copied("2")
    await client.delete(ConfigMap, "a", **place)  # the owned object comes back
    await copied("2")
    for _ in range(2):
        recorder.event(created, reason="Copied", action="Copy", note="two events that are one")
    await client.delete(Gadget, "a", **place)
    await eventually(lambda: not gadgets.list())
    with pytest.raises(NotFoundError):
        await client.get(Gadget, "a", **place)
    events: list[Event] = []
    async with asyncio.timeout(10):
        while not events or events[0].series is None:
            events = await client.list(Event, **place)
            await asyncio.sleep(0.01)
    assert [(event.reason, event.series and event.series.count) for event in events] == [("Copied", 2)]
    manager.stop()
    await running
