"""docs/faults.md: its scenario passes for a correct operator, and finds the mistake that it shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .page import Page

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
    shown, _, scenario, test = (page.take(language).body for language in ("console", "console", "python", "python"))
    files = {
        "api/__init__.py": "",
        "api/v1/__init__.py": "",
        "api/v1/site_types.py": TYPES,
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
