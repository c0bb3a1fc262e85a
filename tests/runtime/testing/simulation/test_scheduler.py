"""What the scheduler says of a Pod that fits nowhere, in the words of kube-scheduler 1.37 for the same nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.api import parse_quantity
from kaiwu_runtime.testing import SimulatedNode
from kaiwu_runtime.testing._simulation._scheduler import Scheduler, requests

Placed = Sequence[tuple[dict[str, Any], str]]


def node(name: str = "n1", **more: Any) -> SimulatedNode:
    return SimulatedNode(name, {"cpu": "2", "memory": "4Gi", "pods": 10, **more.pop("capacity", {})}, **more)


def pod(name: str = "p", namespace: str = "x", app: str = "db", *, apart: bool = False, **spec: Any) -> dict[str, Any]:
    asked = {each: spec.pop(each) for each in ("cpu", "memory") if each in spec}
    if apart:
        term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": spec.pop("topology", HOSTNAME)}
        rule = {"requiredDuringSchedulingIgnoredDuringExecution": [{**term, **spec.pop("term", {})}]}
        spec["affinity"] = {"podAntiAffinity": rule}
    container = {"name": "c", "image": "x", "resources": {"requests": asked}}
    metadata = {"name": name, "namespace": namespace, "labels": {"app": app}}
    return {"metadata": metadata, "spec": {"containers": [container], **spec}}


HOSTNAME = "kubernetes.io/hostname"
DEDICATED = ["dedicated=db:NoSchedule"]
ALL_FINAL = "preemption: 0/{0} nodes are available: {0} Preemption is not helpful for scheduling."
NO_VICTIM = "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."


@pytest.mark.parametrize(
    ("nodes", "placed", "asking", "said"),
    [
        ([], [], pod(), "no nodes available to schedule pods"),
        (
            [node("n1"), node("n2")],
            [],
            pod(cpu="3"),
            "0/2 nodes are available: 2 Insufficient cpu. " + ALL_FINAL.format(2),
        ),
        (
            [node("n1"), node("n2")],
            [],
            pod(cpu="3", memory="5Gi"),
            "0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory. " + ALL_FINAL.format(2),
        ),
        (
            [
                node("n1", capacity={"cpu": "1"}),
                node("n2", capacity={"memory": "1Gi"}),
                node("n3", taints=DEDICATED),
            ],
            [],
            pod(cpu="2", memory="3Gi"),
            "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) had untolerated taint(s). "
            + ALL_FINAL.format(3),
        ),
        (
            [node("n1"), node("n2"), node("n3", taints=DEDICATED), node("n4", labels={"a": "b"})],
            [],
            pod(nodeSelector={"z": "y"}),
            "0/4 nodes are available: 1 node(s) had untolerated taint(s), "
            "3 node(s) didn't match Pod's node affinity/selector. " + ALL_FINAL.format(4),
        ),
        (
            [node(capacity={"pods": 1})],
            [(pod("a"), "n1")],
            pod(),
            "0/1 nodes are available: 1 Too many pods. " + NO_VICTIM,
        ),
        (
            [node(capacity={"pods": 1})],
            [(pod("a"), "n1")],
            pod(cpu="3"),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Too many pods. " + ALL_FINAL.format(1),
        ),
        (
            [node()],
            [(pod("a", cpu="2"), "n1")],
            pod(cpu="1"),
            "0/1 nodes are available: 1 Insufficient cpu. " + NO_VICTIM,
        ),
        (
            [node()],
            [(pod("a"), "n1")],
            pod(apart=True),
            "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. " + NO_VICTIM,
        ),
        (
            [node()],
            [(pod("a", app="web", apart=True), "n1")],
            pod(),
            "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules. " + NO_VICTIM,
        ),
        (
            [node(unschedulable=True)],
            [],
            pod(cpu="1"),
            "0/1 nodes are available: 1 node(s) were unschedulable. " + ALL_FINAL.format(1),
        ),
    ],
)
def test_the_message(nodes: list[SimulatedNode], placed: Placed, asking: dict[str, Any], said: str) -> None:
    assert Scheduler(nodes, (), placed).find(asking) == ([], said)


ZONES = [node("n1", labels={"zone": "u"}), node("n2", labels={"zone": "u"}), node("n3", labels={"zone": "v"})]
APART_BY_ZONE: dict[str, Any] = {"apart": True, "topology": "zone"}


@pytest.mark.parametrize(
    ("asking", "placed", "fits"),
    [
        (pod(), [], ["n1", "n2", "n3"]),
        (pod(apart=True), [(pod("a"), "n2")], ["n1", "n3"]),
        (pod(**APART_BY_ZONE), [(pod("a"), "n2")], ["n3"]),
        (pod(apart=True, topology="rack"), [(pod("a"), "n2")], ["n1", "n2", "n3"]),
        (pod(apart=True), [(pod("a", "y"), "n2")], ["n1", "n2", "n3"]),
        (pod(apart=True, term={"namespaces": ["y"]}), [(pod("a", "y"), "n2"), (pod("b"), "n1")], ["n1", "n3"]),
        (pod(apart=True, term={"namespaceSelector": {}}), [(pod("a", "y"), "n2")], ["n1", "n3"]),
        (pod(apart=True), [({**pod("a"), "status": {"phase": "Succeeded"}}, "n2")], ["n1", "n2", "n3"]),
        (pod(cpu="2"), [({**pod("a", cpu="2"), "status": {"phase": "Failed"}}, "n2")], ["n1", "n2", "n3"]),
        (pod(nodeSelector={HOSTNAME: "n3"}), [], ["n3"]),
        (pod(nodeSelector={"zone": "u"}), [(pod("a", cpu="1"), "n1"), (pod("b", cpu="1"), "elsewhere")], ["n1", "n2"]),
    ],
)
def test_where_a_pod_fits(asking: dict[str, Any], placed: Placed, fits: list[str]) -> None:
    assert Scheduler(ZONES, (), placed).find(asking)[0] == fits


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ({"key": "zone", "operator": "In", "values": ["u"]}, ["n1", "n2"]),
        ({"key": "zone", "operator": "NotIn", "values": ["u"]}, ["n3"]),
        ({"key": "zone", "operator": "Exists"}, ["n1", "n2", "n3"]),
        ({"key": "rack", "operator": "DoesNotExist"}, ["n1", "n2", "n3"]),
        ({"key": "zone", "operator": "Gt", "values": ["1"]}, []),
    ],
)
def test_node_affinity(expression: dict[str, Any], fits: list[str]) -> None:
    terms = [{"matchExpressions": [expression]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    assert Scheduler(ZONES, (), ()).find(pod(affinity=affinity))[0] == fits


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_a_cordoned_node_can_be_tolerated(toleration: dict[str, str], *, fits: bool) -> None:
    assert bool(Scheduler([node(unschedulable=True)], (), ()).find(pod(tolerations=[toleration]))[0]) is fits


def test_reasons_of_different_nodes_are_joined() -> None:
    nodes = [node("n1", taints=DEDICATED), node("n2")]
    said = Scheduler(nodes, (), [(pod("a", cpu="2"), "n2")]).find(pod(cpu="1"))[1]
    assert said == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). preemption: 0/2 nodes are "
        "available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    )


def test_a_lost_node_takes_nothing_whatever_is_tolerated() -> None:
    asking = pod(tolerations=[{"operator": "Exists"}])
    assert Scheduler(ZONES, ["n2"], ()).find(asking)[0] == ["n1", "n3"]


def container(cpu: str, **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("1"), container("500m")]}, "1500m"),
        ({"containers": [{}]}, "0"),
        ({"containers": [{"resources": {"limits": {"cpu": "3"}}}]}, "3"),
        ({"containers": [{"resources": {"limits": {"cpu": "3"}, "requests": {"cpu": "1"}}}]}, "1"),
        ({"containers": [container("1")], "initContainers": [container("3"), container("2")]}, "3"),
        ({"containers": [container("1")], "initContainers": [container("1", restartPolicy="Always")]}, "2"),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("1", restartPolicy="Always"), container("3")],
            },
            "4",
        ),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("3"), container("1", restartPolicy="Always")],
            },
            "3",
        ),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "5"}}}, "5"),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, "1250m"),
    ],
)
def test_what_a_pod_requests(spec: dict[str, Any], cpu: str) -> None:
    assert requests({"spec": spec}).get("cpu", 0) == parse_quantity(cpu)


@given(
    limits=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=4),
    wanted=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12),
)
def test_no_node_is_ever_given_more_than_it_has(limits: list[tuple[int, int]], wanted: list[tuple[int, bool]]) -> None:
    nodes = [SimulatedNode(f"n{number}", {"cpu": cpu, "pods": pods}) for number, (cpu, pods) in enumerate(limits)]
    scheduler = Scheduler(nodes, (), ())
    placed: dict[str, list[tuple[int, bool]]] = {each.name: [] for each in nodes}
    for number, (cpu, apart) in enumerate(wanted):
        asking = pod(f"p{number}", cpu=str(cpu), apart=apart)
        fits, said = scheduler.find(asking)
        assert bool(fits) is not bool(said)
        if not fits:
            for each, (room, slots) in zip(nodes, limits, strict=True):
                there = placed[each.name]
                full = sum(used for used, _ in there) + cpu > room or len(there) == slots
                assert full or (there and (apart or any(own for _, own in there)))
            continue
        scheduler.take(asking, fits[-1])
        placed[fits[-1]].append((cpu, apart))
    for each, (room, slots) in zip(nodes, limits, strict=True):
        there = placed[each.name]
        assert sum(cpu for cpu, _ in there) <= room
        assert len(there) <= slots
        assert len(there) <= 1 or not any(apart for _, apart in there)
