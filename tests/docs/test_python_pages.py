"""The pages that show Python: executed block by block, and what they define does what the page says."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.models.core_v1 import Container, PodSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret, Service
from lightkube.resources.events_v1 import Event

from kaiwu_runtime import Client, Manager, ManagerOptions, ObjectKey, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.api._rbac import rbac_rules
from kaiwu_runtime.cache import _list_scope as list_scope
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import AlreadyExistsError, ForbiddenError, InvalidError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._rbac import build_roles
from kaiwu_runtime.generator._webhooks import build_webhook_configurations, with_conversions
from kaiwu_runtime.testing import FakeTransport, eventually, run_manager, wait_for
from kaiwu_runtime.webhook import AdmissionDenied, AdmissionRequest
from kaiwu_runtime.webhook._configuration import declared_conversions, declared_webhooks

from .page import Page


@pytest.fixture
def page(repository: Path) -> Callable[[str], Page]:
    return lambda name: Page(repository / "docs" / name)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - the fake has no event for it
            await asyncio.sleep(0.02)


@pytest.mark.envtest
async def test_api_types(
    page: Callable[[str], Page], control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    shown = page("api-types.md")
    names = shown.execute()
    database: Any = names["Database"]
    (crd,) = build_crds([database])
    (tmp_path / "crd.yaml").write_text(yaml.safe_dump(crd.manifest))
    control_plane.install_crds(tmp_path / "crd.yaml")
    async with Client.connect(control_plane.kubeconfig) as client:
        made = await client.create(database.model_validate({"metadata": {"name": "a", "namespace": namespace}}))
        assert (made.spec.replicas, made.spec.mode, made.spec.storage) == (3, "cluster", "10Gi")
        with pytest.raises(InvalidError, match="a standalone database has one replica"):
            await client.create(
                database.model_validate(
                    {"metadata": {"name": "b", "namespace": namespace}, "spec": {"mode": "standalone", "replicas": 3}}
                )
            )
    permissions = shown.execute(names)
    roles = build_roles(rbac_rules(permissions["DatabaseReconciler"]), role_name="manager-role")  # type: ignore[arg-type]
    assert {(role["kind"], role["metadata"].get("namespace")) for role in roles} == {
        ("ClusterRole", None),
        ("Role", "kube-public"),
    }
    shown.finish()


async def test_events(page: Callable[[str], Page], caplog: pytest.LogCaptureFixture) -> None:
    shown = page("events.md")
    bucket = ConfigMap(metadata=ObjectMeta(name="bucket", namespace="x", uid="u"))
    reconciler: Any = shown.execute({"Backup": ConfigMap, "bucket": bucket})["BackupReconciler"]
    runs = 0

    class Counting(reconciler):  # type: ignore[misc]
        async def reconcile(self, backup: Any) -> None:
            nonlocal runs
            runs += 1
            await super().reconcile(backup)

    client = Client(FakeTransport())
    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=client)
    manager.setup(Counting)
    with caplog.at_level(logging.WARNING):
        async with run_manager(manager):
            await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="x")))

            async def written() -> bool:
                return bool(await client.list(Event, namespace="x"))

            await until(written)
            before = runs
            await client.delete(ConfigMap, "a", namespace="x")
            await asyncio.sleep(0.3)
            assert runs == before > 0  # an object that is gone is not reconciled
            (event,) = await client.list(Event, namespace="x")
            assert (event.type, event.reason, event.action) == ("Warning", "NoSpace", "Upload")
    assert caplog.records == []
    (condition,) = yaml.safe_load(shown.take("yaml").body)
    assert (condition["type"], condition["status"], condition["reason"]) == ("Decoded", "False", "DecodeFailed")
    shown.finish()


async def test_reconciler(page: Callable[[str], Page]) -> None:
    shown = page("reconciler.md")
    reconciler: Any = shown.execute()["ConfigMapReconciler"]
    made: list[Any] = []

    class Kept(reconciler):  # type: ignore[misc]
        def setup_with_manager(self, manager: Manager) -> None:
            made.append(self)
            super().setup_with_manager(manager)

    client = Client(FakeTransport())
    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=client)
    manager.setup(Kept)
    metadata = ObjectMeta(name="a", namespace="x")
    async with run_manager(manager):
        await client.create(ConfigMap(metadata=metadata, data={"title": "home"}))
        await eventually(lambda: made[0].titles == {"a": "home"})
        await client.delete(ConfigMap, "a", namespace="x")
        await eventually(lambda: made[0].titles == {})
    shown.finish()


async def test_certificates(page: Callable[[str], Page]) -> None:
    shown = page("certificates.md")
    names: Any = shown.execute()
    shown.finish()
    client, key = Client(FakeTransport()), ObjectKey("x", "db")
    hosts = ["db.x.svc", "*.db.x.svc"]
    first = await names["ensure_certificate"](client, key, hosts)
    assert timedelta(days=59) < first - datetime.now(UTC) < timedelta(days=61)
    made = await names["stored"](client, key)
    assert await names["ensure_certificate"](client, key, hosts) == first
    assert await names["stored"](client, key) == made
    await names["ensure_certificate"](client, key, [*hosts, "db.example.com"])
    renewed = await names["stored"](client, key)
    assert renewed != made
    assert renewed.authority == made.authority
    names["check_chain"](renewed.certificate, made.authority, key=renewed.key, names=["db.example.com"])


async def test_operations(page: Callable[[str], Page]) -> None:
    shown = page("operations.md")
    expected = shown.take("text").body
    names: Any = shown.execute()
    features: Any = shown.execute()
    shown.finish()
    assert features["failover_seconds"]() == 60
    with features["FAST_FAILOVER"].override(True):
        assert features["failover_seconds"]() == 5
    fake = FakeTransport()
    wrapped = Client(names["options"].wrap_transport(fake))
    await wrapped.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="x")))
    assert [sent.verb for sent in fake.requests] == ["create"]

    class Idle(Reconciler):
        def setup_with_manager(self, manager: Manager) -> None:
            controller_managed_by(manager).named("site").for_(ConfigMap).complete(self)

        async def reconcile(self, request: Request) -> None:
            pass

    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(FakeTransport()))
    manager.setup(Idle)
    async with run_manager(manager):
        found = await asyncio.to_thread(manager.describe)
    outline = re.compile(r"^(?:\S+:|  site: workers)", re.MULTILINE)
    assert outline.findall(found) == outline.findall(expected)


async def test_pods(page: Callable[[str], Page]) -> None:
    shown = page("pods.md")
    names: Any = shown.execute()
    for _ in range(3):
        names |= shown.execute(names)
    shown.finish()
    spec = PodSpec(containers=[Container(name="db", image="db")])
    pods = [Pod(metadata=ObjectMeta(name=f"a-{number}", namespace="x"), spec=spec) for number in (0, 1)]
    service = Service(metadata=ObjectMeta(name="a", namespace="x"), spec=ServiceSpec(ports=[ServicePort(port=8008)]))
    fake = names["database"](pods[0], service)
    client = Client(fake)
    await client.create(pods[1])
    fake.requests.clear()
    assert await names["ReplicaReconciler"](client).reconcile(Request("x", "a")) == Result()
    asked = [(sent.verb, sent.subresource, sent.name) for sent in fake.requests]
    assert asked == [
        ("get", "proxy", "a"),
        ("create", "exec", "a-0"),
        ("create", "exec", "a-0"),
        ("create", "eviction", "a-1"),
    ]
    assert await client.find(Pod, "a-1", namespace="x") is None
    assert await names["errors_of"](client, ObjectKey("x", "a-0")) == ["ERROR disk full"]
    assert await names["first_error"](client, ObjectKey("x", "a-0")) == "ERROR disk full"
    (role,) = build_roles(rbac_rules(names["ReplicaReconciler"]), role_name="manager-role")
    assert {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]} in role["rules"]


def test_running(page: Callable[[str], Page]) -> None:
    shown = page("running.md")
    (line,) = shown.take("text").body.splitlines()
    from kaiwu_runtime.api._identity import ResourceIdentity

    deployments = ResourceIdentity("apps", "v1", "Deployment", "deployments", True)
    said = list_scope.explain(ForbiddenError("no", code=403), deployments, list_scope.ListScope())
    assert said.startswith(line)
    shown.finish()


@pytest.mark.envtest
async def test_webhooks(page: Callable[[str], Page], control_plane: ControlPlane) -> None:
    shown = page("webhooks.md")
    assert "kaiwuctl create webhook" in shown.take("console").body
    names: Any = shown.execute()
    database, request = names["Database"], AdmissionRequest()
    obj = database()
    names["DatabaseDefaults"]().default(obj, request)
    assert obj.spec.replicas == 3
    rules = names["DatabaseRules"]()
    assert rules.validate_create(obj, request) is None
    with pytest.raises(AdmissionDenied, match="has no majority"):
        rules.validate_create(database(spec={"replicas": 2}), request)
    with pytest.raises(AdmissionDenied, match="cannot be changed"):
        rules.validate_update(obj, database(spec={"engine": "mysql", "replicas": 3}), request)
    names |= shown.execute(names)
    old = names["OldDatabase"](spec={"type": "mysql"})
    assert names["to_v2"](old).spec.engine == "mysql"
    assert names["from_v2"](names["to_v2"](old)).spec.type == "mysql"
    names |= shown.execute(names)
    names["test_nothing_is_lost"]()
    names |= shown.execute(names)
    client = Client(FakeTransport(database))
    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=client)
    manager.setup(names["DatabaseWebhook"])
    assert manager.webhooks is not None
    text = shown.file.read_text(encoding="utf-8")
    for path in ("/mutate-kaiwu-inspur-com-v2-database", "/validate-kaiwu-inspur-com-v2-database", "/convert"):
        assert f"`{path}`" in text
    names |= shown.execute(names)
    hooks = [names[name] for name in ("DatabaseDefaults", "DatabaseRules")]
    configurations = build_webhook_configurations(each for hook in hooks for each in declared_webhooks(hook))
    (conversion,) = declared_conversions(names["DatabaseWebhook"])
    (crd,) = with_conversions(build_crds([database, names["OldDatabase"]]), [conversion])
    rest = control_plane.rest
    collection = "/apis/admissionregistration.k8s.io/v1"
    for configuration in configurations:
        rest.object("POST", f"{collection}/{configuration['kind'].lower()}s?dryRun=All", configuration)
    with suppress(AlreadyExistsError):  # it is valid, then: another page has a kind of that name
        rest.object("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?dryRun=All", crd.manifest)
    options = shown.execute(names)["options"]
    assert isinstance(options, ManagerOptions)
    assert "-l kaiwuctl.io/webhook-local" in shown.take("console").body
    shown.take("python")  # the manager of a project's tests, which tests/templates has
    shown.finish()


async def test_caches(page: Callable[[str], Page]) -> None:
    shown = page("caches.md")
    watch_secrets: Any = shown.execute()["watch_secrets"]
    client = Client(FakeTransport())
    labels: dict[str, dict[str, str]] = {"any": {}, "site": {"app": "site"}, "both": {"app": "site", "shared": "true"}}
    for namespace in ("vault", "shop", "other"):
        for name, given in labels.items():
            await client.create(Secret(metadata=ObjectMeta(name=name, namespace=namespace, labels=given)))
    manager = Manager(ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0"), client=client)
    watch_secrets(manager)
    async with run_manager(manager):
        found = {str(ObjectKey.of(each)) for each in await manager.client.list(Secret)}
    assert found == {"vault/any", "vault/site", "vault/both", "shop/site", "shop/both", "other/both"}

    reconciler: Any = shown.execute()["BackupReconciler"]
    manager = Manager(ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0"), client=client)
    manager.setup(reconciler)
    await client.create(Secret(metadata=ObjectMeta(name="unrelated", namespace="a")))
    for name, backup in (("x", "true"), ("y", "false")):
        metadata = ObjectMeta(name=name, namespace="a", labels={"backup": backup})
        await client.create(ConfigMap(metadata=metadata))
    async with run_manager(manager):
        for _ in range(2):
            await wait_for(client, Secret, ObjectKey("a", "x"), lambda _: True)
            await client.delete(Secret, "x", namespace="a")  # which wakes its owner
        described = manager.describe()
    assert "Secret (v1) in backups: " in described
    assert await client.find(Secret, "y", namespace="a") is None
    shown.finish()
