"""An apply counts what this process has written in other ways, however late the watch is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import ConfigMap, PersistentVolumeClaim, Pod, Service

from kaiwu_runtime.api import ObjectKey, identify
from kaiwu_runtime.cache import Cache, CachedClient, CachedObject
from kaiwu_runtime.cache._applied_objects import AppliedObjects
from kaiwu_runtime.client import Client, MetadataClient, PatchType
from kaiwu_runtime.rest._page import decode_page

from ..testing.test_read_your_writes_on_both import Late

pytestmark = pytest.mark.envtest


@asynccontextmanager
async def operator(client: Client, namespace: str, delay: float) -> AsyncIterator[tuple[CachedClient, Late]]:
    """Return an operator's client, whose cache is late."""
    transport = Late(client.transport, lambda: delay)
    cache = Cache(transport, namespaces=[namespace])
    running = asyncio.create_task(cache.run())
    reader = CachedClient(Client(transport, field_manager="operator"), cache)
    await reader.list(ConfigMap)
    try:
        yield reader, transport
    finally:
        transport.flows.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def config(key: ObjectKey, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=key.name, namespace=key.namespace), data=data)


async def made_anew(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    await other.delete(ConfigMap, key)
    await mine.create(config(key, a="seed"))


async def made_anew_with_a_generated_name(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    """Create it under a name that the API server could have chosen."""
    await other.delete(ConfigMap, key)
    await mine.create(config(key, a="seed"))
    metadata = ObjectMeta(generateName="generated-", namespace=key.namespace)
    await mine.create(ConfigMap(metadata=metadata, data={"a": "seed"}))


async def patched(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    await mine.patch(ConfigMap, key, {"data": {"a": "patched"}})


async def patched_while_applied(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    await asyncio.gather(
        mine.apply(config(key, a="1", b="2"), resend=True), mine.patch(ConfigMap, key, {"data": {"a": "patched"}})
    )


async def patched_through_metadata(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    await MetadataClient(mine).patch(ConfigMap, key, {"data": {"a": "patched"}})


async def scaled_down(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    await mine.patch(ConfigMap, key, [{"op": "remove", "path": "/data/b"}], patch_type=PatchType.JSON)


async def applied_in_part(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    await mine.apply(config(key, a="1"))


async def applied_by_a_second_manager(mine: CachedClient, other: Client, key: ObjectKey) -> None:
    await mine.apply(config(key, a="second"), field_manager="second")


@pytest.mark.parametrize("delay", [0.0, 0.05])
@pytest.mark.parametrize(
    "write",
    [
        made_anew,
        made_anew_with_a_generated_name,
        patched,
        patched_while_applied,
        patched_through_metadata,
        scaled_down,
        applied_in_part,
        applied_by_a_second_manager,
    ],
)
async def test_the_apply_after_another_write_of_this_process_is_sent(
    client: Client, namespace: str, write: Callable[[CachedClient, Client, ObjectKey], Awaitable[None]], delay: float
) -> None:
    async with operator(client, namespace, delay) as (mine, _):
        for number in range(10):
            key = ObjectKey(namespace, f"c{number}")
            await mine.apply(config(key, a="1", b="2"))
            await mine.get(ConfigMap, key)  # once the cache has it
            await write(mine, client, key)
            applied = await mine.apply(config(key, a="1", b="2"))
            found = await client.get(ConfigMap, key)
            assert found.data == applied.data == {"a": "1", "b": "2"}
            assert found.metadata is not None
            assert applied.metadata is not None
            assert found.metadata.uid == applied.metadata.uid


async def test_applies_of_two_managers_are_left_out_at_rest(client: Client, namespace: str) -> None:
    key = ObjectKey(namespace, "two")
    async with operator(client, namespace, 0.0) as (mine, _):

        async def reconcile() -> str:
            await mine.apply(config(key, a="1"))
            await mine.apply(config(key, b="2"), field_manager="second")
            return (await mine.get(ConfigMap, key)).metadata.resourceVersion or ""  # type: ignore[union-attr]

        await reconcile()
        await reconcile()
        sent = count_patches(mine)
        versions = [await reconcile() for _ in range(3)]
        assert len(set(versions)) == 1
        assert sent == []
        await client.patch(ConfigMap, key, {"data": {"b": "other"}})
        await asyncio.sleep(0.2)
        await reconcile()
        assert (await client.get(ConfigMap, key)).data == {"a": "1", "b": "2"}


def count_patches(client: Client) -> list[str]:
    """Return a list to which the path of each PATCH is added."""
    sent = list[str]()
    request = client.transport.request

    async def counted(method: str, path: str, **options: Any) -> bytes:
        if method == "PATCH":
            sent.append(path)
        return await request(method, path, **options)

    client.transport.request = counted  # type: ignore[method-assign]
    return sent


TEMPLATE = {
    "metadata": {"labels": {"x": "y"}},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
SELECTOR = {"selector": {"matchLabels": {"x": "y"}}, "template": TEMPLATE}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.mark.parametrize(
    ("kind", "spec", "status"),
    [
        (Deployment, SELECTOR, {"replicas": 3}),
        (StatefulSet, {**SELECTOR, "serviceName": "s"}, {"replicas": 3}),
        (
            Service,
            {"type": "LoadBalancer", "ports": [{"port": 80}]},
            {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}},
        ),
        (Pod, TEMPLATE["spec"], {"phase": "Running"}),
        (PersistentVolumeClaim, CLAIM, {"phase": "Lost"}),
    ],
)
async def test_a_state_from_a_list_is_the_one_from_a_watch(
    client: Client, namespace: str, kind: type[Any], spec: dict[str, Any], status: dict[str, Any]
) -> None:
    identity = identify(kind)
    path = identity.path(namespace, "listed")
    metadata = {"name": "listed", "namespace": namespace}
    body = {"apiVersion": identity.api_version, "kind": identity.kind, "metadata": metadata, "spec": spec}
    encoded = json.dumps(body).encode()
    params = {"fieldManager": "operator", "force": "true"}
    answer = await client.transport.request(
        "PATCH", path, params=params, body=encoded, content_type="application/apply-patch+yaml"
    )
    await client.transport.request(
        "PATCH",
        f"{path}/status",
        body=json.dumps({"status": status}).encode(),
        content_type="application/merge-patch+json",
    )
    collection = decode_page(await client.transport.request("GET", identity.path(namespace)), identity.path(namespace))
    (listed,) = (bytes(item) for item in collection.items or () if b'"listed"' in bytes(item))

    class Listed:
        def whole(self, kind: type[Any], key: ObjectKey) -> CachedObject:
            return CachedObject.parse(listed)

    applies = AppliedObjects(Listed())
    version = applies.sent(kind, path, "operator", encoded, answer)
    assert CachedObject.parse(listed).resource_version != version, "the status has changed"
    assert applies.unchanged(kind, ObjectKey(namespace, "listed"), path, "operator", encoded) is not None
