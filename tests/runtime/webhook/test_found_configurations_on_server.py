"""--webhook-self-signed: the configurations are found from the Service's name and from what the manager serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing import eventually, run_manager
from kaiwu_runtime.webhook import AdmissionRequest, Defaulter, Validator, Webhook, webhook_managed_by

from .widgets import configurations_path, raw

pytestmark = pytest.mark.envtest

GROUP = "found.example.com"
SERVICE = "blue-webhook-service-2"


@resource(group=GROUP, version="v1", kind="Widget")
class Widget(CustomResource):
    pass


@resource(group=GROUP, version="v2", kind="Widget", storage=False)
class NewWidget(CustomResource):
    pass


class Defaults(Defaulter[Widget]):
    def default(self, obj: Widget, request: AdmissionRequest) -> None: ...


class Hooks(Webhook):
    def setup_with_manager(self, manager: Manager) -> None:
        webhook_managed_by(manager).for_(Widget).with_defaulter(Defaults()).with_validator(Validator()).complete()


def options(control_plane: ControlPlane, namespace: str, folder: Path) -> ManagerOptions:
    config = yaml.safe_load(control_plane.service_account_kubeconfig("default", namespace).read_text())
    config["contexts"][0]["context"]["namespace"] = namespace  # a pod is in its own
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    parsed = ManagerOptions.from_args(
        [
            *("--webhook-self-signed", SERVICE),
            *("--webhook-host", "127.0.0.1", "--webhook-port", "0", "--health-probe-bind-address", "0"),
            *("--kubeconfig", str(kubeconfig)),
        ]
    )
    assert parsed.webhook_self_signed is not None
    return parsed


def configuration(kind: str, name: str, namespace: str) -> dict[str, Any]:
    service = {"name": SERVICE, "namespace": namespace, "path": "/x"}
    rule = {"apiGroups": [GROUP], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["widgets"]}
    webhook = {
        "name": f"w.{GROUP}",
        "clientConfig": {"service": service},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Ignore",
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [webhook],
    }


def allow(control_plane: ControlPlane, namespace: str, names: dict[str, str]) -> None:
    """Grant what config/webhook/role.yaml grants, and nothing else."""
    account = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    rules: list[dict[str, Any]] = [
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": [f"{kind.lower()}webhookconfigurations"],
            "resourceNames": [name],
            "verbs": ["get", "patch"],
        }
        for kind, name in names.items()
    ]
    secret = {"apiGroups": [""], "resources": ["secrets"]}
    own = [
        {**secret, "verbs": ["create"]},
        {**secret, "verbs": ["get", "patch"], "resourceNames": ["webhook-server-cert"]},
    ]
    base = "/apis/rbac.authorization.k8s.io/v1"
    for prefix, where, granted in (("Cluster", "", rules), ("", f"/namespaces/{namespace}", own)):
        name = f"found-{namespace}"
        meta = {"metadata": {"name": name}, "apiVersion": "rbac.authorization.k8s.io/v1"}
        control_plane.rest.apply(
            f"{base}{where}/{prefix.lower()}roles", {**meta, "kind": f"{prefix}Role", "rules": granted}
        )
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{prefix}Role", "name": name}
        binding = {**meta, "kind": f"{prefix}RoleBinding", "roleRef": reference, "subjects": account}
        control_plane.rest.apply(f"{base}{where}/{prefix.lower()}rolebindings", binding)


async def test_configurations_are_found_by_name(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    names = {kind: f"blue-{kind.lower()}-webhook-configuration-2" for kind in ("Mutating", "Validating")}
    allow(control_plane, namespace, names)
    paths = [configurations_path(kind, name) for kind, name in names.items()]
    try:
        for kind, name in names.items():
            await raw(client, "POST", configurations_path(kind), configuration(kind, name, namespace))
        manager = Manager(options(control_plane, namespace, tmp_path))
        manager.setup(Hooks)
        async with run_manager(manager):

            async def trusted() -> list[dict[str, Any]] | None:
                found = [await raw(client, "GET", path) for path in paths]
                return found if all(each["webhooks"][0]["clientConfig"].get("caBundle") for each in found) else None

            found: object = await eventually(trusted, timeout=20)
            assert found
    finally:
        for path in paths:
            await raw(client, "DELETE", path)


def test_a_service_of_another_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        ManagerOptions.from_args(["--webhook-self-signed", "hooks"])
    assert caught.value.code == 2
    assert "'hooks' must contain 'webhook-service'" in capsys.readouterr().err
