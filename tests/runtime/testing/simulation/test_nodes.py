"""Nodes with limits: what is malformed is named, and taints keep away whom they should."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwu_runtime.client import Client
from kaiwu_runtime.testing import FakeTransport, SimulatedNode, Simulator


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "Node_1"}, "node 'Node_1' is not a valid node name"),
        ({"name": ""}, "node '' is not a valid node name"),
        ({"name": "\u0661"}, "is not a valid node name"),
        ({"name": None}, "node None is not a valid node name"),
        ({"name": "a", "capacity": {"cpu": "two"}}, r"node a: capacity\['cpu'\]: .*'two'"),
        ({"name": "a", "capacity": {"memory": "-1Gi"}}, r"node a: capacity\['memory'\]: '-1Gi' is negative"),
        ({"name": "a", "taints": ["dedicated=db"]}, "node a: invalid taint 'dedicated=db': use key=value:NoSchedule"),
        ({"name": "a", "taints": ["dedicated:Never"]}, "node a: invalid taint 'dedicated:Never'"),
        ({"name": "a", "taints": "a:NoSchedule"}, "node a: taints='a:NoSchedule': use a list"),
    ],
)
def test_what_is_malformed_is_named(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SimulatedNode(**arguments)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ("node-1", r"nodes='node-1': use a list, \['node-1'\]"),
        (["a", SimulatedNode("a")], "nodes: there are two of the name 'a'"),
        (["a b"], "node 'a b' is not a valid node name"),
    ],
)
def test_the_nodes_of_a_simulator_are_distinct(nodes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Simulator(Client(FakeTransport()), nodes=nodes)


@pytest.mark.parametrize(
    ("taint", "toleration", "away"),
    [
        ("a=b:NoSchedule", None, True),
        ("a=b:NoExecute", None, True),
        ("a=b:PreferNoSchedule", None, False),
        ("a=b:NoSchedule", {"key": "a", "value": "b"}, False),
        ("a=b:NoSchedule", {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}, False),
        ("a=b:NoSchedule", {"key": "a", "value": "c"}, True),
        ("a=b:NoSchedule", {"key": "a", "value": "b", "effect": "NoExecute"}, True),
        ("a=b:NoSchedule", {"key": "a", "operator": "Exists"}, False),
        ("a=b:NoSchedule", {"key": "c", "operator": "Exists"}, True),
        ("a=b:NoSchedule", {"operator": "Exists"}, False),
        ("a:NoSchedule", {"key": "a"}, False),
        ("a=:NoSchedule", {"key": "a", "value": ""}, False),
        ("a:NoSchedule", {"value": ""}, True),
    ],
)
def test_which_taints_keep_a_pod_away(taint: str, toleration: dict[str, str] | None, *, away: bool) -> None:
    node = SimulatedNode("a", taints=[taint])
    assert node.keeps_away([toleration] if toleration else []) is away
