"""What an apply did, without a request to find out: on the fake and on a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime import NamespacedClient, NotFoundError, OperationResult, apply_with_result
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.client import Client, Transport
from kaiwu_runtime.testing import eventually

from ..stand_in_transport import Sent, StandInTransport
from .api import Gadget, GadgetSpec
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_client_on_both import gadget

CREATED, UPDATED, UNCHANGED = OperationResult.CREATED, OperationResult.UPDATED, OperationResult.UNCHANGED


@resource(group="unknown.example.com", version="v1")
class Unknown(CustomResource):
    pass


class Counting:
    """Passes requests on and counts them."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.sent: list[str] = []

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        self.sent.append(method)
        return await self._inner.request(method, path, **arguments)

    def stream(self, path: str, **arguments: Any) -> Any:
        return self._inner.stream(path, **arguments)

    async def close(self) -> None:
        return None


def counted(client: Client) -> tuple[Client, Counting]:
    transport = Counting(client.transport)
    return Client(transport, field_manager=client.field_manager, namespace=client.namespace), transport


@asynccontextmanager
async def cached(client: Client) -> AsyncIterator[tuple[CachedClient, Counting, Cache]]:
    """Return a client that reads from a cache which has the Gadgets."""
    plain, transport = counted(client)
    cache = Cache(transport, namespaces=(client.namespace,))
    cache.informer(Gadget)
    running = asyncio.create_task(cache.run())
    try:
        await cache.wait_for_sync()
        transport.sent.clear()
        yield CachedClient(plain, cache), transport, cache
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_without_a_cache_the_metadata_is_read_first(client: Client) -> None:
    plain, transport = counted(client)
    wanted = gadget(client, size=1)
    for expected in (CREATED, UNCHANGED):
        stored, result = await plain.apply_with_result(wanted)
        assert (result, stored.spec) == (expected, GadgetSpec(size=1))
    wanted.spec = GadgetSpec(size=2)
    stored, result = await apply_with_result(plain, wanted)
    assert (result, stored.spec) == (UPDATED, GadgetSpec(size=2))
    assert transport.sent == ["GET", "PATCH"] * 3


async def test_an_object_that_was_read_needs_no_other_read(client: Client) -> None:
    plain, transport = counted(client)
    read = await client.apply(gadget(client, size=1))
    assert await plain.apply_with_result(read) == (read, UNCHANGED)
    read.spec = GadgetSpec(size=2)
    assert (await plain.apply_with_result(read))[1] is UPDATED
    assert transport.sent == ["PATCH"] * 2


async def test_with_a_cache_nothing_is_read_however_late_it_is(client: Client) -> None:
    async with cached(client) as (reader, transport, cache):
        wanted = gadget(client, size=1)
        results = [(await reader.apply_with_result(wanted))[1] for _ in range(3)]
        wanted.spec = GadgetSpec(size=2)
        results += [(await reader.apply_with_result(wanted))[1] for _ in range(3)]
        assert results == [CREATED, UNCHANGED, UNCHANGED, UPDATED, UNCHANGED, UNCHANGED]
        assert transport.sent == ["PATCH"] * 6
        stored = await client.get(Gadget, "a", namespace=reader.namespace)
        await eventually(lambda: cache.version_of(Gadget, stored.key) == stored.metadata.resourceVersion)
        another = CachedClient(reader, cache)  # which has applied nothing itself
        assert (await another.apply_with_result(wanted))[1] is UNCHANGED
        assert transport.sent == ["PATCH"] * 7


async def test_an_object_that_was_deleted_is_created(client: Client) -> None:
    async with cached(client) as (reader, _, cache):
        stored, _ = await reader.apply_with_result(gadget(client, size=1))
        await eventually(lambda: bool(cache.version_of(Gadget, stored.key)))
        await client.delete(Gadget, "a", namespace=reader.namespace)
        assert (await reader.apply_with_result(gadget(client, size=1)))[1] is CREATED, "whatever the cache has"


async def test_a_change_by_another_client_is_not_the_apply_s_once_it_is_in_the_cache(client: Client) -> None:
    async with cached(client) as (reader, _, cache):
        stored, _ = await reader.apply_with_result(gadget(client, size=1))
        changed = await client.patch(
            Gadget, "a", {"metadata": {"labels": {"by": "another"}}}, namespace=reader.namespace
        )
        await eventually(lambda: cache.version_of(Gadget, stored.key) == changed.metadata.resourceVersion)
        assert (await reader.apply_with_result(gadget(client, size=1)))[1] is UNCHANGED


async def test_the_client_of_a_namespace_asks_the_cache_too(client: Client) -> None:
    async with cached(client) as (reader, transport, _):
        here = NamespacedClient(reader, client.namespace)
        wanted = Gadget(spec=GadgetSpec(size=1))
        wanted.metadata.name = "b"
        assert [(await here.apply_with_result(wanted))[1] for _ in range(2)] == [CREATED, UNCHANGED]
        assert transport.sent == ["PATCH"] * 2


async def test_a_transport_that_does_not_tell_what_was_created() -> None:
    """One of a project's own, from before there was an answer of its own for it."""

    class Old(StandInTransport):
        async def answer(self, sent: Sent) -> bytes:
            if sent.method == "GET":
                raise NotFoundError("not found", code=404, reason="NotFound")
            return b'{"metadata":{"name":"a","namespace":"x","uid":"u","resourceVersion":"7"}}'

    wanted = Gadget(spec=GadgetSpec(size=1))
    wanted.metadata.name, wanted.metadata.namespace = "a", "x"
    assert (await Client(Old()).apply_with_result(wanted))[1] is CREATED


async def test_a_kind_that_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(NotFoundError):
        await client.apply_with_result(Unknown(metadata=ObjectMeta(name="a", namespace=client.namespace)))
