# Copyright 2026.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""What the tests share: a real etcd and kube-apiserver, and the operator running against them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing import run_manager

import controllers

pytest_plugins = ["kaiwu_runtime.envtest.pytest_plugin"]

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The control plane with the CRDs of this project and of others; run `make manifests` after changing a type."""
    for folder in (PROJECT / "config/crd/bases", PROJECT / "tests/crds"):
        if folder.is_dir():
            control_plane.install_crds(folder)
    return control_plane


@pytest.fixture
def webhook_options(installed: ControlPlane) -> Iterator[dict[str, Any]]:
    """The options with which the operator serves its webhooks where the API server calls them."""
    folder = PROJECT / "config/webhook"
    if not folder.is_dir():
        yield {}
        return
    with installed.install_webhooks(folder) as webhooks:
        yield webhooks.manager_options()


@pytest.fixture
async def client(installed: ControlPlane) -> AsyncIterator[Client]:
    """A client of a cluster administrator, for the tests themselves."""
    async with Client.connect(installed.kubeconfig) as connected:
        yield connected


@pytest.fixture
def service_account(installed: ControlPlane, namespace: str) -> Path:
    """The kubeconfig of the operator: its ServiceAccount in the test's namespace, with the roles in config/rbac."""
    return installed.as_service_account(PROJECT / "config/rbac", namespace=namespace)


@pytest.fixture
async def manager(service_account: Path, namespace: str, webhook_options: dict[str, Any]) -> AsyncIterator[Manager]:
    """The operator, running in the test's namespace with its own permissions; a missing @rbac fails the test."""
    manager = Manager(
        ManagerOptions(
            kubeconfig=str(service_account),
            namespaces=(namespace,),
            field_manager="kaiwu-operator",
            health_probe_bind_address="0",
            **webhook_options,
        )
    )
    manager.discover(controllers)
    async with run_manager(manager):
        yield manager
