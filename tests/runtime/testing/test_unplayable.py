"""What the simulator cannot play: it says so, or leaves it alone."""

from __future__ import annotations

import json

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import PersistentVolumeClaim, Pod

from kaiwu_runtime import Client
from kaiwu_runtime.testing import FakeTransport, Simulator

from .test_simulator import a_pod_crashes_and_comes_back, until

UNPLAYABLE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "bad", "namespace": "x"},
    "spec": {"replicas": "many", "selector": {}, "template": {}},
}
"""A real API server would reject it."""


async def test_what_cannot_be_played_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeTransport()

    async def look() -> bool:
        return "the simulator has failed" in caplog.text

    async def story() -> None:
        async with Simulator(Client(fake)):
            await fake.request("POST", "/apis/apps/v1/namespaces/x/deployments", body=json.dumps(UNPLAYABLE).encode())
            await until(look)
            raise AssertionError("a test that waited in vain")

    with pytest.raises(RuntimeError, match="the simulator has failed: ValueError: Deployment x/bad cannot be played"):
        await story()


async def test_objects_that_say_nothing_but_their_name_are_left_alone() -> None:
    client = Client(FakeTransport())
    async with Simulator(client) as simulator:
        for kind in (Pod, Job, PersistentVolumeClaim):
            await client.create(kind(metadata=ObjectMeta(name="bare", namespace="x")))
        await a_pod_crashes_and_comes_back(client, simulator, "x")
        assert (await client.get(Pod, "bare", namespace="x")).status is None
