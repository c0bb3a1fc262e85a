"""Rollouts are those of the controllers of Kubernetes: each story is told to both, and the states are the same.

``rollouts.json`` has the states of kube-controller-manager, which is not on every machine. Where it is (``python -m
kaiwu_runtime.envtest setup --controller-manager``), they are compared again; ``KAIWU_RECORD_ROLLOUTS=1`` records them.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane, locate
from kaiwu_runtime.errors import ControlPlaneError
from kaiwu_runtime.testing import FakeTransport, Simulator, Timings, virtual_time

from .rollouts import STORIES, Stage

TIMINGS = Timings(start=0.4)
RECORDED = Path(__file__).with_name("rollouts.json")


class Nodes(Simulator):
    """Plays the nodes only."""

    async def _sync_workloads(self, found: Any) -> None:
        del found


@pytest.fixture(scope="module")
def real() -> Iterator[ControlPlane]:
    try:
        binaries = locate(controller_manager=True)
    except ControlPlaneError:
        pytest.skip("needs kube-controller-manager: `python -m kaiwu_runtime.envtest setup --controller-manager`")
    with ControlPlane(binaries=binaries, controller_manager=True) as plane:
        yield plane


def simulated(name: str) -> list[Any]:
    """Tell a story to the simulator, and return what was noted."""
    with virtual_time() as clock:

        async def main() -> list[Any]:
            fake = FakeTransport(collect_garbage=True)
            client = Client(fake)
            async with Simulator(client, timings=TIMINGS) as simulator:
                stage = Stage(client, simulator, "x")
                await STORIES[name](stage)
                await clock.advance(1200)
                version = fake.version
                await clock.advance(1200)
            assert fake.version == version, "what is settled stays so"
            return stage.notes

        return as_json(clock.run(main()))


def played(plane: ControlPlane, name: str) -> list[Any]:
    """Tell a story to the controllers of Kubernetes, and return what was noted."""

    async def main() -> list[Any]:
        async with Client.connect(plane.kubeconfig) as client, Nodes(client, timings=TIMINGS) as simulator:
            stage = Stage(client, simulator, plane.create_namespace())
            await STORIES[name](stage)
            return stage.notes

    return as_json(asyncio.run(main()))


def as_json(notes: list[Any]) -> list[Any]:
    return list(json.loads(json.dumps(notes)))


@pytest.mark.parametrize("name", STORIES)
def test_the_simulator_does_what_was_recorded(name: str) -> None:
    assert simulated(name) == json.loads(RECORDED.read_text(encoding="utf-8"))[name]


@pytest.mark.envtest
@pytest.mark.parametrize("name", STORIES)
def test_the_controllers_of_kubernetes_do_what_was_recorded(real: ControlPlane, name: str) -> None:
    found = played(real, name)
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    if os.environ.get("KAIWU_RECORD_ROLLOUTS") == "1":
        recorded[name] = found
        RECORDED.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert found == recorded[name]
