"""``manifests --server`` says what the API server says, and writes nothing then."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest import ControlPlane

TYPES = """
from typing import Annotated

from kaiwu_runtime.api import CEL, APIModel, CustomResource, resource


class ProbeSpec(APIModel):
    name: Annotated[str, CEL("{rule}", message="no")] = ""


@resource(group="server.example.com", version="v1", kind="Probe")
class Probe(CustomResource):
    spec: ProbeSpec
"""


def run(folder: Path, rule: str, kubeconfig: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "api").mkdir(exist_ok=True)
    (folder / "api" / "__init__.py").touch()
    (folder / "api" / "probe_types.py").write_text(TYPES.replace("{rule}", rule))
    return subprocess.run(
        [sys.executable, "-m", "kaiwu_runtime.generator", "manifests", *arguments],
        cwd=folder,
        env=os.environ | {"KUBECONFIG": kubeconfig},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.envtest
def test_what_only_the_server_knows_is_said_before_anything_is_written(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    kubeconfig = str(control_plane.kubeconfig)
    refused = run(tmp_path, "self.nothing() == 1", kubeconfig, "--server")
    assert refused.returncode == 1
    assert "error: --server: the API server rejects probes.server.example.com: " in refused.stderr
    assert "undeclared reference to 'nothing'" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "config").exists()
    assert run(tmp_path, "self.nothing() == 1", kubeconfig).returncode == 0
    taken = run(tmp_path, "self.size() < 10", kubeconfig, "--server")
    assert (taken.returncode, taken.stderr) == (0, "")
    code, _ = control_plane.rest.request(
        "GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/probes.server.example.com"
    )
    assert code == 404


def test_without_a_server_it_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], "
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    for kubeconfig in (str(config), str(tmp_path / "missing")):
        result = run(tmp_path, "self.size() < 10", kubeconfig, "--server")
        assert result.returncode == 1, result.stderr
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "config").exists()
