"""A read from the cache has what this process wrote before it, however late the watch is: on both servers."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime import ControllerBuilder, Manager, ManagerOptions, ObjectReconciler, create_or_update
from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.cache import _cache as cache_module
from kaiwu_runtime.client import Client, MetadataClient, Transport
from kaiwu_runtime.errors import APIConnectionError, NotFoundError
from kaiwu_runtime.rest import TransportWrapper
from kaiwu_runtime.testing import FakeTransport, eventually, virtual_time

from .api import Gadget, GadgetSpec, GadgetStatus, Gizmo
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_client_on_both import gadget


class Late:
    """Passes requests on; the lines of a watch come late, or not at all while it is stopped.

    Args:
        inner: Sends the requests.
        delay: Returns how many seconds a line takes longer.
    """

    def __init__(self, inner: Transport, delay: Callable[[], float]) -> None:
        self.inner = inner
        self.delay = delay
        self.flows = asyncio.Event()
        self.flows.set()

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        return await self.inner.request(method, path, **arguments)

    async def stream(self, path: str, **arguments: Any) -> AsyncGenerator[bytes, None]:
        async for line in self.inner.stream(path, **arguments):
            await asyncio.sleep(self.delay())
            await self.flows.wait()
            yield line

    async def close(self) -> None:
        return None


@asynccontextmanager
async def late(
    client: Client, *kinds: type[Any], delay: float = 0.05
) -> AsyncIterator[tuple[CachedClient, Late, Cache]]:
    """Return a client whose cache is behind, and what it is behind by."""
    transport = Late(client.transport, lambda: delay)
    plain = Client(transport, namespace=client.namespace)
    cache = Cache(transport, namespaces=(client.namespace,))
    for kind in kinds or (Gadget,):
        cache.informer(kind)
    running = asyncio.create_task(cache.run())
    try:
        await cache.wait_for_sync()
        yield CachedClient(plain, cache), transport, cache
    finally:
        transport.flows.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def by_name(reader: CachedClient, size: int) -> None:
    assert (await reader.get(Gadget, "a", namespace=reader.namespace)).spec == GadgetSpec(size=size)


async def by_list(reader: CachedClient, size: int) -> None:
    assert [found.spec for found in await reader.list(Gadget)] == [GadgetSpec(size=size)]


SEEDS = int(os.environ.get("KAIWU_OWN_WRITES_SEEDS", "10"))
"""Runs of 200 objects each."""

READS = {"get": by_name, "list": by_list}
WRITES: dict[str, Callable[[CachedClient, int], Awaitable[object]]] = {
    "apply": lambda own, size: own.apply(gadget(own, size=size)),
    "apply_with_result": lambda own, size: own.apply_with_result(gadget(own, size=size)),
    "patch": lambda own, size: own.patch(Gadget, "a", {"spec": {"size": size}}, namespace=own.namespace),
    "create_or_update": lambda own, size: create_or_update(own, gadget(own), lambda obj: resize(obj, size)),
}


def resize(obj: Gadget, size: int) -> None:
    obj.spec = GadgetSpec(size=size)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("write", WRITES)
async def test_a_read_has_what_was_written(client: Client, write: str, read: str) -> None:
    async with late(client) as (reader, _, _):
        await reader.create(gadget(client, size=0))
        await READS[read](reader, 0)
        for size in (1, 2, 3):
            await WRITES[write](reader, size)
            await READS[read](reader, size)


@pytest.mark.parametrize("read", READS)
async def test_what_was_deleted_is_gone(client: Client, read: str) -> None:
    async with late(client) as (reader, _, _):
        for size in (1, 2):
            await reader.create(gadget(client, size=size))
            await READS[read](reader, size)
            await reader.delete(Gadget, "a", namespace=client.namespace)
            assert await reader.find(Gadget, "a", namespace=client.namespace) is None
            assert await reader.list(Gadget) == []


async def test_what_is_made_anew_at_once(client: Client) -> None:
    async with late(client) as (reader, _, _):
        for size in (1, 2, 3):
            await reader.create(gadget(client, size=size))
            await by_name(reader, size)
            await reader.delete(Gadget, "a", namespace=client.namespace)


async def test_what_a_finalizer_keeps_is_there_with_its_deletion(client: Client) -> None:
    async with late(client) as (reader, _, _):
        made = gadget(client, size=1)
        made.metadata.finalizers = ["example.com/x"]
        await reader.create(made)
        await reader.delete(Gadget, "a", namespace=client.namespace)
        kept = await reader.get(Gadget, "a", namespace=client.namespace)
        assert kept.metadata.deletionTimestamp is not None
        await reader.patch(Gadget, "a", {"metadata": {"finalizers": None}}, namespace=client.namespace)
        with pytest.raises(NotFoundError):
            await client.get(Gadget, "a", namespace=client.namespace)


async def test_a_status_and_a_name_of_the_server_s(client: Client) -> None:
    async with late(client) as (reader, _, _):
        made = await reader.create(
            Gadget(metadata=ObjectMeta(generateName="g-", namespace=client.namespace), spec=GadgetSpec(size=1))
        )
        assert [found.metadata.name for found in await reader.list(Gadget)] == [made.metadata.name]
        made.status = GadgetStatus(phase="Running")
        await reader.apply_status(made)
        (found,) = await reader.list(Gadget)
        assert found.status == GadgetStatus(phase="Running")
        await MetadataClient(reader).patch(
            Gadget, made.metadata.name or "", {"metadata": {"labels": {"a": "b"}}}, namespace=client.namespace
        )
        assert (await reader.get(Gadget, made.key)).metadata.labels == {"a": "b"}


async def test_it_can_be_left_out(client: Client) -> None:
    async with late(client) as (reader, transport, cache):
        await reader.create(gadget(client, size=1))
        await by_name(reader, 1)
        transport.flows.clear()
        await reader.apply(gadget(client, size=2))
        place: Any = {"namespace": client.namespace, "wait_for_writes": False}
        assert (await reader.get(Gadget, "a", **place)).spec == GadgetSpec(size=1)
        assert [found.spec for found in await reader.list(Gadget, **place)] == [GadgetSpec(size=1)]
        assert [found.spec for found in cache.informer(Gadget).list()] == [GadgetSpec(size=1)]


async def test_other_objects_and_dry_runs_are_not_waited_for(client: Client) -> None:
    async with late(client, Gadget, Gizmo) as (reader, transport, _):
        for name in ("a", "b"):
            await reader.create(gadget(client, name, size=1))
        assert len(await reader.list(Gadget)) == 2
        transport.flows.clear()
        async with asyncio.timeout(5):
            await reader.apply(gadget(client, "a", size=2), dry_run=True)
            await by_list_of(reader, 2)
            await reader.apply(gadget(client, "a", size=2))
            assert (await reader.get(Gadget, "b", namespace=client.namespace)).spec == GadgetSpec(size=1)
            await reader.list(Gizmo)  # of the whole cluster, with those of other tests


async def by_list_of(reader: CachedClient, number: int) -> None:
    assert len(await reader.list(Gadget)) == number


async def test_a_watch_that_is_blocked_is_an_error_and_not_an_old_state(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "WAIT_SECONDS", 0.2)
    async with late(client) as (reader, transport, cache):
        waits: list[float] = []
        cache.on_wait = lambda _, seconds: waits.append(seconds)
        await reader.create(gadget(client, size=1))
        await by_name(reader, 1)
        transport.flows.clear()
        await reader.apply(gadget(client, size=2))
        for read in READS.values():
            with pytest.raises(APIConnectionError, match="does not have the last write to Gadget"):
                await read(reader, 2)
        transport.flows.set()
        await by_name(reader, 2)
        assert len(waits) == 4
        assert max(waits) >= 0.2


class Initializer(ObjectReconciler[Gadget]):
    """Decides by its own status: what is one write behind makes it send a command twice."""

    commands: list[str]

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.owns(Gizmo).with_options(max_concurrent_reconciles=4)

    async def reconcile(self, gadget: Gadget) -> None:
        assert gadget.status is not None
        name = gadget.metadata.name or ""
        if gadget.status.phase is None:
            self.commands.append(name)
            gadget.status.phase = "Initialized"
            # An event of a child brings the reconciler back before its own status is in the cache.
            made = Gizmo(metadata=ObjectMeta(name=name, namespace=gadget.metadata.namespace))
            made.metadata.labels = {"number": str(len(self.commands))}
            await self.client.apply(made)


async def commands_of(chance: random.Random, *, lost: float = 0.0) -> None:
    """Let 200 objects be made and changed while the cache is late by a random time.

    Args:
        chance: Decides.
        lost: How many of the answers to the operator's writes are lost, from 0 to 1.
    """

    class Lossy(TransportWrapper):
        async def request(self, method: str, path: str, **arguments: Any) -> bytes:
            answer = await super().request(method, path, **arguments)
            if method != "GET" and chance.random() < lost:
                raise APIConnectionError("the connection broke")
            return answer

    fake = FakeTransport(Gadget, Gizmo)
    transport = Late(Lossy(fake), lambda: chance.choice((0, 0, 0, 0.002, 0.01)))
    plain = Client(fake, namespace="x")
    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(transport, namespace="x"))
    Initializer.commands = []
    manager.setup(Initializer)
    running = asyncio.create_task(manager.start())
    names = [f"g{number}" for number in range(200)]
    try:
        for name in names:
            await plain.create(gadget(plain, name, size=1))
            if chance.random() < 0.2:
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                other = chance.choice(names[: names.index(name) + 1])
                await plain.patch(Gadget, other, {"spec": {"size": 2}}, namespace="x")
        await eventually(lambda: len(set(Initializer.commands)) == len(names), timeout=30)
        await asyncio.sleep(0.3)
    finally:
        manager.stop()
        await running
    assert sorted(Initializer.commands) == sorted(names)


@pytest.mark.parametrize("lost", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_reconciler_that_decides_by_its_status_repeats_no_command(seed: int, lost: float) -> None:
    with virtual_time() as clock:
        clock.run(commands_of(random.Random(seed), lost=lost))
