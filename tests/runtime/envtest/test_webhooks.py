"""ControlPlane.install_webhooks: the API server calls the manager of the test, and nothing is left."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._webhooks import read_webhook_configurations
from kaiwu_runtime.errors import APIError, APIStatusError, ControlPlaneError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._webhooks import build_webhook_configurations, with_conversions
from kaiwu_runtime.testing import eventually, run_manager
from kaiwu_runtime.webhook import (
    AdmissionDenied,
    AdmissionRequest,
    Defaulter,
    Validator,
    Warnings,
    Webhook,
    converting,
    copy_common,
    mutating,
    validating,
    webhook_managed_by,
)
from kaiwu_runtime.webhook._configuration import declared_conversions, declared_webhooks

pytestmark = pytest.mark.envtest

GROUP = "hooks.example.com"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/shops.{GROUP}"


class ShopSpec(APIModel):
    size: int | None = None


@resource(group=GROUP, version="v2", kind="Shop")
class Shop(CustomResource):
    spec: ShopSpec = ShopSpec()


@resource(group=GROUP, version="v1", kind="Shop", storage=False)
class OldShop(CustomResource):
    spec: ShopSpec = ShopSpec()


@mutating()
class Defaults(Defaulter[Shop]):
    def default(self, obj: Shop, request: AdmissionRequest) -> None:
        if obj.spec.size is None:
            obj.spec.size = 3


@validating(match_conditions={"not-exempt": "object.metadata.name != 'exempt'"}, timeout_seconds=7)
class Rules(Validator[Shop]):
    def validate_create(self, obj: Shop, request: AdmissionRequest) -> Warnings:
        if (obj.spec.size or 0) > 9:
            raise AdmissionDenied("a shop has at most 9 rooms")
        return None


@converting(Shop, OldShop)
class Hooks(Webhook):
    def setup_with_manager(self, manager: Manager) -> None:
        webhooks = webhook_managed_by(manager).for_(Shop).with_defaulter(Defaults()).with_validator(Rules())
        webhooks.with_spoke(OldShop, lambda old: copy_common(old, Shop), lambda new: copy_common(new, OldShop))
        webhooks.complete()


@pytest.fixture(scope="module")
def folder(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifests, as `make manifests` writes them; the CRD is installed."""
    made = tmp_path_factory.mktemp("config")
    (crd,) = with_conversions(build_crds([Shop, OldShop]), declared_conversions(Hooks))
    (made / "crd.yaml").write_text(json.dumps(crd.manifest))
    control_plane.install_crds(made / "crd.yaml")
    configurations = build_webhook_configurations([*declared_webhooks(Defaults), *declared_webhooks(Rules)])
    (made / "webhook").mkdir()
    (made / "webhook/manifests.yaml").write_text(yaml.safe_dump_all(configurations))
    (made / "webhook/kustomization.yaml").write_text("resources: [manifests.yaml]\n")
    return made / "webhook"


def names(control_plane: ControlPlane) -> list[str]:
    found = []
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        items = control_plane.rest.object("GET", f"{CONFIGURATIONS}/{kind}")["items"]
        found += [item["metadata"]["name"] for item in items]
    return found


def client_config(control_plane: ControlPlane) -> dict[str, Any]:
    conversion = control_plane.rest.object("GET", CRD)["spec"]["conversion"]
    found: dict[str, Any] = conversion["webhook"]["clientConfig"]
    return found


async def test_the_api_server_calls_the_manager(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path
) -> None:
    with control_plane.install_webhooks(folder) as webhooks:
        assert webhooks.names == [
            f"shops.{GROUP}",
            "mutating-webhook-configuration",
            "validating-webhook-configuration",
        ]
        options = ManagerOptions(
            kubeconfig=str(control_plane.kubeconfig), health_probe_bind_address="0", **webhooks.manager_options()
        )
        manager = Manager(options)
        manager.setup(Hooks)
        async with run_manager(manager):
            created = await client.create(Shop.model_validate({"metadata": {"name": "a", "namespace": namespace}}))
            assert created.spec.size == 3
            with pytest.raises(APIError, match="a shop has at most 9 rooms"):
                await client.create(
                    Shop.model_validate({"metadata": {"name": "b", "namespace": namespace}, "spec": {"size": 10}})
                )
            exempt = {"metadata": {"name": "exempt", "namespace": namespace}, "spec": {"size": 10}}
            await client.create(Shop.model_validate(exempt))
            # Both versions are readable and writable, and lose nothing.
            old = await client.get(OldShop, created.key)
            assert old.spec.size == 3
            await client.patch(OldShop, "a", {"spec": {"size": 5}}, namespace=namespace)
            assert (await client.get(Shop, created.key)).spec.size == 5
    assert names(control_plane) == []
    assert "service" in client_config(control_plane)
    assert "url" not in client_config(control_plane)
    # Nothing is called any more.
    await client.create(Shop.model_validate({"metadata": {"name": "c", "namespace": namespace}, "spec": {"size": 10}}))


async def test_objects_stored_in_the_other_version_stay_readable(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path
) -> None:
    with control_plane.install_webhooks(folder) as webhooks:
        options = ManagerOptions(
            kubeconfig=str(control_plane.kubeconfig), health_probe_bind_address="0", **webhooks.manager_options()
        )
        manager = Manager(options)
        manager.setup(Hooks)
        async with run_manager(manager):
            old = OldShop.model_validate({"metadata": {"name": "a", "namespace": namespace}, "spec": {"size": 4}})
            created = await client.create(old)
            assert (await client.get(Shop, created.key)).spec.size == 4
            try:
                await store_in(client, "v1")
                await client.create(
                    Shop.model_validate({"metadata": {"name": "b", "namespace": namespace}, "spec": {"size": 5}})
                )
                # One is stored in v2, the other in v1; both are listed in both versions.
                new = await client.list(Shop, namespace=namespace)
                assert {each.metadata.name: each.spec.size for each in new} == {"a": 4, "b": 5}
                olds = await client.list(OldShop, namespace=namespace)
                assert {each.metadata.name: each.spec.size for each in olds} == {"a": 4, "b": 5}
                await client.patch(Shop, "a", {"spec": {"size": 6}}, namespace=namespace)  # writes it in v1
                assert (await client.get(OldShop, created.key)).spec.size == 6
            finally:
                await store_in(client, "v2")


