"""Whether the claims of a StatefulSet stay when it shrinks or goes: as its retention policy says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lightkube.models.apps_v1 import StatefulSetPersistentVolumeClaimRetentionPolicy as RetentionPolicy
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import (
    Container,
    PersistentVolumeClaimSpec,
    PodSpec,
    PodTemplateSpec,
    VolumeResourceRequirements,
)
from lightkube.models.core_v1 import PersistentVolumeClaim as ClaimTemplate
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import PersistentVolumeClaim, Pod

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.testing import FakeTransport, Simulator, Timings, eventually, virtual_time, wait_for

LABELS = {"app": "db"}
POLICIES = [(deleted, scaled) for deleted in ("Retain", "Delete") for scaled in ("Retain", "Delete")]


def database(namespace: str, replicas: int, deleted: str, scaled: str) -> StatefulSet:
    claim = ClaimTemplate(
        metadata=ObjectMeta(name="data"),
        spec=PersistentVolumeClaimSpec(
            accessModes=["ReadWriteOnce"], resources=VolumeResourceRequirements(requests={"storage": "1Gi"})
        ),
    )
    pod = PodSpec(containers=[Container(name="db", image="db:1")])
    spec = StatefulSetSpec(
        serviceName="db",
        replicas=replicas,
        selector=LabelSelector(matchLabels=LABELS),
        template=PodTemplateSpec(metadata=ObjectMeta(labels=LABELS), spec=pod),
        volumeClaimTemplates=[claim],
        persistentVolumeClaimRetentionPolicy=RetentionPolicy(whenDeleted=deleted, whenScaled=scaled),
    )
    return StatefulSet(metadata=ObjectMeta(name="db", namespace=namespace), spec=spec)


async def shrink_and_delete(client: Client, namespace: str, deleted: str, scaled: str) -> tuple[list[str], list[str]]:
    """Return the claims that are left when a StatefulSet has shrunk from three Pods to one, and when it is gone."""
    key = ObjectKey(namespace, "db")
    await client.apply(database(namespace, 3, deleted, scaled))
    await wait_for(client, StatefulSet, key, lambda found: found.status is not None and found.status.readyReplicas == 3)
    await client.apply(database(namespace, 1, deleted, scaled))
    shrunk = await left(client, namespace, pods=1, claims=1 if scaled == "Delete" else 3)
    await client.delete(StatefulSet, "db", namespace=namespace)
    kept = [] if deleted == "Delete" else shrunk
    return shrunk, await left(client, namespace, pods=0, claims=len(kept))


async def left(client: Client, namespace: str, *, pods: int, claims: int) -> list[str]:
    async def look() -> tuple[list[str]] | None:
        living = list(await client.list(Pod, namespace=namespace))
        names = [str(each.metadata and each.metadata.name) for each in await named(client, namespace)]
        return (names,) if (len(living), len(names)) == (pods, claims) else None

    found: Any = await eventually(look, timeout=60, interval=0.2)
    names: list[str] = found[0]
    return names


async def named(client: Client, namespace: str) -> list[PersistentVolumeClaim]:
    return list(await client.list(PersistentVolumeClaim, namespace=namespace))


def expected(deleted: str, scaled: str) -> tuple[list[str], list[str]]:
    shrunk = ["data-db-0"] if scaled == "Delete" else ["data-db-0", "data-db-1", "data-db-2"]
    return shrunk, [] if deleted == "Delete" else shrunk


@pytest.mark.parametrize(("deleted", "scaled"), POLICIES)
def test_on_the_fake(deleted: str, scaled: str) -> None:
    with virtual_time() as clock:

        async def main() -> None:
            client = Client(FakeTransport(collect_garbage=True))
            async with Simulator(client):
                assert await shrink_and_delete(client, "x", deleted, scaled) == expected(deleted, scaled)

        clock.run(main())


@pytest.mark.envtest
@pytest.mark.parametrize(("deleted", "scaled"), POLICIES)
async def test_on_a_real_api_server(client: Client, namespace: str, deleted: str, scaled: str) -> None:
    collected = [StatefulSet, Pod, PersistentVolumeClaim]
    async with Simulator(client, timings=Timings(start=0.1), collect_garbage=collected):
        found = await shrink_and_delete(client, namespace, deleted, scaled)
        assert found == expected(deleted, scaled)


def test_a_claim_is_kept_again_when_the_policy_changes() -> None:
    with virtual_time() as clock:

        async def main() -> None:
            client = Client(FakeTransport(collect_garbage=True))
            async with Simulator(client):
                await client.apply(database("x", 1, "Delete", "Retain"))
                await clock.advance(10)
                (claim,) = await named(client, "x")
                assert claim.metadata is not None
                assert [each.kind for each in claim.metadata.ownerReferences or ()] == ["StatefulSet"]
                await client.apply(database("x", 1, "Retain", "Retain"))
                await clock.advance(10)
                (claim,) = await named(client, "x")
                assert claim.metadata is not None
                assert not claim.metadata.ownerReferences

        clock.run(main())


@pytest.mark.envtest
async def test_a_claim_in_use_stays_until_its_pod_goes(client: Client, namespace: str) -> None:
    async with Simulator(client, timings=Timings(start=0.1)):
        key = ObjectKey(namespace, "db")
        await client.apply(database(namespace, 1, "Retain", "Retain"))
        await wait_for(client, StatefulSet, key, lambda found: bool(found.status and found.status.readyReplicas))
        (before,) = await named(client, namespace)
        await client.delete(PersistentVolumeClaim, "data-db-0", namespace=namespace)
        await asyncio.sleep(1)
        (kept,) = await named(client, namespace)
        assert kept.metadata is not None
        assert kept.metadata.deletionTimestamp is not None
        await client.delete(Pod, "db-0", namespace=namespace)

        async def another() -> bool:
            found = [each.metadata for each in await named(client, namespace)]
            uids = [each.uid for each in found if each is not None and each.deletionTimestamp is None]
            return len(uids) == 1 and before.metadata is not None and before.metadata.uid not in uids

        made: bool = await eventually(another, timeout=30, interval=0.2)
        assert made
        await wait_for(client, Pod, ObjectKey(namespace, "db-0"), "Ready")
