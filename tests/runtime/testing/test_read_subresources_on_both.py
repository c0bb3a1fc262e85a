"""A read from the cache has what this process wrote through a subresource before it: on both servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from lightkube.models.apps_v1 import DeploymentSpec, DeploymentStatus
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment, DeploymentScale
from lightkube.resources.apps_v1 import DeploymentStatus as DeploymentStatusClass

from kaiwu_runtime.cache import CachedClient
from kaiwu_runtime.client import Client, PatchType, set_scale

from .api import Gear, GearSpec, GearStatus
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_read_your_writes_on_both import late


def place(own: Client) -> ObjectMeta:
    return ObjectMeta(name="a", namespace=own.namespace, labels={"app": "a"})


def gear(own: Client, count: int) -> Gear:
    return Gear(metadata=place(own), spec=GearSpec(mode="x", size=count), status=GearStatus(replicas=count))


def deployment(own: Client, count: int) -> Deployment:
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels={"app": "a"}), spec=PodSpec(containers=[Container(name="a", image="a")])
    )
    spec = DeploymentSpec(replicas=count, selector=LabelSelector(matchLabels={"app": "a"}), template=template)
    return Deployment(metadata=place(own), spec=spec, status=DeploymentStatus(replicas=count, observedGeneration=count))


def scale(own: Client, count: int) -> DeploymentScale:
    return DeploymentScale(metadata=ObjectMeta(name="a", namespace=own.namespace), spec=ScaleSpec(replicas=count))


def status_class(own: Client, count: int) -> DeploymentStatusClass:
    made = deployment(own, count)
    return DeploymentStatusClass(metadata=place(own), spec=made.spec, status=made.status)


MADE = {Gear: gear, Deployment: deployment}

Write = Callable[[CachedClient, int], Awaitable[object]]

SCALES: dict[str, tuple[type[Any], Write]] = {
    "apply of a custom resource": (Gear, lambda own, count: own.apply(gear(own, count), subresource="scale")),
    "set_scale of a custom resource": (
        Gear, lambda own, count: set_scale(own, Gear, "a", count, namespace=own.namespace)
    ),
    "apply": (Deployment, lambda own, count: own.apply(deployment(own, count), subresource="scale")),
    "apply of a scale": (Deployment, lambda own, count: own.apply(scale(own, count))),
    "patch": (
        Deployment,
        lambda own, count: own.patch(
            Deployment, "a", {"spec": {"replicas": count}}, namespace=own.namespace, subresource="scale"
        ),
    ),
    "patch of a scale": (
        Deployment,
        lambda own, count: own.patch(DeploymentScale, "a", {"spec": {"replicas": count}}, namespace=own.namespace),
    ),
}  # fmt: skip

STATUSES: dict[str, tuple[type[Any], Write]] = {
    "apply of a custom resource": (Gear, lambda own, count: own.apply(gear(own, count), subresource="status")),
    "apply_status of a custom resource": (Gear, lambda own, count: own.apply_status(gear(own, count))),
    "apply": (Deployment, lambda own, count: own.apply(deployment(own, count), subresource="status")),
    "apply of a status": (Deployment, lambda own, count: own.apply(status_class(own, count))),
    "apply_status of a status": (Deployment, lambda own, count: own.apply_status(status_class(own, count))),
    "patch of a status": (
        Deployment,
        lambda own, count: own.patch(
            DeploymentStatusClass,
            "a",
            {"status": {"replicas": count}},
            namespace=own.namespace,
            patch_type=PatchType.MERGE,
        ),
    ),
}


@pytest.mark.parametrize("write", SCALES)
async def test_a_scale(client: Client, write: str) -> None:
    kind, call = SCALES[write]
    async with late(client, kind) as (reader, _, _):
        await reader.create(MADE[kind](client, 1))
        for count in (2, 3):
            await call(reader, count)
            spec: Any = (await reader.get(kind, "a", namespace=client.namespace)).spec
            assert (spec.size if kind is Gear else spec.replicas) == count


@pytest.mark.parametrize("write", STATUSES)
async def test_a_status(client: Client, write: str) -> None:
    kind, call = STATUSES[write]
    async with late(client, kind) as (reader, _, _):
        await reader.create(MADE[kind](client, 1))
        for count in (2, 3):
            await call(reader, count)
            assert (await reader.get(kind, "a", namespace=client.namespace)).status.replicas == count
