"""Create-or-update, patches of what changed, finalizers and scale, on a real API server."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import pytest
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, EnvVar, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.client import (
    OperationResult,
    add_finalizer,
    create_or_update,
    get_scale,
    has_finalizer,
    patch_changes,
    remove_finalizer,
    set_scale,
)
from kaiwu_runtime.errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError

pytestmark = pytest.mark.envtest

FINALIZER = "example.com/cleanup"


def config_map(name: str, namespace: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data)


def meta(obj: Any) -> ObjectMeta:
    assert isinstance(obj.metadata, ObjectMeta)
    return obj.metadata


async def test_create_or_update(client: Client, namespace: str) -> None:
    def mutate(obj: ConfigMap) -> None:
        obj.data = {**(obj.data or {}), "wanted": "1"}

    created, result = await create_or_update(client, config_map("x", namespace, own="2"), mutate)
    assert (result, created.data) == (OperationResult.CREATED, {"own": "2", "wanted": "1"})
    again, result = await create_or_update(client, config_map("x", namespace), mutate)
    assert result is OperationResult.UNCHANGED
    assert meta(again).resourceVersion == meta(created).resourceVersion
    await client.patch(ConfigMap, "x", {"data": {"other": "3", "wanted": "0"}}, namespace=namespace)
    updated, result = await create_or_update(client, config_map("x", namespace), mutate)
    assert (result, updated.data) == (OperationResult.UPDATED, {"own": "2", "other": "3", "wanted": "1"})


async def test_create_or_update_with_a_coroutine_and_a_dry_run(client: Client, namespace: str) -> None:
    async def mutate(obj: ConfigMap) -> None:
        await asyncio.sleep(0)
        obj.data = {"a": "b"}

    _, result = await create_or_update(client, config_map("x", namespace), mutate, dry_run=True)
    assert result is OperationResult.CREATED
    with pytest.raises(NotFoundError):
        await client.get(ConfigMap, "x", namespace=namespace)


async def test_a_mutate_function_that_renames_is_a_mistake(client: Client, namespace: str) -> None:
    def rename(obj: ConfigMap) -> None:
        meta(obj).name = "other"

    with pytest.raises(ValueError, match="must not change the object's name"):
        await create_or_update(client, config_map("x", namespace), rename)
    assert await client.list(ConfigMap, namespace=namespace, field_selector="metadata.name=other") == []


async def test_somebody_else_writes_in_between(client: Client, namespace: str) -> None:
    async def meanwhile(obj: ConfigMap) -> None:
        await client.apply(config_map("x", namespace, theirs="1"))
        obj.data = {"ours": "1"}

    with pytest.raises(AlreadyExistsError):
        await create_or_update(client, config_map("x", namespace), meanwhile)

    async def changes_it(obj: ConfigMap) -> None:
        await client.patch(ConfigMap, "x", {"data": {"theirs": "2"}}, namespace=namespace)
        obj.data = {"ours": "1"}

    with pytest.raises(ConflictError):
        await create_or_update(client, config_map("x", namespace), changes_it)
    assert (await client.get(ConfigMap, "x", namespace=namespace)).data == {"theirs": "2"}


async def test_a_patch_of_what_changed(client: Client, namespace: str) -> None:
    await client.apply(config_map("x", namespace, a="1", b="2"))
    read = await client.get(ConfigMap, "x", namespace=namespace)
    base = deepcopy(read)
    assert await patch_changes(client, read, base) is read
    read.data = {"a": "1", "c": "3"}
    # Another writer's field, written after the read, survives where no lock is asked for.
    await client.patch(ConfigMap, "x", {"data": {"d": "4"}}, namespace=namespace)
    with pytest.raises(ConflictError):
        await patch_changes(client, read, base)
    stored = await patch_changes(client, read, base, optimistic_lock=False)
    assert stored.data == {"a": "1", "c": "3", "d": "4"}
    with pytest.raises(ValueError, match="different names"):
        await patch_changes(client, config_map("y", namespace), base)
    with pytest.raises(ValueError, match="was read from the server"):
        await patch_changes(client, config_map("x", namespace, e="5"), config_map("x", namespace))


async def test_finalizers(client: Client, namespace: str) -> None:
    obj = await client.create(config_map("x", namespace))
    assert not has_finalizer(obj, FINALIZER)
    assert not await remove_finalizer(client, obj, FINALIZER)
    assert await add_finalizer(client, obj, FINALIZER)
    assert has_finalizer(obj, FINALIZER)
    assert not await add_finalizer(client, obj, FINALIZER)
    assert await add_finalizer(client, obj, "example.com/second")
    await client.delete(ConfigMap, "x", namespace=namespace)
    deleting = await client.get(ConfigMap, "x", namespace=namespace)
    assert meta(deleting).deletionTimestamp is not None
    with pytest.raises(InvalidError):
        await add_finalizer(client, deleting, "example.com/late")
    assert await remove_finalizer(client, deleting, FINALIZER)
    assert meta(await client.get(ConfigMap, "x", namespace=namespace)).finalizers == ["example.com/second"]
    assert await remove_finalizer(client, deleting, "example.com/second")
    with pytest.raises(NotFoundError):
        await client.get(ConfigMap, "x", namespace=namespace)
    meta(deleting).finalizers = [FINALIZER]
    assert not await remove_finalizer(client, deleting, FINALIZER)


async def test_a_finalizer_of_somebody_else_is_not_dropped(client: Client, namespace: str) -> None:
    mine = await client.create(config_map("x", namespace))
    theirs = await client.get(ConfigMap, "x", namespace=namespace)
    await add_finalizer(client, theirs, "example.com/theirs")
    with pytest.raises(ConflictError):
        await add_finalizer(client, mine, FINALIZER)
    assert meta(await client.get(ConfigMap, "x", namespace=namespace)).finalizers == ["example.com/theirs"]
    for name in ("example.com/theirs",):
        await remove_finalizer(client, theirs, name)


@pytest.mark.parametrize("name", ["cleanup", "/x", "example.com/", "Example.com/x", "a b/c", ""])
async def test_what_is_no_finalizer(client: Client, namespace: str, name: str) -> None:
    with pytest.raises(ValueError, match="write a domain, a slash and a name"):
        await add_finalizer(client, config_map("x", namespace), name)


def deployment(namespace: str) -> Deployment:
    pod = PodSpec(containers=[Container(name="c", image="i", env=[EnvVar(name="A", value="1")])])
    template = PodTemplateSpec(metadata=ObjectMeta(labels={"app": "x"}), spec=pod)
    spec = DeploymentSpec(replicas=2, selector=LabelSelector(matchLabels={"app": "x"}), template=template)
    return Deployment(metadata=ObjectMeta(name="x", namespace=namespace), spec=spec)


async def test_scale(client: Client, namespace: str) -> None:
    await client.create(deployment(namespace))
    scale = await get_scale(client, Deployment, "x", namespace=namespace)
    assert scale.spec is not None
    assert scale.spec.replicas == 2
    assert (await set_scale(client, Deployment, "x", 5, namespace=namespace, dry_run=True)).spec is not None
    assert (await get_scale(client, Deployment, "x", namespace=namespace)) == scale
    key = ObjectKey(namespace, "x")
    assert await set_scale(client, Deployment, key, 5) == await get_scale(client, Deployment, key)
    read = await client.get(Deployment, "x", namespace=namespace)
    assert read.spec is not None
    assert read.spec.replicas == 5
    with pytest.raises(ValueError, match="-1 replicas"):
        await set_scale(client, Deployment, "x", -1, namespace=namespace)
    with pytest.raises(NotFoundError):
        await set_scale(client, Deployment, "absent", 1, namespace=namespace)
    with pytest.raises(NotFoundError):
        await get_scale(client, ConfigMap, "x", namespace=namespace)
