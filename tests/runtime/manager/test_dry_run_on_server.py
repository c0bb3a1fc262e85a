"""A dry run on a real API server: what it prints, and that nothing changes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret
from lightkube.resources.events_v1 import Event

from kaiwu_runtime import (
    Client,
    EventRecorder,
    Manager,
    ManagerOptions,
    ObjectKey,
    Reconciler,
    Request,
    Result,
    child_of,
    controller_managed_by,
    set_scale,
)
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import NotFoundError, TerminalError
from kaiwu_runtime.manager._dry_run import DryRunTransport
from kaiwu_runtime.testing import FakeTransport

pytestmark = pytest.mark.envtest


def deployment(namespace: str) -> Deployment:
    labels = {"app": "a"}
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[Container(name="a", image="example.com/a")])
    )
    return Deployment(
        metadata=ObjectMeta(name="scaled", namespace=namespace),
        spec=DeploymentSpec(replicas=1, selector=LabelSelector(matchLabels=labels), template=template),
    )


class Changing(Reconciler):
    """Writes in every way."""

    def __init__(self, client: Client, events: EventRecorder) -> None:
        super().__init__(client)
        self.events = events

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("changing").for_(ConfigMap, label_selector="of=user").complete(self)

    async def reconcile(self, request: Request) -> Result:
        client, namespace = self.client, request.namespace
        owner = await client.get(ConfigMap, request)
        self.events.event(owner, reason="Seen", action="Look", note="a dry run")
        await client.apply(child_of(owner, ConfigMap, name="child", data={"title": "home"}))
        metadata = ObjectMeta(name="keys", namespace=namespace, annotations={"later": "than kubectl"})
        await client.apply(Secret(metadata=metadata, stringData={"password": "new", "x": "y"}))
        await client.patch(ConfigMap, "stale", {"data": {"a": "2"}}, namespace=namespace)
        await client.patch(ConfigMap, "stale", {"data": {"b": "1"}}, namespace=namespace)  # as it is
        await set_scale(client, Deployment, "scaled", 3, namespace=namespace)
        await client.patch_status(Deployment, "scaled", {"replicas": 1}, namespace=namespace)
        await client.create(ConfigMap(metadata=ObjectMeta(generateName="made-", namespace=namespace)))
        await client.delete(ConfigMap, "old", namespace=namespace)
        await client.delete_all_of(ConfigMap, namespace=namespace, label_selector="of=user")
        with pytest.raises(NotFoundError):
            await client.patch(ConfigMap, "child", {"data": {"later": "x"}}, namespace=namespace)
        with pytest.raises(TerminalError, match=r"pods .*/a/exec: not run in a dry run: rm -r"):
            await client.exec(Pod, "a", ["rm", "-r"], namespace=namespace)
        return Result(requeue_after=3600)


async def everything(client: Client, namespace: str) -> dict[str, str]:
    found = {}
    kinds: tuple[Any, ...] = (ConfigMap, Secret, Deployment, Event)
    for kind in kinds:
        for obj in await client.list(kind, namespace=namespace):
            found[f"{kind.__name__} {obj.metadata.name}"] = obj.metadata.resourceVersion or ""
    return found


async def test_nothing_changes_and_everything_is_shown(
    control_plane: ControlPlane, client: Client, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def config_map(name: str, **labels: str) -> ConfigMap:
        return ConfigMap(
            metadata=ObjectMeta(name=name, namespace=namespace, labels=labels), data={"a": "1", "b": "1", "c": "ü\n"}
        )

    for obj in (config_map("owner", of="user"), config_map("stale"), config_map("old")):
        await client.create(obj)
    applied = '{"apiVersion":"v1","kind":"Secret","stringData":{"password":"c2VjcmV0"}}'
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": applied}
    await client.create(
        Secret(
            metadata=ObjectMeta(name="keys", namespace=namespace, annotations=annotations),
            stringData={"password": "old", "x": "y"},
        )
    )
    await client.create(deployment(namespace))
    before = await everything(client, namespace)
    options = ManagerOptions(
        kubeconfig=str(control_plane.kubeconfig),
        namespaces=(namespace,),
        dry_run=True,
        leader_elect=True,
        leader_election_id="never-made",
        health_probe_bind_address="192.0.2.1:1",
        metrics_bind_address="192.0.2.1:2",
    )
    manager = Manager(options)
    manager.setup(Changing)
    async with asyncio.timeout(60):
        await manager.start()
    assert await everything(client, namespace) == before
    shown = capsys.readouterr().out
    transport = manager.api_reader.transport
    assert isinstance(transport, DryRunTransport)
    assert transport.changes == 8, shown
    for title in ("ConfigMap {}/child", "Secret {}/keys", "ConfigMap {}/stale", "Scale {}/scaled scale"):
        assert f"+++ {title.format(namespace)} (dry run)\n" in shown, title
    assert f"+++ Deployment {namespace}/scaled status (dry run)\n" in shown
    assert f"delete ConfigMap {namespace}/old\n" in shown
    assert f"delete configmaps {namespace}\n" in shown
    assert "-  a: '1'\n+  a: '2'\n" in shown
    assert "+  title: home" in shown
    assert "-  replicas: 1\n+  replicas: 3\n" in shown
    assert "-  password: '*** (before)'\n+  password: '*** (after)'\n" in shown
    assert "bmV3" not in shown  # the password's base64
    assert "c2VjcmV0" not in shown
    assert "     kubectl.kubernetes.io/last-applied-configuration: '***'\n+    later: than kubectl\n" in shown
    assert "resourceVersion" not in shown
    assert "managedFields" not in shown
    assert "Event" not in shown


async def test_a_write_that_the_server_rejects_is_an_error(
    control_plane: ControlPlane, client: Client, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Invalid(Reconciler):
        def setup_with_manager(self, manager: Manager) -> None:
            controller_managed_by(manager).named("invalid").for_(ConfigMap, label_selector="of=user").complete(self)

        async def reconcile(self, request: Request) -> None:
            await self.client.create(ConfigMap(metadata=ObjectMeta(name="UPPER", namespace=request.namespace)))

    await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace=namespace, labels={"of": "user"})))
    manager = Manager(ManagerOptions(kubeconfig=str(control_plane.kubeconfig), namespaces=(namespace,), dry_run=True))
    manager.setup(Invalid)
    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(60):
            await manager.start()
    assert "UPPER" in caplog.text + json.dumps([str(record.__dict__.get("error")) for record in caplog.records])


async def test_reviews_and_other_writes_pass(client: Client) -> None:
    shown: list[str] = []
    dry = Client(DryRunTransport(FakeTransport(), shown.append))
    obj: Any = ConfigMap(metadata=ObjectMeta(name="a", namespace="x"), data={"a": "1"})
    await dry.create(obj)
    assert await dry.find(ConfigMap, "a", namespace="x") is None
    await dry.create(obj)
    assert len(shown) == 1
    await Client(DryRunTransport(client.transport, shown.append)).serves(ConfigMap)
    with pytest.raises(TerminalError, match="not sent in a dry run"):
        await DryRunTransport(FakeTransport()).answer("POST", "/x")


class Owning(Reconciler):
    """Writes to a kind of which the cache has everything, and reads it back."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.read: list[str] = []

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("owning").for_(ConfigMap).owns(Secret).complete(self)

    async def reconcile(self, request: Request) -> None:
        owner = await self.client.get(ConfigMap, request)
        if request.name != "owner":
            return
        await self.client.apply(child_of(owner, Secret, name="new", stringData={"a": "b"}))
        await self.client.create(child_of(owner, Secret, name="made", stringData={"a": "b"}))
        await self.client.patch(Secret, "old", {"stringData": {"a": "b"}}, namespace=request.namespace)
        await self.client.delete(Secret, "old", namespace=request.namespace)
        began = time.monotonic()
        secrets = await self.client.list(Secret, namespace=request.namespace)
        assert time.monotonic() - began < 9, "nothing was stored, so there is nothing to wait for"
        self.read = [str(ObjectKey.of(secret).name) for secret in secrets]


async def test_reads_do_not_wait_for_what_is_not_stored(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    await client.create(ConfigMap(metadata=ObjectMeta(name="owner", namespace=namespace)))
    await client.create(Secret(metadata=ObjectMeta(name="old", namespace=namespace)))
    manager = Manager(ManagerOptions(kubeconfig=str(control_plane.kubeconfig), namespaces=(namespace,), dry_run=True))
    reconciler = Owning(manager.client)
    reconciler.setup_with_manager(manager)
    await asyncio.wait_for(manager.start(), 30)
    assert reconciler.read == ["old"]
