"""An apply that would change nothing is not sent, what differs is put right: on the fake and on a real API server."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import NamespacedClient
from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.client import Client, MetadataClient
from kaiwu_runtime.testing import eventually

from .api import Gadget, GadgetSpec, GadgetStatus
from .test_apply_result_on_both import cached
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_client_on_both import gadget


async def current(client: Client, cache: Cache, kind: type[Any] = Gadget, name: str = "a") -> None:
    """Wait until the cache has the newest state of an object."""
    found = await client.find(kind, name, namespace=client.namespace)
    wanted = "" if found is None else found.metadata.resourceVersion
    key = gadget(client, name).key
    await eventually(lambda: cache.version_of(kind, key) == wanted)


def wanted(client: Client) -> Gadget:
    made = gadget(client, size=1, options={"a": "1"}, containers=[{"name": "x", "image": "y"}])
    made.metadata.labels = {"app": "a"}
    return made


async def test_it_is_sent_once(client: Client) -> None:
    async with cached(client) as (reader, transport, cache):
        first = await reader.apply(wanted(client))
        await current(client, cache)
        again = [await reader.apply(wanted(client)) for _ in range(3)]
        assert transport.sent == ["PATCH"]
        first.metadata.managedFields = None
        assert again == [first] * 3
        again[0].spec = GadgetSpec(size=5)
        assert (await reader.apply(wanted(client))).spec == first.spec, "each call returns a copy"


async def test_a_status_that_changes_all_the_time_is_no_reason(client: Client) -> None:
    async with cached(client) as (reader, transport, cache):
        await reader.apply(wanted(client))
        for number in range(3):
            found = await client.get(Gadget, "a", namespace=client.namespace)
            found.status = GadgetStatus(phase=f"phase {number}")
            await client.apply_status(found, field_manager="another")
            await current(client, cache)
            stored = await reader.apply(wanted(client))
            assert stored.status is not None
            assert stored.status.phase == f"phase {number}", "as it is stored now"
        assert transport.sent == ["PATCH"]


async def made_anew(other: Client) -> None:
    await other.delete(Gadget, "a", namespace=other.namespace)
    await other.create(wanted(other))


OTHERS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "a field": lambda other: other.patch(Gadget, "a", {"spec": {"size": 7}}, namespace=other.namespace),
    "a field taken out": lambda other: other.patch(Gadget, "a", {"spec": {"size": None}}, namespace=other.namespace),
    "a field in a list": lambda other: other.patch(
        Gadget, "a", {"spec": {"containers": [{"name": "x", "image": "z"}]}}, namespace=other.namespace
    ),
    "a label": lambda other: other.patch(
        Gadget, "a", {"metadata": {"labels": {"app": "b"}}}, namespace=other.namespace
    ),
    "by apply": lambda other: other.apply(gadget(other, size=8), field_manager="another"),
    "made anew": made_anew,
    "deleted": lambda other: other.delete(Gadget, "a", namespace=other.namespace),
}


@pytest.mark.parametrize("change", OTHERS)
async def test_what_another_client_changed_is_put_right(client: Client, change: str) -> None:
    async with cached(client) as (reader, transport, cache):
        await reader.apply(wanted(client))
        await OTHERS[change](client)
        await current(client, cache)
        await reader.apply(wanted(client))
        assert transport.sent == ["PATCH"] * 2
        stored = await client.get(Gadget, "a", namespace=client.namespace)
        assert (stored.spec, stored.metadata.labels) == (wanted(client).spec, {"app": "a"})
        await current(client, cache)
        await reader.apply(wanted(client))
        assert transport.sent == ["PATCH"] * 2


OWN: dict[str, Callable[[Client], Awaitable[object]]] = {
    "patch": lambda own: own.patch(Gadget, "a", {"spec": {"size": 7}}, namespace=own.namespace),
    "delete": lambda own: own.delete(Gadget, "a", namespace=own.namespace),
    "delete all": lambda own: own.delete_all_of(Gadget, namespace=own.namespace),
    "metadata": lambda own: MetadataClient(own).patch(
        Gadget, "a", {"metadata": {"labels": {"app": None}}}, namespace=own.namespace
    ),
    "another apply": lambda own: own.apply(gadget(own, size=5)),
    "another manager": lambda own: own.apply(gadget(own, size=5), field_manager="another"),
}


@pytest.mark.parametrize("past_the_cache", [False, True])
@pytest.mark.parametrize("change", OWN)
async def test_own_writes_count_before_the_cache_has_them(client: Client, change: str, *, past_the_cache: bool) -> None:
    async with cached(client) as (counting, _, cache):
        plain = Client(counting.transport, field_manager=client.field_manager, namespace=client.namespace)
        reader = CachedClient(plain, cache)
        await reader.apply(wanted(client))
        await current(client, cache)
        await OWN[change](plain if past_the_cache else reader)
        await reader.apply(wanted(client))
        stored = await client.get(Gadget, "a", namespace=client.namespace)
        assert (stored.spec, stored.metadata.labels) == (wanted(client).spec, {"app": "a"})


@pytest.mark.parametrize("arguments", [{"resend": True}, {"force": False}, {"remove": ["spec.free"]}])
async def test_what_has_to_be_sent_is(client: Client, arguments: dict[str, Any]) -> None:
    async with cached(client) as (reader, transport, cache):
        await reader.apply(wanted(client))
        await current(client, cache)
        await reader.apply(wanted(client), **arguments)
        assert transport.sent.count("PATCH") == 2


async def test_a_client_without_a_cache_sends_all(client: Client) -> None:
    async with cached(client) as (reader, transport, cache):
        plain = Client(reader.transport, namespace=reader.namespace)
        through = CachedClient(plain, cache)
        for each in (through, plain, plain):
            await each.apply(wanted(client))
            await current(client, cache)
        assert transport.sent == ["PATCH"] * 3


async def test_the_client_of_a_namespace_leaves_out_the_same(client: Client) -> None:
    async with cached(client) as (reader, transport, cache):
        here = NamespacedClient(reader, client.namespace)
        for _ in range(3):
            await here.apply(wanted(client))
            await current(client, cache)
        assert transport.sent == ["PATCH"]


async def test_a_kind_that_is_not_in_the_cache_is_sent(client: Client) -> None:
    async with cached(client) as (reader, transport, _):
        settings = ConfigMap(metadata=ObjectMeta(name="a", namespace=client.namespace), data={"a": "1"})
        for _ in range(3):
            await reader.apply(settings)
        assert transport.sent == ["PATCH"] * 3


async def test_a_kind_of_the_api_server_s_own(client: Client) -> None:
    async with cached(client) as (reader, transport, cache):
        cache.informer(ConfigMap)
        await cache.wait_for_sync()
        transport.sent.clear()
        settings = ConfigMap(metadata=ObjectMeta(name="a", namespace=client.namespace), data={"a": "1"})
        for _ in range(3):
            await reader.apply(settings)
            await current(client, cache, ConfigMap)
        assert transport.sent == ["PATCH"]


@pytest.mark.parametrize("seed", range(3))
async def test_an_adversary_never_wins(client: Client, seed: int) -> None:
    """Two write the same fields in random order; what is applied last, with a current cache, is what is stored."""
    chance = random.Random(seed)
    async with cached(client) as (reader, transport, cache):
        sizes = (1, 2, 3)
        for _ in range(30):
            size = chance.choice(sizes)
            act = chance.choice(("own", "own", "edit", "delete", "labels", "labels"))
            if act == "own":
                await reader.apply(gadget(client, size=size, options={"a": str(size)}))
            elif act == "edit":
                await client.apply(gadget(client, size=size), field_manager="adversary")
            elif await client.find(Gadget, "a", namespace=client.namespace) is not None:
                if act == "delete":
                    await client.delete(Gadget, "a", namespace=client.namespace)
                else:
                    change: dict[str, Any] = {"metadata": {"labels": {"x": str(size)}}}
                    await client.patch(Gadget, "a", change, namespace=client.namespace)
            if chance.random() < 0.5:
                await current(client, cache)
                await reader.apply(gadget(client, size=size, options={"a": str(size)}))
                stored = await client.get(Gadget, "a", namespace=client.namespace)
                assert stored.spec == GadgetSpec(size=size, options={"a": str(size)})
        await current(client, cache)
        await reader.apply(gadget(client, size=9))
        await current(client, cache)
        before = len(transport.sent)
        for _ in range(5):
            await reader.apply(gadget(client, size=9))
        assert len(transport.sent) == before, "at rest nothing is written"


async def test_many_objects_at_rest_are_not_written(client: Client) -> None:
    async with cached(client) as (reader, transport, cache):
        names = [f"g{number}" for number in range(40)]
        for name in names:
            await reader.apply(gadget(client, name, size=1))
        await eventually(lambda: len(cache.informer(Gadget).list()) == len(names))
        for _ in range(5):
            for name in names:
                await reader.apply(gadget(client, name, size=1))
        assert transport.sent == ["PATCH"] * len(names)
