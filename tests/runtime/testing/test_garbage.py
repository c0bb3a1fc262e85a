"""What the garbage collector of the fake takes along, and what it leaves."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.core_v1 import ConfigMap, Namespace, Secret

from kaiwu_runtime import Client
from kaiwu_runtime.testing import FakeTransport


@pytest.fixture
def client() -> Client:
    return Client(FakeTransport(collect_garbage=True))


def reference(owner: Any, *, block: bool = True) -> OwnerReference:
    kind = type(owner).__name__
    return OwnerReference(
        apiVersion="v1", kind=kind, name=owner.metadata.name, uid=owner.metadata.uid, blockOwnerDeletion=block
    )


async def make(client: Client, name: str, *owners: Any, kind: type[Any] = ConfigMap, **metadata: Any) -> Any:
    references = [reference(owner) for owner in owners]
    return await client.create(
        kind(metadata=ObjectMeta(name=name, namespace="x", ownerReferences=references or None, **metadata))
    )


async def names(client: Client, kind: type[Any] = ConfigMap) -> list[str]:
    return [obj.metadata.name for obj in await client.list(kind, namespace="x")]


async def test_descendants_go_with_their_owner(client: Client) -> None:
    top = await make(client, "top")
    middle = await make(client, "middle", top, kind=Secret)
    await make(client, "bottom", middle)
    await make(client, "other")
    await client.delete(ConfigMap, "top", namespace="x")
    assert await names(client) == ["other"]
    assert await names(client, Secret) == []


async def test_one_owner_of_two_keeps_it(client: Client) -> None:
    one, two = await make(client, "one"), await make(client, "two")
    await make(client, "shared", one, two)
    await client.delete(ConfigMap, "one", namespace="x")
    shared = await client.get(ConfigMap, "shared", namespace="x")
    assert [each.name for each in shared.metadata.ownerReferences] == ["two"]  # type: ignore[union-attr]
    await client.delete(ConfigMap, "two", namespace="x")
    assert await names(client) == []


async def test_a_successor_of_the_same_name_is_not_the_owner(client: Client) -> None:
    old = await make(client, "owner")
    await client.delete(ConfigMap, "owner", namespace="x")
    await make(client, "owner")
    await make(client, "late", old)  # its owner is gone already
    assert await names(client) == ["owner"]


async def test_an_owner_in_another_namespace_is_none(client: Client) -> None:
    elsewhere = await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="y")))
    await make(client, "stray", elsewhere)
    assert await names(client) == []
    place = await client.create(Namespace(metadata=ObjectMeta(name="place")))
    await make(client, "kept", place)
    assert await names(client) == ["kept"]


async def test_orphans_stay(client: Client) -> None:
    owner = await make(client, "owner")
    await make(client, "child", owner)
    await client.delete(ConfigMap, "owner", namespace="x", propagation="Orphan")
    child = await client.get(ConfigMap, "child", namespace="x")
    assert not child.metadata.ownerReferences  # type: ignore[union-attr]
    assert await names(client) == ["child"]


async def test_in_the_foreground_children_go_first(client: Client) -> None:
    owner = await make(client, "owner")
    await make(client, "child", owner, finalizers=["x.com/held"])
    await client.delete(ConfigMap, "owner", namespace="x", propagation="Foreground")
    assert await names(client) == ["child", "owner"]
    await client.patch(ConfigMap, "child", {"metadata": {"finalizers": None}}, namespace="x")
    assert await names(client) == []


async def test_it_is_off_by_default() -> None:
    client = Client(FakeTransport())
    owner = await make(client, "owner")
    await make(client, "child", owner)
    await client.delete(ConfigMap, "owner", namespace="x")
    assert await names(client) == ["child"]


async def owners(client: Client, name: str) -> list[str]:
    found = await client.get(ConfigMap, name, namespace="x")
    return [each.name for each in found.metadata.ownerReferences or ()]  # type: ignore[union-attr]


async def test_in_the_foreground_another_owner_keeps_a_child(client: Client) -> None:
    one, two = await make(client, "one", finalizers=["x.com/held"]), await make(client, "two")
    await make(client, "shared", one, two)
    await make(client, "child", one)
    await client.delete(ConfigMap, "one", namespace="x", propagation="Foreground")
    assert await names(client) == ["one", "shared", "two"]
    assert await owners(client, "shared") == ["two"], "it does not block the deletion any longer"
    assert (await client.get(ConfigMap, "one", namespace="x")).metadata.finalizers == ["x.com/held"]  # type: ignore[union-attr]


async def test_owners_that_are_all_deleted_in_the_foreground_keep_nothing(client: Client) -> None:
    one, two = await make(client, "one"), await make(client, "two")
    await make(client, "held", one, finalizers=["x.com/held"])
    await make(client, "shared", one, two)
    await client.delete(ConfigMap, "one", namespace="x", propagation="Foreground")
    assert await owners(client, "shared") == ["two"]
    await client.delete(ConfigMap, "two", namespace="x", propagation="Foreground")
    assert await names(client) == ["held", "one"]


async def test_a_child_without_children_is_not_deleted_in_the_foreground(client: Client) -> None:
    owner = await make(client, "owner")
    child = await make(client, "child", owner, finalizers=["x.com/held"])
    await make(client, "grandchild", child, finalizers=["x.com/held"])
    await client.delete(ConfigMap, "owner", namespace="x", propagation="Foreground")
    finalizers = {
        name: (await client.get(ConfigMap, name, namespace="x")).metadata.finalizers  # type: ignore[union-attr]
        for name in ("child", "grandchild")
    }
    assert finalizers == {"child": ["x.com/held", "foregroundDeletion"], "grandchild": ["x.com/held"]}


async def test_a_finalizer_of_a_child_says_what_becomes_of_its_children(client: Client) -> None:
    owner = await make(client, "owner")
    child = await make(client, "child", owner, finalizers=["orphan"])
    await make(client, "grandchild", child)
    await client.delete(ConfigMap, "owner", namespace="x")
    assert await names(client) == ["grandchild"]


async def test_the_owner_of_a_cluster_scoped_object_is_never_a_namespaced_one(client: Client) -> None:
    owner = await make(client, "owner")
    place = Namespace(metadata=ObjectMeta(name="place", ownerReferences=[reference(owner)]))
    await client.create(place)
    await client.delete(ConfigMap, "owner", namespace="x")
    assert await client.get(Namespace, "place"), "its reference is never resolved, so it is not collected"
    top = await client.create(Namespace(metadata=ObjectMeta(name="top")))
    await client.create(Namespace(metadata=ObjectMeta(name="below", ownerReferences=[reference(top)])))
    await client.delete(Namespace, "top")
    assert await client.find(Namespace, "below") is None
