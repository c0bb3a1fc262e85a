"""The event recorder on a real API server: what is stored, what kubectl shows of it, and what it survives."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace
from lightkube.resources.events_v1 import Event
from lightkube.resources.rbac_authorization_v1 import ClusterRole

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.recorder import EventRecorder, EventTimings

from .recording import BACKUP, Vault, config_map, count, counts, events, eventually, meta, recording

pytestmark = pytest.mark.envtest


async def test_the_stored_event_has_every_field(client: Client, control_plane: ControlPlane, namespace: str) -> None:
    about, other = await config_map(client, namespace), await config_map(client, namespace, "other")
    moment = datetime(2026, 3, 1, 12, 30, 15, 7, tzinfo=UTC)
    async with recording(control_plane.kubeconfig, wall=lambda: moment) as recorder:
        recorder.event(about, type="Warning", reason="BackupFailed", action="Backup", note="no space", related=other)
    (event,) = await events(client, namespace)
    assert meta(event).name is not None
    assert str(meta(event).name).startswith("settings.")
    assert int(str(meta(event).name).removeprefix("settings."), 16)
    assert event.eventTime == moment
    assert (event.type, event.reason, event.action, event.note) == ("Warning", "BackupFailed", "Backup", "no space")
    assert event.reportingController == "vault-controller"
    assert event.reportingInstance == recorder.instance
    assert recorder.instance.startswith("vault-controller-")
    assert event.series is None
    for reference, obj in ((event.regarding, about), (event.related, other)):
        assert reference is not None
        assert (reference.apiVersion, reference.kind) == ("v1", "ConfigMap")
        assert (reference.name, reference.namespace) == (meta(obj).name, namespace)
        assert (reference.uid, reference.resourceVersion) == (meta(obj).uid, meta(obj).resourceVersion)


async def test_a_time_without_a_fraction_is_taken(client: Client, control_plane: ControlPlane, namespace: str) -> None:
    """The API server reads times with six digits after the point, and no others."""
    about = await config_map(client, namespace)
    async with recording(control_plane.kubeconfig, wall=lambda: datetime(2026, 3, 1, tzinfo=UTC)) as recorder:
        recorder.event(about, **BACKUP)
        recorder.event(about, **BACKUP)
    (event,) = await events(client, namespace)
    assert event.series is not None
    assert event.series.lastObservedTime == datetime(2026, 3, 1, tzinfo=UTC)


async def test_events_of_a_projects_own_type(client: Client, control_plane: ControlPlane, namespace: str) -> None:
    vault = Vault(metadata=ObjectMeta(name="blue", namespace=namespace, uid="1234", resourceVersion="7"))
    async with recording(control_plane.kubeconfig) as recorder:
        recorder.event(vault, **BACKUP)
    (event,) = await events(client, namespace)
    assert event.regarding is not None
    assert (event.regarding.apiVersion, event.regarding.kind) == ("events.example.com/v1", "Vault")
    assert (event.regarding.name, event.regarding.uid) == ("blue", "1234")


async def test_events_of_cluster_scoped_objects_are_in_default(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    reason = f"Seen-{namespace}"
    role = await client.create(ClusterRole(metadata=ObjectMeta(name=f"system:Odd {namespace}")))
    async with recording(control_plane.kubeconfig) as recorder:
        recorder.event(await client.get(Namespace, namespace), reason=reason, action="Look", note="")
        recorder.event(role, reason=reason, action="Look", note="a name that is not a DNS name")
    found = await events(client, "default", reason)
    assert [str(event.regarding and event.regarding.kind) for event in found] == ["Namespace", "ClusterRole"]
    assert all(event.regarding is not None and not event.regarding.namespace for event in found)
    assert str(meta(found[1]).name).startswith(f"system-odd-{namespace}.")


async def test_kubectl_shows_them(client: Client, control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    def kubectl(*arguments: str) -> str:
        config = ["--kubeconfig", str(control_plane.kubeconfig), "--cache-dir", str(tmp_path), "-n", namespace]
        command = ["kubectl", *config, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    about = await config_map(client, namespace)
    async with recording(control_plane.kubeconfig) as recorder:
        for _ in range(3):
            recorder.event(about, **BACKUP)
    commands = (("get", "events"), ("events", "--for", "configmap/settings"), ("describe", "configmap", "settings"))
    for command in commands:
        shown = await asyncio.to_thread(kubectl, *command)
        (line,) = [line for line in shown.splitlines() if "BackedUp" in line]
        assert "Normal" in line, command
        assert "3 files" in line, command
        assert command[0] == "get" or "x3" in line, command
        assert command[0] != "describe" or "vault-controller" in line


async def test_a_series_is_written_at_once_then_now_and_then_and_begins_anew_after_its_end(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    about = await config_map(client, namespace)
    now = 0.0
    async with recording(control_plane.kubeconfig, clock=lambda: now) as recorder:
        recorder.event(about, **BACKUP)
        (single,) = await eventually(client, namespace, counts(1))
        recorder.event(about, **BACKUP)
        (series,) = await eventually(client, namespace, counts(2))
        assert meta(series).uid == meta(single).uid
        assert series.series is not None
        assert series.series.lastObservedTime > series.eventTime == single.eventTime
        for _ in range(40):
            recorder.event(about, **BACKUP | {"note": "another text is the same event"})
        now += 59
        await asyncio.sleep(0.3)
        (kept,) = await events(client, namespace)
        assert count(kept) == 2, "counted in memory"
        now += 2
        (refreshed,) = await eventually(client, namespace, counts(42))
        assert refreshed.note == "3 files"
        recorder.event(about, **BACKUP)
        now += 61
        await eventually(client, namespace, counts(43))
        now += 360
        recorder.event(about, **BACKUP)
        first, second = await eventually(client, namespace, counts(43, 1))
        assert meta(first).uid == meta(single).uid != meta(second).uid


async def test_the_end_of_a_series_writes_its_last_count(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    about = await config_map(client, namespace)
    now = 0.0
    timings = EventTimings(sweep=0.05, refresh=10_000)
    async with recording(control_plane.kubeconfig, timings, clock=lambda: now) as recorder:
        for _ in range(2):
            recorder.event(about, **BACKUP)
        await eventually(client, namespace, counts(2))
        for _ in range(5):
            recorder.event(about, **BACKUP)
        now += 360
        await eventually(client, namespace, counts(7))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"type": "Warning"}, id="type"),
        pytest.param({"reason": "Restored"}, id="reason"),
        pytest.param({"action": "Restore"}, id="action"),
        pytest.param({"related": True}, id="related"),
        pytest.param({"regarding": True}, id="regarding"),
        pytest.param({"recorder": "other-controller"}, id="controller"),
    ],
)
async def test_what_makes_another_event(
    client: Client, control_plane: ControlPlane, namespace: str, change: dict[str, Any]
) -> None:
    about, other = await config_map(client, namespace), await config_map(client, namespace, "other")
    async with recording(control_plane.kubeconfig) as recorder:
        recorder.event(about, **BACKUP)
        second = EventRecorder(recorder._sender, change.pop("recorder", recorder.name))
        regarding = other if change.pop("regarding", False) else about
        second.event(regarding, **BACKUP | change | ({"related": other} if "related" in change else {}))
    assert [count(event) for event in await events(client, namespace)] == [1, 1]


async def test_a_new_version_of_the_object_is_no_other_event(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    about = await config_map(client, namespace)
    changed = await client.patch(ConfigMap, "settings", {"data": {"a": "1"}}, namespace=namespace)
    assert meta(changed).resourceVersion != meta(about).resourceVersion
    async with recording(control_plane.kubeconfig) as recorder:
        recorder.event(about, **BACKUP)
        recorder.event(changed, **BACKUP)
    (event,) = await events(client, namespace)
    assert count(event) == 2


async def test_a_stop_writes_the_count_and_a_restart_begins_anew(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    about = await config_map(client, namespace)
    for before in ([], [7]):
        async with recording(control_plane.kubeconfig) as recorder:
            for _ in range(2):
                recorder.event(about, **BACKUP)
            await eventually(client, namespace, counts(*before, 2))
            for _ in range(5):
                recorder.event(about, **BACKUP)
    assert [count(event) for event in await events(client, namespace)] == [7, 7]


async def test_an_event_that_is_gone_is_made_anew_and_keeps_its_count(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    about = await config_map(client, namespace)
    async with recording(control_plane.kubeconfig) as recorder:
        recorder.event(about, **BACKUP)
        (old,) = await eventually(client, namespace, counts(1))
        await client.delete(Event, str(meta(old).name), namespace=namespace)
        recorder.event(about, **BACKUP)
        (new,) = await eventually(client, namespace, counts(2))
    assert meta(new).uid != meta(old).uid
    assert new.eventTime == old.eventTime


class Watching(Reconciler):
    """Records an event with each reconcile, and takes as long as the manager's stop lets it."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    def setup_with_manager(self, manager: Manager) -> None:
        self.recorder = manager.event_recorder("watching")
        controller_managed_by(manager).named("watching").for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        about = await self.client.get(ConfigMap, request.name, namespace=request.namespace)
        self.recorder.event(about, reason="Begun", action="Reconcile", note="now")
        self.begun.set()
        await self.go_on.wait()
        self.recorder.event(about, reason="Done", action="Reconcile", note="while the manager stops")
        return Result()


