"""Webhooks in the life of a manager: readiness, replicas, the stop, and certificates without cert-manager."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ConfigMap, Secret
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding, Role, RoleBinding

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.errors import APIStatusError, ForbiddenError
from kaiwu_runtime.webhook import (
    AdmissionDenied,
    AdmissionRequest,
    Validator,
    WebhookCertificateOptions,
    webhook_managed_by,
)

from .reviews import review
from .widgets import (
    GROUP,
    configuration,
    configurations_path,
    crd,
    installed,
    post,
    raw,
    running,
    widget_path,
    write_pair,
)

pytestmark = pytest.mark.envtest

PATH = "/validate-hooks-example-com-v1-widget"


@resource(group=GROUP, version="v1")
class Widget(CustomResource):
    pass


class Never(Validator[Widget]):
    async def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
        raise AdmissionDenied("no widgets here")


class Slow(Reconciler):
    """Runs until it is released."""

    began = asyncio.Event()
    go_on = asyncio.Event()

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("slow with webhooks").for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        self.began.set()
        await self.go_on.wait()
        return Result()


def setup(manager: Manager) -> None:
    webhook_managed_by(manager).for_(Widget).with_validator(Never()).complete()


@pytest.fixture(scope="module", autouse=True)
def widgets(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed(control_plane, crd(), tmp_path_factory.mktemp("crd")):
        yield


async def answers(url: str) -> bool:
    body = review({"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "a"}})
    status, text = await post(url + PATH, body)
    return status == 200 and "no widgets here" in text


async def test_readiness_includes_the_webhook_server(control_plane: ControlPlane, tmp_path: Path) -> None:
    write_pair(tmp_path, CertificateAuthority())
    options = {"health_probe_bind_address": "127.0.0.1:0"}
    async with running(control_plane, tmp_path, setup, **options) as (managed, _), aiohttp.ClientSession() as session:
        assert managed.probes is not None
        assert managed.webhooks is not None
        probe = f"http://127.0.0.1:{managed.probes.port}/readyz/webhook?verbose"
        async with session.get(probe) as answer:
            assert (answer.status, await answer.text()) == (200, "[+]webhook ok\nreadyz check passed\n")
        await managed.webhooks.stop()
        async with session.get(probe) as answer:
            assert answer.status == 500
            assert "[-]webhook failed: the webhook server has not been started" in await answer.text()


async def test_the_managers_metrics_include_the_webhooks(control_plane: ControlPlane, tmp_path: Path) -> None:
    write_pair(tmp_path, CertificateAuthority())
    options = {"metrics_bind_address": f"127.0.0.1:{free_port()}", "metrics_secure": False}
    async with running(control_plane, tmp_path, setup, **options) as (managed, url):
        assert await answers(url)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{managed.options.metrics_bind_address}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
    assert f'controller_runtime_webhook_requests_total{{code="200",webhook="{PATH}"}} 1.0' in lines


async def test_every_replica_serves_and_until_its_workers_are_done(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    write_pair(tmp_path, CertificateAuthority())
    Slow.began, Slow.go_on = asyncio.Event(), asyncio.Event()
    await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace=namespace)))

    def both(manager: Manager) -> None:
        setup(manager)
        manager.setup(Slow)

    options: dict[str, Any] = {
        "namespaces": (namespace,),
        "leader_elect": True,
        "leader_election_id": "webhooks.example.com",
        "leader_election_namespace": namespace,
    }
    async with running(control_plane, tmp_path, both, **options) as (leader, url):
        await asyncio.wait_for(Slow.began.wait(), 15)
        async with running(control_plane, tmp_path, both, **options) as (other, other_url):
            assert await answers(other_url)
            assert other.elector is None or not other.elector.is_leader
        leader.stop()
        await asyncio.sleep(0.2)
        assert await answers(url), "a reconcile is still in progress"
        Slow.go_on.set()
        async with asyncio.timeout(10):
            while await listens(url):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def listens(url: str) -> bool:
    try:
        return await answers(url)
    except aiohttp.ClientConnectionError:
        return False


def test_a_missing_certificate_ends_the_process_with_one_line(
    control_plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    managed = Manager(
        ManagerOptions(
            kubeconfig=str(control_plane.kubeconfig),
            health_probe_bind_address="0",
            webhook_cert_path=str(tmp_path / "none"),
            log_format="console",
        )
    )
    setup(managed)
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        assert managed.run() == 1
    finally:
        logging.root.handlers[:], logging.root.level = handlers, level
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        f"{tmp_path}/none/tls.crt: No such file or directory; the webhooks need a certificate: pass --webhook-local on "
        "your machine, as make run does, --webhook-self-signed in a cluster, or the directory with --webhook-cert-path"
    )


async def test_the_documented_permissions_are_enough_for_certificates_of_its_own(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    user = "webhook-operator"
    subjects = [Subject(kind="User", name=user, apiGroup="rbac.authorization.k8s.io")]
    secrets = [
        PolicyRule(apiGroups=[""], resources=["secrets"], verbs=["create"]),
        PolicyRule(apiGroups=[""], resources=["secrets"], resourceNames=["own-cert"], verbs=["get", "patch"]),
    ]
    rules = [
        PolicyRule(
            apiGroups=["admissionregistration.k8s.io"],
            resources=["validatingwebhookconfigurations"],
            resourceNames=["own-certificates"],
            verbs=["get", "patch"],
        )
    ]
    group = "rbac.authorization.k8s.io"
    metadata = ObjectMeta(name=user, namespace=namespace)
    await client.create(Role(metadata=metadata, rules=secrets))
    ref = RoleRef(apiGroup=group, kind="Role", name=user)
    await client.create(RoleBinding(metadata=metadata, roleRef=ref, subjects=subjects))
    await client.create(ClusterRole(metadata=ObjectMeta(name=user), rules=rules))
    ref = RoleRef(apiGroup=group, kind="ClusterRole", name=user)
    await client.create(ClusterRoleBinding(metadata=ObjectMeta(name=user), roleRef=ref, subjects=subjects))

    port = free_port()
    body = configuration("Validating", "own-certificates", f"https://127.0.0.1:{port}{PATH}")
    await raw(client, "POST", configurations_path("Validating"), body)
    options = WebhookCertificateOptions(
        service_name="hooks",
        namespace=namespace,
        secret_name="own-cert",
        validating=("own-certificates",),
        extra_names=("127.0.0.1",),
        interval=0.1,
    )
    try:
        async with running(
            control_plane,
            tmp_path / "nothing here",
            setup,
            kubeconfig=str(control_plane.add_user(user)),
            webhook_port=port,
            webhook_self_signed=options,
        ):
            document = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "a"}}
            async with asyncio.timeout(20):
                while True:
                    with pytest.raises(APIStatusError) as refused:
                        await raw(client, "POST", widget_path(namespace), document)
                    if isinstance(refused.value, ForbiddenError):
                        break
                    await asyncio.sleep(0.05)
            assert str(refused.value).endswith("denied the request: no widgets here")
            assert (await client.get(Secret, "own-cert", namespace=namespace)).type == "kubernetes.io/tls"
    finally:
        await raw(client, "DELETE", configurations_path("Validating", "own-certificates"))
