from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import Binaries

from .conftest import processes_below, wait_for

CONFTEST = 'pytest_plugins = ["kaiwu_runtime.envtest.pytest_plugin"]\n'
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
TEST = """
import pathlib, pytest

@pytest.mark.parametrize("number", [1, 2])
def test_widget(number, control_plane, kubeconfig, namespace, install_crds):
    assert kubeconfig == control_plane.kubeconfig
    assert install_crds(pathlib.Path(__file__).parent / "crd.yaml") == ["widgets.example.com"]
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}}
    control_plane.rest.object("POST", f"/apis/example.com/v1/namespaces/{namespace}/widgets", widget)
    with open(pathlib.Path(__file__).parent / "seen", "a") as seen:
        seen.write(f"{control_plane.url} {namespace}\\n")
"""


def run_pytest(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(project), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "crd.yaml").write_text(CRD)
    (tmp_path / "test_it.py").write_text(TEST)
    return tmp_path


@pytest.mark.envtest
@pytest.mark.parametrize(("options", "planes"), [((), 1), (("-n", "2", "--dist", "each"), 2)], ids=["alone", "xdist"])
def test_the_fixtures(
    options: tuple[str, ...],
    planes: int,
    project: Path,
    real_binaries: Binaries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(real_binaries.directory))
    done = run_pytest(project, *options)
    assert done.returncode == 0, done.stdout
    seen = [line.split() for line in (project / "seen").read_text().splitlines()]
    assert len({url for url, _ in seen}) == planes
    assert len({tuple(line) for line in seen}) == 2 * planes
    wait_for(lambda: not processes_below(project), "every process ends")
    assert list(project.glob("kaiwu-envtest-*")) == []


@pytest.mark.envtest
def test_options_of_the_control_plane(project: Path, real_binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(real_binaries.directory))
    (project / "conftest.py").write_text(
        f"import pytest\n{CONFTEST}\n@pytest.fixture(scope='session')\n"
        "def control_plane_options():\n    return {'api_server_flags': ['--feature-gates=NoSuchGate=true']}\n"
    )
    done = run_pytest(project)
    assert done.returncode == 1
    assert "unrecognized feature gate: NoSuchGate" in done.stdout


def test_missing_programs_are_one_clear_message(project: Path) -> None:
    done = run_pytest(project)
    assert done.returncode == 1
    assert "run `python -m kaiwu_runtime.envtest setup` once to download or build them" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout


STARTED = """
import asyncio
import pytest
from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing import FakeTransport, ManagerRefusedError, run_manager

class Ends:
    def __init__(self, error):
        self.error = error
    async def run(self):
        await asyncio.sleep(0.05)
        raise self.error

def made():
    return Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(FakeTransport()))

@pytest.fixture
async def refused():
    manager = made()
    manager.add(Ends(ManagerRefusedError("no role grants it")))
    async with run_manager(manager):
        yield manager

@pytest.fixture
async def broken():
    manager = made()
    manager.add(Ends(RuntimeError("out of paper")))
    async with run_manager(manager):
        yield manager

@pytest.fixture
async def misconfigured():
    raise ConfigurationError("two controllers are named 'a'")
    yield

async def test_refused(refused):
    await asyncio.Event().wait()

class TestInAClass:
    async def test_broken(self, broken):
        await asyncio.Event().wait()

async def test_misconfigured(misconfigured):
    pass

@pytest.mark.parametrize("number", [1, 2])
async def test_others(number):
    assert number

def test_without_a_loop():
    pass
"""


def test_a_manager_that_fails_ends_its_test_at_once_and_in_one_line(project: Path) -> None:
    (project / "test_it.py").write_text(STARTED)
    done = run_pytest(project, "-o", "asyncio_mode=auto", "-rA")
    assert "2 failed, 3 passed, 1 error" in done.stdout, done.stdout
    assert "\nno role grants it\n" in done.stdout
    assert "RuntimeError: out of paper" in done.stdout
    assert done.stdout.count("\ntwo controllers are named 'a'\n") == 1
    assert "at teardown" not in done.stdout
    assert "During handling" not in done.stdout