async def store_in(client: Client, version: str) -> None:
    """Change the stored version of the CRD, and wait until the API server stores in it."""
    crd = json.loads(await client.transport.request("GET", CRD))
    for each in crd["spec"]["versions"]:
        each["storage"] = each["name"] == version
    await client.transport.request("PUT", CRD, body=json.dumps(crd).encode())

    async def stored() -> list[str]:
        found = json.loads(await client.transport.request("GET", CRD))["status"]["storedVersions"]
        assert version in found
        return list(found)

    waited: object = await eventually(stored)
    assert waited


async def test_what_reaches_the_server(control_plane: ControlPlane, folder: Path) -> None:
    with control_plane.install_webhooks(folder, port=12345):
        path = f"{CONFIGURATIONS}/validatingwebhookconfigurations/validating-webhook-configuration"
        webhook = control_plane.rest.object("GET", path)["webhooks"][0]
        assert webhook["timeoutSeconds"] == 7
        assert webhook["matchConditions"][0]["name"] == "not-exempt"
        assert webhook["clientConfig"]["url"] == "https://127.0.0.1:12345/validate-hooks-example-com-v2-shop"
        assert client_config(control_plane)["url"] == "https://127.0.0.1:12345/convert"


async def test_without_a_manager_writes_are_refused_at_once(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path
) -> None:
    with control_plane.install_webhooks(folder), pytest.raises(APIError, match="failed calling webhook"):
        await client.create(Shop.model_validate({"metadata": {"name": "a", "namespace": namespace}}))


def test_a_refused_configuration_leaves_nothing(control_plane: ControlPlane, folder: Path, tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((folder / "manifests.yaml").read_text()))
    documents[1]["webhooks"][0]["sideEffects"] = "Some"
    (tmp_path / "manifests.yaml").write_text(yaml.safe_dump_all(documents))
    with pytest.raises(APIStatusError):
        control_plane.install_webhooks(tmp_path)
    assert names(control_plane) == []
    assert "service" in client_config(control_plane)


def test_what_cannot_be_read(control_plane: ControlPlane, tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match=r"cannot read .*missing\.yaml"):
        control_plane.install_webhooks(tmp_path / "missing.yaml")
    (tmp_path / "a.yaml").write_text("kind: MutatingWebhookConfiguration\n")
    with pytest.raises(ControlPlaneError, match=r"has no metadata\.name"):
        control_plane.install_webhooks(tmp_path)


def test_the_certificate_is_that_of_the_host(control_plane: ControlPlane, tmp_path: Path) -> None:
    webhooks = control_plane.install_webhooks(tmp_path, host="localhost")
    context = ssl.create_default_context(cafile=str(webhooks.cert_path / "tls.crt"))
    assert context.cert_store_stats()["x509"] == 1
    webhooks.uninstall()
    webhooks.uninstall()


async def test_requests_pass_while_the_webhooks_are_suspended(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path
) -> None:
    def shop(name: str, size: int = 10) -> Shop:
        return Shop.model_validate({"metadata": {"name": name, "namespace": namespace}, "spec": {"size": size}})

    with control_plane.install_webhooks(folder) as webhooks:  # no manager serves them
        before = list(webhooks.names)
        with pytest.raises(APIError, match="failed calling webhook"):
            await client.create(shop("a"))
        webhooks.suspend()

        def accepted() -> bool:  # the API server hears of it a moment later
            body = {"apiVersion": f"{GROUP}/v2", "kind": "Shop", "metadata": {"name": "a"}, "spec": {"size": 10}}
            status, _ = control_plane.rest.request("POST", f"/apis/{GROUP}/v2/namespaces/{namespace}/shops", body)
            return status == 201

        assert await eventually(accepted)
        created = await client.get(Shop, "a", namespace=namespace)
        assert created.spec.size == 10, "no validator was asked"
        assert conversion_strategy(control_plane) == "None"
        old = await client.get(OldShop, "a", namespace=namespace)
        assert old.spec.size == 10, "versions differ in their name only"
        await client.delete(Shop, "a", namespace=namespace)
        webhooks.resume()
        assert webhooks.names == before
        assert conversion_strategy(control_plane) == "Webhook"
        with pytest.raises(APIError, match="failed calling webhook"):
            await client.create(shop("b"))
    assert names(control_plane) == []


def conversion_strategy(control_plane: ControlPlane) -> str:
    return str(control_plane.rest.object("GET", CRD)["spec"]["conversion"]["strategy"])


@pytest.mark.parametrize(
    "change",
    [
        {"webhooks": [{"name": "a.b.c"}]},
        {"webhooks": [{"name": "a.b.c", "clientConfig": {"service": "webhook-service"}}]},
        {"webhooks": {"a": "b"}},
        {"apiVersion": None},
    ],
)
def test_a_configuration_that_is_not_complete_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    whole = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "webhooks": []}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({**whole, "metadata": {"name": "m"}, **change}))
    problem = r"a\.yaml: MutatingWebhookConfiguration m has no apiVersion, or a webhook has no clientConfig"
    with pytest.raises(ControlPlaneError, match=problem):
        read_webhook_configurations([tmp_path])
