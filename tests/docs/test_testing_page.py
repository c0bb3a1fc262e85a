"""docs/testing.md: its tests pass in a project that has what they test."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.envtest import locate

from ..templates.generation import environment
from .page import Page

TYPES = """
from kaiwu_runtime.api import APIModel, CustomResource, resource


class KaiwuClusterSpec(APIModel):
    replicas: int | None = None


@resource(group="kaiwu.inspur.com", version="v1")
class KaiwuCluster(CustomResource):
    spec: KaiwuClusterSpec = KaiwuClusterSpec()
"""
CONTROLLER = """
from kaiwu_runtime import WRITE, ControllerBuilder, ObjectReconciler, child_of, rbac
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.resources.core_v1 import Service

from api.v1.kaiwucluster_types import KaiwuCluster


@rbac(Service, verbs=WRITE)
class KaiwuClusterReconciler(ObjectReconciler[KaiwuCluster]):
    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.owns(Service)

    async def reconcile(self, cluster: KaiwuCluster) -> None:
        if await self.client.find(Service, cluster.key) is None:
            await self.client.apply(child_of(cluster, Service, spec=ServiceSpec(ports=[ServicePort(port=80)])))
"""
CONFTEST = """
import pytest
from kaiwu_runtime import Manager, ManagerOptions

import controllers

pytest_plugins = ["kaiwu_runtime.envtest.pytest_plugin"]
"""
IMPORTS = """
import asyncio

import pytest
from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.errors import APIConnectionError, ConflictError, ServerError
from kaiwu_runtime.testing import FakeTransport, run_manager
from lightkube.resources.core_v1 import Service

from api.v1.kaiwucluster_types import KaiwuCluster
from controllers.kaiwucluster_controller import KaiwuClusterReconciler
"""
WAITING = """
async def test_waiting():
    client, registry = Client(FakeTransport(KaiwuCluster)), {{"a"}}
    created = await client.create(KaiwuCluster.model_validate({{"metadata": {{"name": "a", "namespace": "x"}}}}))
    await KaiwuClusterReconciler(client).reconcile(created)
{waiting}
    assert (cluster.key.name, service.metadata.name) == ("a", "a")
"""
FAULTS = """
async def test_faults():
{faults}
    client = Client(fake)
    cluster = KaiwuCluster.model_validate({{"metadata": {{"name": "a", "namespace": "x"}}, "spec": {{}}}})
    reconciler = KaiwuClusterReconciler(client)
    for _ in range(3):
        with pytest.raises(APIConnectionError):
            await client.get(KaiwuCluster, "a", namespace="x")
    cluster = await client.create(cluster)
    with pytest.raises(ConflictError):
        await reconciler.reconcile(cluster)
    await reconciler.reconcile(cluster)
    await client.patch(KaiwuCluster, "a", {{"metadata": {{"labels": {{"a": "b"}}}}}}, namespace="x")
    assert (await client.get(KaiwuCluster, "a", namespace="x")).spec.replicas == 5
    service = await client.get(Service, "a", namespace="x")
    service.metadata.name, service.metadata.resourceVersion = "b", None
    with pytest.raises(APIConnectionError):  # the answer to the first create got lost
        await client.create(service)
    assert await client.get(Service, "b", namespace="x")
{asserted}


async def test_the_manager_runs(manager):
    assert manager.is_ready
"""
DEPLOYMENT = """
from kaiwu_runtime import ObjectKey
from kaiwu_runtime.testing import eventually, wait_for
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod


def deployment(name, replicas):
    labels = {"app": name}
    pod = PodSpec(containers=[Container(name="web", image="web:1")])
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod)
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(matchLabels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name=name, namespace="x"), spec=spec)
"""
CHOSEN = """
async def test_chosen_requests():
    fake, written = FakeTransport(KaiwuCluster), []
{chosen}
    client, failed = Client(fake), []
    for name in "abcd":
        body = {{"metadata": {{"name": name, "namespace": "x"}}, "spec": {{}}}}
        try:
            await client.apply(KaiwuCluster.model_validate(body))
        except ServerError:
            failed.append(name)
    assert (failed, written) == (["c"], ["a", "b", "d"])
    with pytest.raises(ConflictError):
        await client.patch(KaiwuCluster, "a", {{"status": {{}}}}, namespace="x", subresource="status")
"""


@pytest.mark.envtest
def test_the_tests_of_the_page_pass(repository: Path, tmp_path: Path) -> None:
    page = Page(repository / "docs/testing.md")
    message = " ".join(page.take("text").body.split())
    parts = [page.take("python").body for _ in range(9)]
    fixture, waiting, virtual, simulated, scheduled, test, faults, chosen, asserted = parts
    files = {
        "api/__init__.py": "",
        "api/v1/__init__.py": "",
        "api/v1/kaiwucluster_types.py": TYPES,
        "controllers/__init__.py": "",
        "controllers/kaiwucluster_controller.py": CONTROLLER,
        "conftest.py": CONFTEST + fixture,
        "test_page.py": IMPORTS
        + test
        + WAITING.format(waiting=textwrap.indent(waiting, "    "))
        + FAULTS.format(faults=textwrap.indent(faults, "    "), asserted=textwrap.indent(asserted, "    "))
        + virtual
        + DEPLOYMENT
        + simulated
        + scheduled
        + CHOSEN.format(chosen=textwrap.indent(chosen, "    ")),
        "config/rbac/rbac.yaml": yaml.safe_dump_all(rbac([])),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    output = run(tmp_path)
    # The type's CRD is not installed and the role is empty: the manager's own test says so, the others pass.
    assert "7 passed, 1 error" in output
    assert "@rbac" in output or "make install" in output
    decorator = '@rbac(groups="web.example.com", resources="sites/status", verbs=["patch"])'
    assert decorator in message
    page.finish()


def rbac(rules: list[dict[str, object]]) -> list[dict[str, object]]:
    group = "rbac.authorization.k8s.io"
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "controller-manager", "namespace": "system"},
        },
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "manager-role"}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "manager-rolebinding"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "manager-role"},
            "subjects": [{"kind": "ServiceAccount", "name": "controller-manager", "namespace": "system"}],
        },
    ]


def run(folder: Path) -> str:
    """Run the tests in a folder as a user does and return what pytest prints."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "asyncio_mode=auto",
            "-o",
            "pythonpath=.",
        ],
        cwd=folder,
        env=environment(KUBEBUILDER_ASSETS=str(locate().directory), PYTEST_ADDOPTS="", PATH=os.environ["PATH"]),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr
