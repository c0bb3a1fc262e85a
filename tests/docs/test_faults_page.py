"""docs/faults.md: its scenario passes for a correct operator, and finds the mistake that it shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kaiwu_runtime._missing_rule import missing_rule

from .page import Page

pytestmark = pytest.mark.envtest

TYPES = """
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource


class SiteSpec(APIModel):
    address: str = ""


class SiteStatus(APIModel):
    conditions: Conditions = Conditions()


@resource(group="web.example.com", version="v1")
class Site(CustomResource):
    spec: SiteSpec = SiteSpec()
    status: SiteStatus = SiteStatus()
"""
CONTROLLER = """
from typing import Protocol

from kaiwu_runtime import Client, ObjectReconciler

from api.v1.site_types import Site


class DNS(Protocol):
    records: dict[str, str]

    async def set(self, name: str, address: str) -> None: ...

    async def remove(self, name: str) -> None: ...


class SiteReconciler(ObjectReconciler[Site]):
    finalizer = "web.example.com/record"

    def __init__(self, client: Client, dns: DNS) -> None:
        super().__init__(client)
        self.dns = dns

    async def reconcile(self, site: Site) -> None:
        await self.dns.set(site.key.name, site.spec.address)
        site.status.conditions.set("Ready", True, reason="Recorded", message=site.spec.address)

    async def finalize(self, site: Site) -> None:
        await self.dns.remove(site.key.name)
"""
PROGRAM = """
import sys

from kaiwu_runtime import Manager, ManagerOptions

import controllers
from controllers.site_controller import DNS


class CompanyDNS:
    async def set(self, name: str, address: str) -> None:
        raise OSError("no name server")

    async def remove(self, name: str) -> None:
        raise OSError("no name server")


"""
ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: manager, namespace: system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: manager-rolebinding}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: manager-role}
subjects: [{kind: ServiceAccount, name: manager, namespace: system}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: leader-election-role, namespace: system}
rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: leader-election-rolebinding, namespace: system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: leader-election-role}
subjects: [{kind: ServiceAccount, name: manager, namespace: system}]
"""
MISTAKE = """
    async def reconcile(self, site: Site) -> None:
        if not (site.metadata.annotations or {}).get("recorded") == site.spec.address:
            patch = {"metadata": {"annotations": {"recorded": site.spec.address}}}
            await self.client.patch(Site, site.key.name, patch, namespace=site.key.namespace)
            await self.dns.set(site.key.name, site.spec.address)
        site.status.conditions.set("Ready", True, reason="Recorded", message=site.spec.address)
"""


def run(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_scenario_of_the_page(repository: Path, tmp_path: Path) -> None:
    page = Page(repository / "docs/faults.md")
    order = ("console", "console", "text", "python", "python", "python")
    shown, _, forbidden, program, scenario, test = (page.take(language).body for language in order)
    denied = 'User "x" cannot patch resource "configmaps" in API group "" in the namespace "default"'
    assert forbidden.rstrip().endswith(f" is forbidden: {missing_rule(denied)}")
    files = {
        "main.py": f"{PROGRAM}{program}sys.exit(manager.run())\n",
        "api/__init__.py": "",
        "api/v1/__init__.py": "",
        "api/v1/site_types.py": TYPES,
        "config/rbac/account.yaml": ACCOUNT,
        "controllers/__init__.py": "",
        "controllers/site_controller.py": CONTROLLER,
        "tests/faults/scenario.py": scenario,
        "test_page.py": scenario + test,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    status, output = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "test_page.py")
    assert (status, "1 passed" in output) == (0, True), output
    command = ("kaiwu_runtime.testing.faults", "tests/faults/scenario.py")
    status, output = run(tmp_path, *command, FAULTS="all", SEED="7")
    assert (status, output.count("FAILED")) == (0, 0), output
    status, output = run(tmp_path, "kaiwu_runtime.generator", "manifests")
    assert status == 0, output
    # The operator is killed after the first call to the outside, which its own DNS would reject.
    status, output = run(tmp_path, *command, FAULTS="real", PLAN="kill-after:3", SEED="7")
    assert (status, "1 plans run, 0 failed; " in output) == (0, True), output
    assert "never called" not in output

    begin = CONTROLLER.index("    async def reconcile")
    end = CONTROLLER.index("    async def finalize")
    wrong = CONTROLLER[:begin] + MISTAKE.lstrip("\n") + "\n" + CONTROLLER[end:]
    (tmp_path / "controllers/site_controller.py").write_text(wrong, encoding="utf-8")
    status, output = run(tmp_path, *command, FAULTS="all", SEED="7")
    assert status == 1
    wanted = [line for line in shown.splitlines() if line.startswith("FAILED")]
    number = wanted[0].partition(":")[2].partition(" ")[0]
    found = next((line for line in output.splitlines() if line.startswith(f"FAILED kill-after:{number} ")), output)
    assert found.startswith(wanted[0].removesuffix("...")), output
    assert shown.splitlines()[-1].partition(",")[0] == output.splitlines()[-1].partition(",")[0]
    page.finish()
