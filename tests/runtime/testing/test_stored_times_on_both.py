"""Times in Kubernetes' own kinds: the fake stores each as a real API server does; the same time changes nothing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Event, Pod

from kaiwu_runtime.client import Client
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._stored_times import with_stored_times

from .api import Gadget
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture

Write = Callable[[Client, str], Awaitable[Any]]

WHOLE = "2026-01-02T03:04:05Z"
TIMES = [WHOLE, "2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.9Z", "2026-01-02T05:04:05.5+02:00"]
MICRO = "2026-01-02T03:04:05.678901Z"
MICRO_TIMES = [MICRO, "2026-01-02T05:04:05.678901+02:00"]
TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "b"}], "restartPolicy": "Never"}}


async def _status(client: Client, kind: type[Any], status: dict[str, Any]) -> Any:
    return await client.patch(kind, "a", {"status": status}, namespace=client.namespace, subresource="status")


async def pod(client: Client, time: str) -> Any:
    running = {"name": "a", "image": "b", "imageID": "", "ready": True, "restartCount": 0}
    return await _status(
        client,
        Pod,
        {
            "startTime": time,
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": time}],
            "containerStatuses": [{**running, "state": {"running": {"startedAt": time}}}],
        },
    )


async def cron_job(client: Client, time: str) -> Any:
    return await _status(client, CronJob, {"lastScheduleTime": time})


async def event(client: Client, time: str) -> Any:
    changed = {"lastTimestamp": time, "firstTimestamp": time}
    return await client.patch(Event, "a", changed, namespace=client.namespace)


async def lease(client: Client, time: str) -> Any:
    return await client.patch(Lease, "a", {"spec": {"renewTime": time}}, namespace=client.namespace)


SPECS: dict[type[Any], dict[str, Any]] = {
    Pod: TEMPLATE,
    CronJob: {"spec": {"schedule": "1 1 1 1 1", "jobTemplate": {"spec": {"template": TEMPLATE}}}},
    Event: {"involvedObject": {"kind": "Pod", "name": "a"}},
    Lease: {"spec": {}},
}


@pytest.mark.parametrize(
    ("kind", "write", "time", "stored"),
    [
        *(
            (kind, write, time, WHOLE)
            for kind, write in ((Pod, pod), (CronJob, cron_job), (Event, event))
            for time in TIMES
        ),
        *((Lease, lease, time, MICRO) for time in MICRO_TIMES),
    ],
)
async def test_a_time_is_stored_in_the_form_of_its_field(
    client: Client, kind: type[Any], write: Write, time: str, stored: str
) -> None:
    place = {"name": "a", "namespace": client.namespace}
    sent = SPECS[kind] | ({"involvedObject": {**SPECS[kind]["involvedObject"], **place}} if kind is Event else {})
    await client.create(kind.from_dict({"metadata": place, **sent}))
    first = await write(client, time)
    content = {**first.to_dict(), "metadata": None}
    assert set(_texts(content)) == {stored}
    assert (await write(client, stored)).metadata.resourceVersion == first.metadata.resourceVersion
    assert (await write(client, time)).metadata.resourceVersion == first.metadata.resourceVersion


def _texts(content: Any) -> list[str]:
    """Return the times in an object."""
    if isinstance(content, dict | list):
        return [text for part in (content.values() if isinstance(content, dict) else content) for text in _texts(part)]
    return [content] if isinstance(content, str) and content.startswith("2026-") else []


async def test_a_seeded_object_has_stored_times() -> None:
    meta = {"name": "a", "namespace": "x"}
    job = Job.from_dict({"metadata": meta, "spec": {"template": TEMPLATE}, "status": {"startTime": TIMES[1]}})
    found = await Client(FakeTransport(objects=[job])).get(Job, "a", namespace="x")
    assert found.status is not None
    assert found.status.startTime is not None
    assert found.status.startTime.microsecond == 0


@pytest.mark.parametrize(
    "value", ["soon", "2026-01-02", "2026-01-02T03:04:05", "0001-01-01T00:00:00+02:00", 1, None, {}, []]
)
def test_what_is_not_a_time_stays(value: object) -> None:
    obj = {"metadata": {"creationTimestamp": TIMES[1]}, "status": {"startTime": value, "conditions": value}}
    assert with_stored_times(FakeKind.of(Pod), obj) == obj


def test_a_custom_resource_stays() -> None:
    obj = {"status": {"conditions": [{"type": "Ready", "lastTransitionTime": TIMES[1]}]}}
    assert with_stored_times(FakeKind.of(Gadget), obj) is obj


def test_the_given_object_is_not_changed() -> None:
    obj = {"status": {"conditions": [{"type": "Ready", "lastTransitionTime": TIMES[1]}]}}
    before = json.dumps(obj)
    with_stored_times(FakeKind.of(Pod), obj)
    assert json.dumps(obj) == before
