"""Objects in doubt that nothing reads: an answer to the next write ends the doubt, or every apply would be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.autoscaling_v1 import HorizontalPodAutoscaler as OfV1
from lightkube.resources.autoscaling_v2 import HorizontalPodAutoscaler as OfV2

from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane

from .api import Gadget, GadgetSpec
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_client_on_both import gadget
from .test_doubtful_writes_on_both import Lossy, broken, lose_a_change, lost, state
from .test_read_your_writes_on_both import late


@resource(group="testing.example.com", version="v1", kind="Gadget", plural="gadgets")
class OtherGadget(CustomResource):
    spec: GadgetSpec | None = None


class Writes(Lossy):
    """Counts the writes.

    Attributes:
        writes: How many there were.
    """

    writes = 0

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        self.writes += method != "GET"
        return await super().request(method, path, **arguments)


def another_cache(cache: Cache) -> Cache:
    other = Cache(cache._transport, namespaces=cache.namespaces, name="other", kind_informers=cache.kind_informers)
    other.informer(Gadget)
    return other


FURTHER: dict[str, Callable[[Cache], object]] = {
    "nothing": lambda _: None,
    "metadata": lambda cache: cache.informer(Gadget, metadata_only=True),
    "another type": lambda cache: cache.informer(OtherGadget),
    "another cache": another_cache,
}


@pytest.mark.parametrize("further", FURTHER)
async def test_the_applies_after_an_answer_are_left_out(client: Client, further: str) -> None:
    writes = Writes(client.transport)
    async with late(Client(writes, namespace=client.namespace), delay=0) as (own, _, cache):
        other = FURTHER[further](cache)
        running = asyncio.create_task(other.run()) if isinstance(other, Cache) else None
        await (other if isinstance(other, Cache) else cache).wait_for_sync()
        writes.loses = broken
        await lost(own.apply(gadget(client, size=1)))
        writes.loses = None
        async with asyncio.timeout(5):
            await settled(own, writes)
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def settled(own: CachedClient, writes: Writes) -> None:
    """Apply until nothing is sent: the watch may take a moment."""
    while True:
        before = writes.writes
        await own.apply(gadget(own, size=1))
        if writes.writes == before:
            return
        await asyncio.sleep(0.02)


async def test_a_read_after_an_answer_needs_no_question_and_waits(client: Client) -> None:
    writes = Writes(client.transport)
    async with late(Client(writes, namespace=client.namespace)) as (own, transport, _):
        await lose_a_change(own, writes, transport)
        await own.patch(Gadget, "a", {"metadata": {"labels": {"x": "y"}}}, namespace=client.namespace)
        reading = asyncio.create_task(state(own))
        await asyncio.sleep(0.05)
        assert not reading.done()
        transport.flows.set()
        assert await reading == await state(client)
        assert writes.lists == []


@pytest.mark.parametrize("earlier", [True, False])
async def test_an_answer_to_a_write_that_began_before_the_loss_tells_nothing(client: Client, earlier: bool) -> None:
    """It may have been stored before the write that was lost."""
    writes = Writes(client.transport)
    async with late(Client(writes, namespace=client.namespace)) as (own, transport, _):
        await own.create(gadget(client, size=1))
        await state(own)
        transport.flows.clear()
        if earlier:  # the doubt that the answer could end is another one
            writes.loses = broken
            await lost(own.apply(gadget(client, size=2)))
        held, request = asyncio.Event(), writes.request

        async def slow(method: str, path: str, **arguments: Any) -> bytes:
            writes.loses = None
            del writes.request
            answer = await request(method, path, **arguments)
            await held.wait()
            return answer

        writes.request = slow  # type: ignore[method-assign]
        patching = asyncio.create_task(
            own.patch(Gadget, "a", {"metadata": {"labels": {"x": "y"}}}, namespace=client.namespace)
        )
        await asyncio.sleep(0.1)
        writes.loses = broken
        await lost(own.apply(gadget(client, size=3)))
        writes.loses = None
        held.set()
        await patching
        reading = asyncio.create_task(state(own))
        await asyncio.sleep(0.1)
        transport.flows.set()
        assert await reading == await state(client)
        assert writes.lists == ["metadata.name=a"]


@pytest.mark.envtest
async def test_two_api_versions_of_one_kind(control_plane: ControlPlane, namespace: str) -> None:
    spec = {"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"}}
    async with Client.connect(control_plane.kubeconfig) as client:
        writes = Writes(client.transport)
        meta = ObjectMeta(name="a", namespace=namespace)
        async with late(Client(writes, namespace=namespace), OfV1, OfV2) as (own, transport, _):
            made = OfV1.from_dict({"metadata": meta.to_dict(), "spec": spec})
            await own.apply(made)
            for kind in (OfV1, OfV2):
                await own.get(kind, "a", namespace=namespace)
            transport.flows.clear()
            writes.loses = broken
            await lost(own.patch(OfV1, "a", {"spec": {"maxReplicas": 7}}, namespace=namespace))
            writes.loses = None
            kinds: tuple[type[Any], ...] = (OfV1, OfV2)
            readings = [asyncio.create_task(own.get(kind, "a", namespace=namespace)) for kind in kinds]
            await asyncio.sleep(0.1)
            transport.flows.set()
            assert [found.spec.maxReplicas for found in await asyncio.gather(*readings)] == [7, 7]
