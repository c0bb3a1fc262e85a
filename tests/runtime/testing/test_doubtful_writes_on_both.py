"""A write whose answer was lost: what is read next is not older than it, whether it was stored or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.rbac_authorization_v1 import ClusterRole

from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.client import Client, MetadataClient
from kaiwu_runtime.errors import APIConnectionError, ConflictError, ServerError
from kaiwu_runtime.rest import Transport, TransportWrapper

from .api import Gadget, GadgetStatus
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_client_on_both import gadget
from .test_read_your_writes_on_both import WRITES, Late, late


class Lossy(TransportWrapper):
    """Loses the answers to writes, and counts the lists.

    Attributes:
        loses: Called instead of an answer to a write; None while answers arrive.
        stores: Whether the write reaches the server.
        lists: The field selectors of lists so far.
    """

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.loses: Callable[[], Awaitable[bytes]] | None = None
        self.stores = True
        self.lists: list[str] = []

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        if method == "GET":
            selected = (arguments.get("params") or {}).get("fieldSelector")
            if selected:
                self.lists.append(selected)
            return await self.inner.request(method, path, **arguments)
        if self.loses is None:
            return await self.inner.request(method, path, **arguments)
        if self.stores:
            await self.inner.request(method, path, **arguments)
        return await self.loses()


async def broken() -> bytes:
    raise APIConnectionError("the connection broke")


async def failing() -> bytes:
    raise ServerError("etcdserver: request timed out", code=500, reason="InternalError")


async def hanging() -> bytes:
    return await asyncio.Event().wait()  # type: ignore[return-value]


async def unsent() -> bytes:
    error = APIConnectionError("connection refused")
    error.in_doubt = False
    raise error


async def conflict() -> bytes:
    raise ConflictError("it has changed", code=409, reason="Conflict")


LOSSES = {"broken": broken, "failing": failing, "cancelled": hanging}
STATES: dict[str, Callable[[CachedClient], Awaitable[object]]] = {
    **{name: lambda own, write=write: write(own, 2) for name, write in WRITES.items()},  # type: ignore[misc]
    "status": lambda own: own.apply_status(with_status(own)),
    "status of an object": lambda own: patched(own, subresource="status", patch={"status": {"phase": "Running"}}),
    "metadata": lambda own: MetadataClient(own).patch(
        Gadget, "a", {"metadata": {"labels": {"x": "y"}}}, namespace=own.namespace
    ),
    "deletion": lambda own: own.delete(Gadget, "a", namespace=own.namespace),
}


def with_status(own: CachedClient) -> Gadget:
    obj = gadget(own)
    obj.status = GadgetStatus(phase="Running")
    return obj


def patched(own: CachedClient, *, subresource: str, patch: dict[str, Any]) -> Awaitable[object]:
    return own.patch(Gadget, "a", patch, subresource=subresource, namespace=own.namespace)


async def lost(write: Awaitable[object]) -> None:
    """Run a write whose answer never comes."""
    with suppress(TimeoutError, APIConnectionError, ServerError):
        async with asyncio.timeout(0.5):
            await write


async def lose_a_change(own: CachedClient, lossy: Lossy, transport: Late) -> None:
    """Make an object that the cache has, block the watch, and change the object without an answer."""
    await own.create(gadget(own, size=1))
    await state(own)
    transport.flows.clear()
    lossy.loses = broken
    await lost(own.apply(gadget(own, size=2)))
    lossy.loses = None


async def state(client: Client) -> tuple[object, ...]:
    found = await client.find(Gadget, "a", namespace=client.namespace)
    return () if found is None else (found.spec, found.status, found.metadata.labels)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("write", STATES)
async def test_a_read_waits_for_what_was_stored(client: Client, write: str, loss: str) -> None:
    lossy = Lossy(client.transport)
    async with late(Client(lossy, namespace=client.namespace)) as (reader, transport, _):
        await reader.create(gadget(client, size=1))
        before = await state(reader)
        transport.flows.clear()
        lossy.loses = LOSSES[loss]
        await lost(STATES[write](reader))
        lossy.loses = None
        reading = asyncio.create_task(state(reader))
        await asyncio.sleep(0.1)
        assert not reading.done(), "the watch has not brought it yet"
        transport.flows.set()
        assert await reading == await state(client) != before
        lossy.lists.clear()
        await state(reader)
        assert lossy.lists == [], "it is asked once"


@pytest.mark.parametrize("loss", LOSSES)
async def test_an_object_that_was_created_is_in_the_list(client: Client, loss: str) -> None:
    lossy = Lossy(client.transport)
    async with late(Client(lossy, namespace=client.namespace)) as (reader, _, _):
        lossy.loses = LOSSES[loss]
        await lost(reader.create(gadget(client, size=1)))
        assert [found.metadata.name for found in await reader.list(Gadget)] == ["a"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("write", STATES)
async def test_what_was_not_stored_is_not_waited_for(client: Client, write: str, loss: str) -> None:
    lossy = Lossy(client.transport)
    lossy.stores = False
    async with late(Client(lossy, namespace=client.namespace)) as (reader, transport, _):
        await reader.create(gadget(client, size=1))
        before = await state(reader)
        transport.flows.clear()
        lossy.loses = LOSSES[loss]
        await lost(STATES[write](reader))
        lossy.loses = None
        async with asyncio.timeout(5):
            assert await state(reader) == before


@pytest.mark.parametrize("refusal", [unsent, conflict])
async def test_what_was_refused_or_never_sent_needs_no_question(
    client: Client, refusal: Callable[[], Awaitable[bytes]]
) -> None:
    lossy = Lossy(client.transport)
    lossy.stores = False
    async with late(Client(lossy, namespace=client.namespace)) as (reader, _, _):
        lossy.loses = refusal
        for write in STATES.values():
            with pytest.raises((APIConnectionError, ConflictError)):
                await write(reader)
        await state(reader)
        await reader.list(Gadget)
        assert lossy.lists == []


async def test_while_the_server_is_away_a_read_fails_and_is_not_old(client: Client) -> None:
    lossy = Lossy(client.transport)
    async with late(Client(lossy, namespace=client.namespace)) as (reader, transport, _):
        await lose_a_change(reader, lossy, transport)

        async def refuse(method: str, path: str, **arguments: Any) -> bytes:
            raise APIConnectionError("the server is away")

        lossy.request = refuse  # type: ignore[method-assign]
        with pytest.raises(APIConnectionError, match="the server is away"):
            await state(reader)
        assert await reader.get(Gadget, "a", namespace=client.namespace, wait_for_writes=False)
        del lossy.request
        transport.flows.set()
        assert await state(reader) == await state(client)


async def test_a_second_loss_while_the_first_is_asked_about(client: Client) -> None:
    lossy = Lossy(client.transport)
    async with late(Client(lossy, namespace=client.namespace)) as (reader, transport, _):
        await lose_a_change(reader, lossy, transport)
        request = lossy.request
        asked: list[str] = []

        async def asking(method: str, path: str, **arguments: Any) -> bytes:
            answer = await request(method, path, **arguments)
            if method == "GET" and not asked:
                asked.append(path)
                lossy.loses = broken
                await lost(reader.apply(gadget(client, size=3)))
                lossy.loses = None
            return answer

        lossy.request = asking  # type: ignore[method-assign]
        reading = asyncio.create_task(state(reader))
        await asyncio.sleep(0.2)
        transport.flows.set()
        assert await reading == await state(client)
        assert asked


async def test_what_leaves_the_selection_of_a_cache(client: Client) -> None:
    lossy = Lossy(client.transport)
    mine = Client(lossy, namespace=client.namespace)
    cache = Cache(lossy, namespaces=(client.namespace,))
    cache.configure(Gadget, label_selector="team=a")
    cache.informer(Gadget)
    running = asyncio.create_task(cache.run())
    try:
        await cache.wait_for_sync()
        reader = CachedClient(mine, cache)
        for team, seen in (("a", True), ("b", False), ("a", True)):
            obj = gadget(client, size=1)
            obj.metadata.labels = {"team": team}
            lossy.loses = broken
            await lost(reader.apply(obj))
            lossy.loses = None
            assert bool(await state(reader)) is seen
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_another_namespace_is_not_asked_about(client: Client) -> None:
    """An operator that watches some namespaces may not list elsewhere."""
    lossy = Lossy(client.transport)
    mine = Client(lossy, namespace=client.namespace)
    async with late(mine) as (reader, _, _):
        lossy.loses = broken
        lossy.stores = False
        other = gadget(client)
        other.metadata.namespace = "elsewhere"
        await lost(reader.apply(other))
        lossy.loses = None
        assert await reader.list(Gadget) == []
        assert lossy.lists == []


@pytest.mark.parametrize("name", ["a", "system:a", "with,comma", "with=sign", "back\\slash"])
async def test_names_that_a_selector_must_escape(client: Client, name: str) -> None:
    lossy = Lossy(client.transport)
    async with late(Client(lossy, namespace=client.namespace), ClusterRole) as (reader, _, _):
        lossy.loses = broken
        await lost(reader.create(ClusterRole(metadata=ObjectMeta(name=name))))
        lossy.loses = None
        try:
            assert (await reader.get(ClusterRole, name)).metadata is not None
        finally:
            await client.delete(ClusterRole, name)


async def test_a_name_of_the_server_s_is_not_known(client: Client) -> None:
    lossy = Lossy(client.transport)
    async with late(Client(lossy, namespace=client.namespace)) as (reader, _, _):
        lossy.loses = broken
        made = gadget(client, size=1)
        made.metadata.name, made.metadata.generateName = None, "g-"
        await lost(reader.create(made))
        lossy.loses = None
        await reader.list(Gadget)
        assert lossy.lists == []
