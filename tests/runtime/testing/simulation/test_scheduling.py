"""Pods that fit on no node stay pending, say so, and run once there is room: on the fake and on a real API server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import (
    Affinity,
    Container,
    PodAffinityTerm,
    PodAntiAffinity,
    PodSpec,
    PodTemplateSpec,
    ResourceRequirements,
)
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment, ReplicaSet, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod
from lightkube.resources.events_v1 import Event

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.testing import FakeTransport, SimulatedNode, Simulator, Timings, eventually, wait_for

from ..stories import Story, writes_at_rest

LABELS = {"app": "db"}
QUICK = Timings(start=0.1, restart=0.5, job=0.2, eviction=1.0)

STORIES: dict[str, Story] = {}


def story(function: Story) -> Story:
    STORIES[function.__name__] = function
    return function


def nodes() -> list[SimulatedNode]:
    return [SimulatedNode(name, {"cpu": "2", "memory": "4Gi", "pods": 5}) for name in ("n1", "n2")]


def database(namespace: str, replicas: int, cpu: str = "1", *, apart: bool = False) -> StatefulSet:
    term = PodAffinityTerm(labelSelector=LabelSelector(matchLabels=LABELS), topologyKey="kubernetes.io/hostname")
    rule = PodAntiAffinity(requiredDuringSchedulingIgnoredDuringExecution=[term])
    pod = PodSpec(
        containers=[Container(name="db", image="db:1", resources=ResourceRequirements(requests={"cpu": cpu}))],
        affinity=Affinity(podAntiAffinity=rule) if apart else None,
    )
    spec = StatefulSetSpec(
        serviceName="db",
        replicas=replicas,
        selector=LabelSelector(matchLabels=LABELS),
        template=PodTemplateSpec(metadata=ObjectMeta(labels=LABELS), spec=pod),
    )
    return StatefulSet(metadata=ObjectMeta(name="db", namespace=namespace), spec=spec)


def scheduled(pod: Pod) -> Any:
    conditions = (pod.status and pod.status.conditions) or ()
    return next((each for each in conditions if each.type == "PodScheduled"), None)


def unschedulable(pod: Pod) -> bool:
    found = scheduled(pod)
    return found is not None and (found.status, found.reason) == ("False", "Unschedulable")


def ready(count: int) -> Callable[[StatefulSet], bool]:
    return lambda found: found.status is not None and found.status.readyReplicas == count


async def until(check: Callable[[], Awaitable[object]], seconds: float = 60.0) -> None:
    async def look() -> bool:
        return bool(await check())

    done: bool = await eventually(look, timeout=seconds, interval=0.2)
    assert done


async def notes(client: Client, namespace: str, name: str) -> list[str | None]:
    found = await client.list(Event, namespace=namespace)
    return [each.note for each in found if each.regarding and each.regarding.name == name]


async def settled(client: Client, namespace: str, names: dict[str, str]) -> None:
    async def check() -> bool:
        found = await client.list(Pod, namespace=namespace)
        placed = {pod.metadata.name: pod.status and pod.status.nominatedNodeName for pod in found if pod.metadata}
        return placed == names

    await until(check)


@story
async def what_requests_too_much_waits_for_a_node(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(database(namespace, 1, "3"))
    key = ObjectKey(namespace, "db-0")
    pending = await wait_for(client, Pod, key, unschedulable)
    said = "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: "
    said += "2 Preemption is not helpful for scheduling."
    assert pending.status is not None
    assert pending.status.phase == "Pending"
    assert scheduled(pending).message == said
    await until(lambda: notes(client, namespace, "db-0"))
    assert await notes(client, namespace, "db-0") == [said]
    simulator.add_node(SimulatedNode("n3", {"cpu": "4"}))
    await wait_for(client, StatefulSet, ObjectKey(namespace, "db"), ready(1))
    found = await client.get(Pod, key)
    assert found.status is not None
    assert (found.status.phase, found.status.nominatedNodeName) == ("Running", "n3")
    assert scheduled(found).status == "True"
    assert scheduled(found).message is None


@story
async def members_apart_need_a_node_each(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(database(namespace, 3, apart=True))
    pending = await wait_for(client, Pod, ObjectKey(namespace, "db-2"), unschedulable)
    assert "2 node(s) didn't match pod anti-affinity rules" in scheduled(pending).message
    simulator.add_node("n3")
    await wait_for(client, StatefulSet, ObjectKey(namespace, "db"), ready(3))
    placed = [pod.status.nominatedNodeName for pod in await client.list(Pod, namespace=namespace) if pod.status]
    assert sorted(map(str, placed)) == ["n1", "n2", "n3"]


@story
async def what_goes_makes_room(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(database(namespace, 3, "2"))
    await wait_for(client, Pod, ObjectKey(namespace, "db-2"), unschedulable)
    await client.delete(Pod, "db-0", namespace=namespace)

    async def at_last() -> bool:
        found = await client.list(Pod, namespace=namespace)
        return sum(map(unschedulable, found)) == 1 and sum(1 for pod in found if not unschedulable(pod)) == 2

    await until(at_last)
    await client.apply(database(namespace, 2, "2"))
    await wait_for(client, StatefulSet, ObjectKey(namespace, "db"), ready(2))


@story
async def a_taint_keeps_new_pods_away(client: Client, simulator: Simulator, namespace: str) -> None:
    simulator.add_node(SimulatedNode("n1", {"cpu": "8"}, taints=["maintenance:NoSchedule"]))
    await client.apply(database(namespace, 3))
    pending = await wait_for(client, Pod, ObjectKey(namespace, "db-2"), unschedulable)
    assert scheduled(pending).message == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). preemption: "
        "0/2 nodes are available: 1 No preemption victims found for incoming pod, "
        "1 Preemption is not helpful for scheduling."
    )
    simulator.add_node(SimulatedNode("n1", {"cpu": "8"}))
    await wait_for(client, StatefulSet, ObjectKey(namespace, "db"), ready(3))
    await settled(client, namespace, {"db-0": "n2", "db-1": "n2", "db-2": "n1"})


@story
async def the_last_node_is_lost(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(database(namespace, 2, apart=True))
    await wait_for(client, StatefulSet, ObjectKey(namespace, "db"), ready(2))
    simulator.lose_node("n1")
    await until(lambda: pending_in(client, namespace), 600)
    simulator.restore_node("n1")
    await wait_for(client, StatefulSet, ObjectKey(namespace, "db"), ready(2))


async def pending_in(client: Client, namespace: str) -> list[Pod]:
    return [pod for pod in await client.list(Pod, namespace=namespace) if unschedulable(pod)]


@pytest.mark.parametrize("name", STORIES)
def test_on_the_fake(name: str) -> None:
    assert writes_at_rest(STORIES[name], nodes=nodes()) == 0, "what is settled stays so"


@pytest.fixture
async def empty_cluster(client: Client) -> None:
    """Nothing of earlier tests that is, or makes, a pod: the simulator would put it on the nodes of this test."""
    kinds: list[type[Any]] = [Deployment, ReplicaSet, StatefulSet, Job, Pod]
    for kind in kinds:
        for namespace in {found.metadata.namespace for found in await client.list(kind)}:
            await client.delete_all_of(kind, namespace=namespace, grace_period_seconds=0, propagation="Background")


@pytest.mark.envtest
@pytest.mark.usefixtures("empty_cluster")
@pytest.mark.parametrize("name", STORIES)
async def test_on_a_real_api_server(client: Client, namespace: str, name: str) -> None:
    async with Simulator(client, timings=QUICK, nodes=nodes()) as simulator:
        await STORIES[name](client, simulator, namespace)


async def test_one_simulator_takes_over_from_another() -> None:
    fake = FakeTransport(collect_garbage=True)
    client = Client(fake)
    async with Simulator(client, timings=QUICK, nodes=nodes()):
        await client.apply(database("x", 2, "2"))
        await wait_for(client, StatefulSet, ObjectKey("x", "db"), ready(2))
    before = {pod.metadata.name: pod.status for pod in await client.list(Pod, namespace="x") if pod.metadata}
    async with Simulator(client, timings=QUICK, nodes=nodes()):
        await client.apply(database("x", 3, "2"))
        await wait_for(client, Pod, ObjectKey("x", "db-2"), unschedulable)
    for name in ("db-0", "db-1"):
        found = await client.get(Pod, name, namespace="x")
        assert found.status is not None
        assert found.status.nominatedNodeName == before[name].nominatedNodeName  # type: ignore[union-attr]
