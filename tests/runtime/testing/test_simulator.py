"""Workloads run without a node: on the fake in virtual time, and on a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from lightkube.models.apps_v1 import DeploymentSpec, StatefulSetSpec
from lightkube.models.batch_v1 import JobSpec
from lightkube.models.core_v1 import (
    Container,
    PersistentVolumeClaimSpec,
    PodSpec,
    PodTemplateSpec,
    VolumeResourceRequirements,
)
from lightkube.models.core_v1 import (
    PersistentVolumeClaim as ClaimTemplate,
)
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta, OwnerReference
from lightkube.resources.apps_v1 import Deployment, ReplicaSet, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import ConfigMap, Namespace, PersistentVolumeClaim, Pod

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.client import set_controller_reference
from kaiwu_runtime.testing import FakeTransport, Simulator, Timings, eventually, wait_for

from .stories import Story, writes_at_rest

LABELS = {"app": "a"}
QUICK = Timings(start=0.1, restart=0.5, job=1.0, eviction=4.0)

T = TypeVar("T")
STORIES: dict[str, Story] = {}


def story(function: Story) -> Story:
    STORIES[function.__name__] = function
    return function


async def until(check: Callable[[], Awaitable[T]], seconds: float = 30.0) -> T:
    """Wait for something that does not come at once: in virtual time each look costs more than the time between."""
    found: T = await eventually(check, timeout=seconds, interval=0.2)
    return found


def template(image: str = "web:1", **more: Any) -> PodTemplateSpec:
    spec = PodSpec(containers=[Container(name="web", image=image)], **more)
    return PodTemplateSpec(metadata=ObjectMeta(labels=LABELS), spec=spec)


def stateful_set(namespace: str, replicas: int, image: str = "web:1", **more: Any) -> StatefulSet:
    claim = ClaimTemplate(
        metadata=ObjectMeta(name="data"),
        spec=PersistentVolumeClaimSpec(
            accessModes=["ReadWriteOnce"], resources=VolumeResourceRequirements(requests={"storage": "1Gi"})
        ),
    )
    spec = StatefulSetSpec(
        serviceName="db",
        replicas=replicas,
        selector=LabelSelector(matchLabels=LABELS),
        template=template(image),
        volumeClaimTemplates=[claim],
        **more,
    )
    return StatefulSet(metadata=ObjectMeta(name="db", namespace=namespace), spec=spec)


def deployment(namespace: str, replicas: int, image: str = "web:1") -> Deployment:
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(matchLabels=LABELS), template=template(image))
    return Deployment(metadata=ObjectMeta(name="web", namespace=namespace), spec=spec)


def job(namespace: str, **more: Any) -> Job:
    spec = JobSpec(template=template(restartPolicy="Never"), **more)
    return Job(metadata=ObjectMeta(name="once", namespace=namespace), spec=spec)


async def pods(client: Client, namespace: str) -> dict[str, Pod]:
    return {pod.metadata.name: pod for pod in await client.list(Pod, namespace=namespace)}  # type: ignore[union-attr, misc]


def ready(pod: Pod) -> bool:
    conditions = (pod.status and pod.status.conditions) or ()
    return any(each.type == "Ready" and each.status == "True" for each in conditions)


def rolled_out(count: int) -> Callable[[Any], bool]:
    def check(found: Any) -> bool:
        status = found.status
        return (
            status is not None
            and status.observedGeneration == found.metadata.generation
            and (status.updatedReplicas, status.readyReplicas, status.replicas) == (count, count, count)
        )

    return check


@story
async def a_stateful_set_grows_in_order_and_keeps_its_volumes(
    client: Client, simulator: Simulator, namespace: str
) -> None:
    key = ObjectKey(namespace, "db")
    await client.apply(stateful_set(namespace, 3))
    await wait_for(client, StatefulSet, key, rolled_out(3))
    found = await pods(client, namespace)
    assert list(found) == ["db-0", "db-1", "db-2"]
    made = [int(found[name].metadata.resourceVersion or 0) for name in found]  # type: ignore[union-attr]
    assert made == sorted(made)
    first = found["db-0"]
    assert first.spec is not None
    assert first.spec.hostname == "db-0"
    assert [
        each.persistentVolumeClaim.claimName for each in first.spec.volumes or () if each.persistentVolumeClaim
    ] == ["data-db-0"]
    await client.apply(stateful_set(namespace, 1))
    await wait_for(client, StatefulSet, key, rolled_out(1))
    assert list(await pods(client, namespace)) == ["db-0"]
    claims = [each.metadata.name for each in await client.list(PersistentVolumeClaim, namespace=namespace)]  # type: ignore[union-attr]
    assert claims == ["data-db-0", "data-db-1", "data-db-2"], "volumes stay"


@story
async def a_stateful_set_is_updated_from_its_end(client: Client, simulator: Simulator, namespace: str) -> None:
    key = ObjectKey(namespace, "db")
    await client.apply(stateful_set(namespace, 2))
    before = await wait_for(client, StatefulSet, key, rolled_out(2))
    uids = {name: pod.metadata.uid for name, pod in (await pods(client, namespace)).items()}  # type: ignore[union-attr]
    await client.apply(stateful_set(namespace, 2, "web:2"))
    after = await wait_for(client, StatefulSet, key, rolled_out(2))
    assert after.status is not None
    assert before.status is not None
    assert after.status.currentRevision == after.status.updateRevision != before.status.currentRevision
    found = await pods(client, namespace)
    assert {pod.spec.containers[0].image for pod in found.values()} == {"web:2"}  # type: ignore[union-attr]
    assert all(pod.metadata.uid != uids[name] for name, pod in found.items())  # type: ignore[union-attr]


@story
async def a_deployment_replaces_its_replica_set(client: Client, simulator: Simulator, namespace: str) -> None:
    key = ObjectKey(namespace, "web")
    await client.apply(deployment(namespace, 2))
    await wait_for(client, Deployment, key, "Available")
    await client.apply(deployment(namespace, 3, "web:2"))
    await wait_for(client, Deployment, key, rolled_out(3))
    await until(lambda: all_of(client, namespace, "web:2", 3))
    sets = await client.list(ReplicaSet, namespace=namespace)
    assert sorted(each.spec.replicas or 0 for each in sets if each.spec) == [0, 3]
    hashes = {each.metadata.labels["pod-template-hash"] for each in sets}  # type: ignore[union-attr, index]
    assert len(hashes) == 2


async def all_of(client: Client, namespace: str, image: str, count: int) -> bool:
    found = (await pods(client, namespace)).values()
    images = [pod.spec.containers[0].image for pod in found if pod.spec]
    return images == [image] * count


@story
async def a_job_completes(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(job(namespace, completions=3, parallelism=2))
    done = await wait_for(client, Job, ObjectKey(namespace, "once"), "Complete")
    assert done.status is not None
    assert (done.status.succeeded, done.status.active or 0) == (3, 0)
    assert done.status.completionTime is not None
    assert len(await pods(client, namespace)) == 3


@story
async def a_job_fails_when_its_pods_do(client: Client, simulator: Simulator, namespace: str) -> None:
    async def one_runs() -> list[str]:
        found = await pods(client, namespace)
        return [name for name, pod in found.items() if pod.status and pod.status.phase == "Running"]

    await client.apply(job(namespace, backoffLimit=0))
    name = (await until(one_runs))[0]
    await simulator.fail(namespace, name)
    done = await wait_for(client, Job, ObjectKey(namespace, "once"), "Failed")
    assert done.status is not None
    assert done.status.failed == 1


@story
async def a_pod_crashes_and_comes_back(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(stateful_set(namespace, 1))
    key = ObjectKey(namespace, "db")
    await wait_for(client, StatefulSet, key, rolled_out(1))
    await simulator.crash(namespace, "db-0")
    await wait_for(client, Pod, ObjectKey(namespace, "db-0"), lambda pod: not ready(pod))
    await wait_for(client, StatefulSet, key, lambda found: not (found.status and found.status.readyReplicas))
    back = await wait_for(client, Pod, ObjectKey(namespace, "db-0"), ready)
    assert back.status is not None
    assert back.status.containerStatuses is not None
    assert back.status.containerStatuses[0].restartCount == 1
    with pytest.raises(LookupError, match=f"Pod {namespace}/missing: there is none"):
        await simulator.crash(namespace, "missing")


@story
async def pods_of_a_lost_node_are_replaced(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(deployment(namespace, 3))
    await wait_for(client, Deployment, ObjectKey(namespace, "web"), rolled_out(3))
    placed = (await pods(client, namespace)).values()
    lost = next(pod.status.nominatedNodeName for pod in placed if pod.status and pod.status.nominatedNodeName)
    simulator.lose_node(lost)

    async def some_are_not_ready() -> bool:
        return not all(map(ready, (await pods(client, namespace)).values()))

    await until(some_are_not_ready)

    async def replaced() -> bool:
        found = (await pods(client, namespace)).values()
        elsewhere = [pod for pod in found if pod.status and pod.status.nominatedNodeName != lost]
        return len(found) == len(elsewhere) == 3 and all(map(ready, found))

    await until(replaced, 400.0)


@story
async def dependents_go_with_their_owner(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(deployment(namespace, 2))
    owner = await wait_for(client, Deployment, ObjectKey(namespace, "web"), rolled_out(2))
    settings = ConfigMap(metadata=ObjectMeta(name="settings", namespace=namespace))
    set_controller_reference(owner, settings)
    await client.apply(settings)
    await client.create(ConfigMap(metadata=ObjectMeta(name="other", namespace=namespace)))
    await client.delete(Deployment, "web", namespace=namespace)

    async def gone() -> bool:
        left = [*await client.list(ReplicaSet, namespace=namespace), *await client.list(Pod, namespace=namespace)]
        names = [each.metadata.name for each in await client.list(ConfigMap, namespace=namespace)]  # type: ignore[union-attr]
        return not left and "settings" not in names

    await until(gone)
    await client.get(ConfigMap, "other", namespace=namespace)


@pytest.mark.parametrize("name", STORIES)
def test_on_the_fake(name: str) -> None:
    assert writes_at_rest(STORIES[name]) == 0, "what is settled stays so"


@pytest.mark.envtest
@pytest.mark.parametrize("name", STORIES)
async def test_on_a_real_api_server(client: Client, namespace: str, name: str) -> None:
    simulator = Simulator(client, timings=QUICK, collect_garbage=[Deployment, ReplicaSet, ConfigMap])
    async with simulator:
        await STORIES[name](client, simulator, namespace)


async def test_it_does_not_collect_a_cluster_scoped_object_with_a_namespaced_owner() -> None:
    client = Client(FakeTransport())
    owner = await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="x")))
    kept = OwnerReference(apiVersion="v1", kind="ConfigMap", name="a", uid=owner.metadata.uid or "")  # type: ignore[union-attr]
    await client.create(Namespace(metadata=ObjectMeta(name="place", ownerReferences=[kept])))
    await client.create(ConfigMap(metadata=ObjectMeta(name="b", namespace="x", ownerReferences=[kept])))
    await client.delete(ConfigMap, "a", namespace="x")
    async with Simulator(client, collect_garbage=[ConfigMap, Namespace]):

        async def collected() -> bool:
            return await client.find(ConfigMap, "b", namespace="x") is None

        await until(collected)
        await client.get(Namespace, "place")


async def test_it_is_busy_until_its_pods_are_ready() -> None:
    """So that a run of the fault kit does not count a Pod that is about to start as its end state."""
    client = Client(FakeTransport())
    simulator = Simulator(client, timings=Timings(start=0.6))
    assert not simulator.is_busy(60.0), "nothing has begun"
    async with simulator:
        await client.apply(deployment("default", 1))
        await until(lambda: _busy(simulator), 5.0)
        while True:
            busy = simulator.is_busy(1.0)
            if any(map(ready, (await pods(client, "default")).values())):
                break
            assert busy
            await asyncio.sleep(0.01)
        await until(lambda: _busy(simulator, expected=False), 5.0)


async def _busy(simulator: Simulator, *, expected: bool = True) -> bool:
    return simulator.is_busy(1.0) is expected