class InThreads(Reconciler):
    """Records from a worker thread."""

    def setup_with_manager(self, manager: Manager) -> None:
        self.recorder = manager.event_recorder("in-threads")
        controller_managed_by(manager).named("in-threads").for_(ConfigMap).complete(self)

    def reconcile(self, request: Request) -> Result:
        about = ConfigMap(metadata=ObjectMeta(name=request.name, namespace=request.namespace))
        self.recorder.event(about, reason="Threaded", action="Reconcile", note="from a thread")
        return Result()


async def test_a_manager_writes_events_of_reconcilers_to_the_last(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    await config_map(client, namespace)
    options = ManagerOptions(
        kubeconfig=str(control_plane.kubeconfig), namespaces=(namespace,), health_probe_bind_address="0"
    )
    manager = Manager(options)
    reconciler = Watching(manager.client)
    reconciler.setup_with_manager(manager)
    InThreads(manager.client).setup_with_manager(manager)
    task = asyncio.create_task(manager.start())
    async with asyncio.timeout(20):
        await reconciler.begun.wait()
        await eventually(client, namespace, lambda found: {"Begun", "Threaded"} <= {str(e.reason) for e in found})
        manager.stop()
        await asyncio.sleep(0.1)
        reconciler.go_on.set()
        await task
    found = {str(event.reason): event.reportingController for event in await events(client, namespace)}
    assert found == {"Begun": "watching", "Threaded": "in-threads", "Done": "watching"}
