"""What an operator does whose service account lacks a rule: it names the rule, and works once it is granted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime import Client, Manager, ManagerOptions, ObjectReconciler
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ForbiddenError
from kaiwu_runtime.testing import eventually, run_manager

from ..crds import install
from .test_status_owners import condition
from .test_status_parts import Crate, apply_as

pytestmark = pytest.mark.envtest

GROUP = "crates.example.com"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Keeper(ObjectReconciler[Crate]):
    finalizer = f"{GROUP}/cleanup"

    async def reconcile(self, obj: Crate) -> None:
        obj.status.phase = "Kept"

    async def finalize(self, obj: Crate) -> None: ...


def grant(control_plane: ControlPlane, namespace: str, user: str, lacks: tuple[str, str]) -> None:
    """Give a user all that the reconciler needs, except for one verb on one resource."""
    needed = [("crates", ("get", "list", "watch", "patch")), ("crates/status", ("get", "patch"))]
    rules = [
        {"apiGroups": [GROUP], "resources": [resource], "verbs": [each for each in verbs if (resource, each) != lacks]}
        for resource, verbs in needed
    ]
    where = f"{RBAC}/namespaces/{namespace}"
    header = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "keeper"}}
    control_plane.rest.apply(f"{where}/roles", {**header, "kind": "Role", "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "keeper"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    binding = {**header, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]}
    control_plane.rest.apply(f"{where}/rolebindings", binding)


@pytest.mark.parametrize("lacks", [("crates", "get"), ("crates", "patch"), ("crates/status", "patch")])
async def test_a_missing_rule_is_named_in_a_line_and_may_be_granted_later(  # noqa: PLR0917 - fixtures
    control_plane: ControlPlane,
    client: Client,
    namespace: str,
    tmp_path: Path,
    lacks: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    install(control_plane, [Crate], tmp_path)
    client.namespace = namespace
    await client.create(Crate(metadata=ObjectMeta(name="a", namespace=namespace)))
    await apply_as(client, "other", {"conditions": [condition("Theirs")]})
    user = f"keeper-{namespace}"
    grant(control_plane, namespace, user, lacks)
    kubeconfig = control_plane.add_user(user, [])
    async with Client.connect(kubeconfig) as granted:
        await eventually(until_listed(granted, namespace))
    options = ManagerOptions(
        kubeconfig=str(kubeconfig),
        health_probe_bind_address="0",
        metrics_bind_address="0",
        namespaces=(namespace,),
    )
    manager = Manager(options)
    manager.setup(Keeper)
    async with run_manager(manager, allow_forbidden=True):
        await eventually(lambda: len(errors(caplog)) > 3)
        grant(control_plane, namespace, user, ("", ""))
        await eventually(until_kept(client, namespace))
    resource, verb = lacks
    for record in errors(caplog):
        named = str(record.__dict__["error"])
        assert f'missing RBAC rule: add @rbac(groups="{GROUP}", resources="{resource}", verbs=[' in named
        assert f'"{verb}"' in named.partition("verbs=")[2]
        assert "\n" not in named
        assert record.exc_info is None
    assert len(errors(caplog)) < 15, "it waits longer each time"


def errors(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


def until_listed(client: Client, namespace: str) -> Callable[[], Any]:
    """Return what waits for the authorizer: a manager that may not list does not start."""

    async def is_listed() -> bool:
        try:
            await client.list(Crate, namespace=namespace)
        except ForbiddenError:
            return False
        return True

    return is_listed


def until_kept(client: Client, namespace: str) -> Callable[[], Any]:
    async def is_kept() -> bool:
        status = (await client.get(Crate, "a", namespace=namespace)).status
        return status.phase == "Kept" and [each.type for each in status.conditions] == ["Theirs"]

    return is_kept
