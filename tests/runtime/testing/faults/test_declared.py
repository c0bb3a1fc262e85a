"""What a scenario declares: a mistake in it is one line that names the attribute or the method."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Manager
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing.faults import Cluster, Plan, Scenario, check, step


class Idle(Scenario):
    def operator(self, manager: Manager) -> None:
        pass

    @step
    async def rest(self, cluster: Cluster) -> None:
        pass


def scene(**members: Any) -> type[Scenario]:
    return type("Scene", (Idle,), members)


def ends(*_: object) -> None:
    sys.exit(0)


async def waits(*_: object) -> None:
    pass


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"quiet": "60"}, "Scene: quiet is '60': use a number of seconds greater than 0"),
        ({"limit": 0}, "Scene: limit is 0: use a number of seconds greater than 0"),
        ({"real_limit": float("nan")}, "Scene: real_limit is nan: use a number of seconds greater than 0"),
        ({"kept": "Secret"}, "Scene: kept is 'Secret': use a list, such as kept = [\"...\"]"),
        ({"ignored": "Secret.data"}, "Scene: ignored is 'Secret.data': use a list, such as ignored = [\"...\"]"),
        ({"ignored": [3]}, 'Scene: ignored is [3]: use a list, such as ignored = ["..."]'),
        ({"real_command": "main.py"}, "Scene: real_command is 'main.py': use a list, such as real_command = [\"...\"]"),
        ({"kinds": ConfigMap}, "Scene: kinds is <class 'lightkube.resources.core_v1.ConfigMap'>: use a list"),
        ({"kinds": ["Site"]}, "Scene: TypeError: 'Site' is not a Kubernetes resource"),
        ({"namespace": ""}, "Scene: namespace is '': use the name of a namespace"),
        ({"outside": lambda _: {"DNS": 1}}, "Scene.outside: 'DNS' is not a type"),
        ({"outside": ends}, "Scene.outside: SystemExit: 0"),
        ({"prepare": ends}, "Scene.prepare: SystemExit: 0"),
        ({"prepare": waits}, "Scene.prepare: define prepare without `async`"),
        ({"__init__": ends}, "Scene: SystemExit: 0"),
        ({"__init__": lambda _, value: None}, "Scene: TypeError: "),
    ],
)
def test_a_mistake_is_wrong_usage(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check(scene(**members), plan=Plan("none"))
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        (ends, "operator: SystemExit: 0"),
        (waits, "define operator without `async`"),
        (Scenario.operator, "NotImplementedError: define Scene.operator(self, manager)"),
    ],
)
def test_an_operator_that_cannot_be_set_up_is_a_finding(operator: Any, message: str) -> None:
    (found,) = check(scene(operator=operator), plan=Plan("none")).findings
    assert found.text == f"the operator cannot be set up: {message}"
