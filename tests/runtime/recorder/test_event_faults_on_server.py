"""Events that cannot be written: missing rules, ending namespaces, refusals, outages, lost answers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.recorder import EventTimings

from ..manager.processes import proxied_server
from .recording import BACKUP, config_map, count, counts, events, eventually, recording

pytestmark = pytest.mark.envtest


@pytest.mark.parametrize("allowed", [[], ["create"]], ids=["nothing", "create only"])
async def test_a_missing_rule_is_named_once_and_harms_nobody(
    client: Client,
    control_plane: ControlPlane,
    namespace: str,
    caplog: pytest.LogCaptureFixture,
    allowed: list[str],
) -> None:
    user = f"recorder-{namespace}"
    role = ObjectMeta(name="events", namespace=namespace)
    rule = PolicyRule(apiGroups=["events.k8s.io"], resources=["events"], verbs=allowed or ["get"])
    await client.create(Role(metadata=role, rules=[rule]))
    who = Subject(kind="User", name=user, apiGroup="rbac.authorization.k8s.io")
    which = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="Role", name="events")
    await client.create(RoleBinding(metadata=role, roleRef=which, subjects=[who]))
    about = await config_map(client, namespace)
    async with recording(control_plane.add_user(user), EventTimings(refresh=0.05, sweep=0.02)) as recorder:
        recorder.event(about, **BACKUP)
        if allowed:
            await eventually(client, namespace, counts(1))
        for number in range(3):
            recorder.event(about, **BACKUP)
            recorder.event(about, **BACKUP | {"reason": f"Other{number}"})
        async with asyncio.timeout(10):
            while not caplog.records:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)  # for further lines, if there were any
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    missing = "patch" if allowed else "create"
    assert f"Cannot {missing} events: missing RBAC rule: groups='events.k8s.io' resources='events'" in line.message
    assert "verbs=create,patch; declare it with @rbac" in line.message
    assert [count(event) for event in await events(client, namespace)] == ([1] * 4 if allowed else [])


async def test_a_namespace_that_ends_or_is_gone_is_quiet(
    client: Client, control_plane: ControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    ending = control_plane.create_namespace()
    about = await config_map(client, ending)
    control_plane.delete_namespace(ending)  # it stays Terminating: no controller empties it
    async with recording(control_plane.kubeconfig) as recorder:
        recorder.event(about, **BACKUP)
        recorder.event(ConfigMap(metadata=ObjectMeta(name="a", namespace="never-there")), **BACKUP)
        await asyncio.sleep(0.3)
    assert [record.message for record in caplog.records if record.levelno >= logging.INFO] == []
    assert await events(client, ending) == []


async def test_what_the_server_refuses_is_logged_and_dropped(
    client: Client, control_plane: ControlPlane, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    about = await config_map(client, namespace)
    async with recording(control_plane.kubeconfig) as recorder:
        recorder.event(about, **BACKUP)
        await eventually(client, namespace, counts(1))
        (series,) = recorder._sender._memory._known.values()
        recorder._sender.record(series.key._replace(type="Odd"), {**series.fields, "type": "Odd"})
        recorder.event(about, **BACKUP | {"reason": "Later"})
        await eventually(client, namespace, counts(1, 1))
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.message == "Dropped an event: the API server rejected it"
    assert "type" in line.__dict__["error"]
    assert line.__dict__["object"] == f"ConfigMap {namespace}/settings"


async def test_events_of_an_outage_are_written_after_it(
    client: Client, control_plane: ControlPlane, namespace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    about = await config_map(client, namespace)
    async with proxied_server(control_plane, tmp_path) as (proxy, through), recording(through) as recorder:
        recorder.event(about, **BACKUP)
        await eventually(client, namespace, counts(1))
        proxy.cut_off()
        for _ in range(4):
            recorder.event(about, **BACKUP)
            recorder.event(about, **BACKUP | {"reason": "Later"})
            await asyncio.sleep(0.1)
        proxy.refusing = False
        await eventually(client, namespace, counts(5, 4))
    lines = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["Cannot write events; retrying"]


async def test_an_answer_that_gets_lost_makes_no_second_event(
    client: Client, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    about = await config_map(client, namespace)
    async with proxied_server(control_plane, tmp_path) as (proxy, through), recording(through) as recorder:
        recorder.event(about, **BACKUP)
        await eventually(client, namespace, counts(1))
        proxy.cut_after = 100  # the server has taken the next request when its answer is cut
        recorder.event(about, **BACKUP | {"reason": "Later"})
        await eventually(client, namespace, counts(1, 1))
        async with asyncio.timeout(5):
            while recorder._sender._memory.waiting or recorder._sender._failures:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        recorder.event(about, **BACKUP | {"reason": "Later"})
        await eventually(client, namespace, counts(1, 2))
        assert proxy.cut_after is None
