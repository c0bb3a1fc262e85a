"""Objects by key, objects of an owner, and what an apply changed: on the fake and on a real API server."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace

from kaiwu_runtime import (
    MetadataClient,
    NamespacedClient,
    NotFoundError,
    ObjectKey,
    child_of,
    has_controller_reference,
)
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.client import Client

from .api import Gadget, GadgetSpec, GadgetStatus, Gizmo
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_client_on_both import gadget


@resource(group="unknown.example.com", version="v1")
class Unknown(CustomResource):
    pass


async def test_an_object_is_found_by_its_key(client: Client) -> None:
    created = await client.create(gadget(client, size=1))
    assert created.key == ObjectKey(client.namespace, "a")
    for found in (
        await client.get(Gadget, created.key),
        await client.find(Gadget, created.key),
        await client.find(Gadget, "a", namespace=client.namespace),
        await NamespacedClient(client, client.namespace).get(Gadget, created.key),
        await client.get(Gadget, created.key, namespace=client.namespace),
    ):
        assert found == created
    assert (await MetadataClient(client).get(Gadget, created.key)).metadata.uid == created.metadata.uid
    with pytest.raises(ValueError, match="contradicts the key"):
        await client.get(Gadget, created.key, namespace="other")


async def test_an_object_is_changed_and_deleted_by_its_key(client: Client) -> None:
    key = (await client.create(gadget(client, size=1))).key
    metadata = MetadataClient(client)
    assert (await client.patch(Gadget, key, {"spec": {"size": 2}})).spec == GadgetSpec(size=2)
    assert (await client.patch_status(Gadget, key, {"phase": "Up"})).status == GadgetStatus(phase="Up")
    assert (await metadata.patch(Gadget, key, {"metadata": {"labels": {"a": "b"}}})).metadata.labels == {"a": "b"}
    with pytest.raises(ValueError, match="contradicts the key"):
        await client.delete(Gadget, key, namespace="other")
    await client.delete(Gadget, key)
    assert await client.find(Gadget, key) is None
    key = (await client.create(gadget(client, size=1))).key
    await metadata.delete(Gadget, key)
    assert await client.find(Gadget, key) is None


async def test_an_object_that_is_not_there_is_none_and_an_unknown_kind_an_error(client: Client) -> None:
    assert await client.find(Gadget, "none", namespace=client.namespace) is None
    assert await client.find(Gadget, ObjectKey(client.namespace, "none")) is None
    with pytest.raises(NotFoundError):
        await client.find(Unknown, "none", namespace=client.namespace)


async def test_a_child_is_named_placed_and_owned(client: Client) -> None:
    owner = await client.create(gadget(client, size=1))
    child = await client.apply(child_of(owner, ConfigMap, labels={"app": "a"}, data={"size": "1"}))
    metadata: Any = child.metadata
    assert (metadata.name, metadata.namespace, metadata.labels) == ("a", client.namespace, {"app": "a"})
    assert child.data == {"size": "1"}
    assert has_controller_reference(owner, child)
    other = child_of(owner, Gadget, name="b", annotations={"x": "y"}, spec=GadgetSpec(size=3))
    stored = await client.apply(other)
    assert (stored.key.name, stored.metadata.annotations, stored.spec) == ("b", {"x": "y"}, GadgetSpec(size=3))


def test_a_child_that_cannot_be_placed_is_refused() -> None:
    cluster_wide = Gizmo(metadata=ObjectMeta(name="all", uid="u"))
    assert child_of(cluster_wide, ConfigMap, namespace="a").metadata.namespace == "a"  # type: ignore[union-attr]
    assert child_of(cluster_wide, Namespace).metadata.namespace is None  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="ConfigMap all needs namespace="):
        child_of(cluster_wide, ConfigMap)
    namespaced = Gadget(metadata=ObjectMeta(name="a", namespace="here", uid="u"))
    with pytest.raises(ValueError, match="namespace"):
        child_of(namespaced, ConfigMap, namespace="there")
    with pytest.raises(ValueError, match="uid"):
        child_of(Gadget(metadata=ObjectMeta(name="a", namespace="here")), ConfigMap)


async def test_conditions_are_set_on_what_was_read(client: Client) -> None:
    created = await client.create(gadget(client))
    created.status = GadgetStatus()
    assert created.status.conditions.set("Ready", True, reason="Up")
    stored = await client.apply_status(created)
    assert stored.status is not None
    assert stored.status.conditions.is_true("Ready")
    assert not stored.status.conditions.set("Ready", "True", reason="Up")
    found = stored.status.conditions.get("Ready")
    assert found is not None
    assert found.reason == "Up"
