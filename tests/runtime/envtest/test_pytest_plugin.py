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
