"""What the fault kit collects for an API server that has no controllers, as that of Kubernetes does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace

from kaiwu_runtime import Client, NotFoundError
from kaiwu_runtime.testing import eventually
from kaiwu_runtime.testing.faults._real._laboratory import Laboratory

from ..test_garbage import make, names, owners, reference

pytestmark = pytest.mark.envtest


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Laboratory([], []) as laboratory:
        for name in "xy":
            await laboratory.make_namespace(name)
        async with Client.connect(laboratory.plane.kubeconfig) as client:
            yield client


async def left(client: Client, *wanted: str) -> None:
    """Wait until these ConfigMaps are left, and longer, as more may go."""

    async def look() -> bool:
        assert await names(client) == [*wanted]
        return True

    await eventually(look)  # type: ignore[arg-type]
    await asyncio.sleep(0.5)
    assert await names(client) == [*wanted]


async def clean(client: Client) -> None:
    for name in await names(client):
        with suppress(NotFoundError):
            await client.patch(ConfigMap, name, {"metadata": {"finalizers": None}}, namespace="x")
            await client.delete(ConfigMap, name, namespace="x", propagation="Background")
    await left(client)


async def test_it_collects_as_kubernetes_does(client: Client) -> None:
    one, two = await make(client, "one", finalizers=["x.com/held"]), await make(client, "two")
    await make(client, "shared", one, two)
    child = await make(client, "child", one)
    await make(client, "grandchild", child)
    await client.delete(ConfigMap, "one", namespace="x", propagation="Foreground")
    await left(client, "one", "shared", "two")
    assert await owners(client, "shared") == ["two"]
    assert (await client.get(ConfigMap, "one", namespace="x")).metadata.finalizers == ["x.com/held"]  # type: ignore[union-attr]
    await client.delete(ConfigMap, "two", namespace="x", propagation="Foreground")
    await left(client, "one")
    await clean(client)

    one, two = await make(client, "one"), await make(client, "two")
    await make(client, "shared", one, two)
    await client.delete(ConfigMap, "one", namespace="x")
    await left(client, "shared", "two")
    assert await owners(client, "shared") == ["two"], "the reference to the one that is gone is removed"
    await clean(client)

    elsewhere = await client.create(ConfigMap(metadata=ObjectMeta(name="elsewhere", namespace="y")))
    await make(client, "stray", elsewhere)
    await left(client)

    owner: Any = await make(client, "owner")
    await client.create(Namespace(metadata=ObjectMeta(name="place", ownerReferences=[reference(owner)])))
    await client.delete(ConfigMap, "owner", namespace="x")
    await left(client)
    place = await client.get(Namespace, "place")
    assert place.metadata.deletionTimestamp is None, "its reference is never resolved, so it is not collected"  # type: ignore[union-attr]
