"""A project that was edited works: its own tests, with the operator as its ServiceAccount on a real API server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from kaiwu_runtime.envtest import locate

from .command_line import CREATE_ONLY
from .in_process import run_generator

if TYPE_CHECKING:
    from pathlib import Path

    from .command_line import CommandLine

pytestmark = pytest.mark.envtest

# Beside the scaffolded tests: the operator may not read what is in another namespace.
DENIED = """
import pytest
from kaiwu_runtime import Client, Manager
from kaiwu_runtime.errors import ForbiddenError
from {module} import KaiwuCluster


async def test_another_namespace_is_closed(manager: Manager) -> None:
    with pytest.raises(ForbiddenError):
        await manager.api_reader.list(KaiwuCluster, namespace="default")
"""


def run_own_tests(folder: Path, *, status: int = 0) -> str:
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    variables = {**os.environ, "KUBEBUILDER_ASSETS": str(locate().directory), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_a_project_that_became_namespaced(project: CommandLine) -> None:
    """The Role alone is enough, in its namespace: no cluster role is bound, and no request is refused."""
    folder = project.folder
    project.ok(*CREATE_ONLY)
    run_generator(folder)
    project.ok("edit", "--namespaced", "--make=false")
    run_generator(folder, "--namespaced")
    role = next(yaml.safe_load_all((folder / "config/rbac/role.yaml").read_text()))
    binding = yaml.safe_load((folder / "config/rbac/role_binding.yaml").read_text())
    assert (role["kind"], binding["kind"], binding["roleRef"]["kind"]) == ("Role", "RoleBinding", "Role")
    # The fixture of the manager fails a test in which a request was forbidden.
    assert "2 passed" in run_own_tests(folder)
    (folder / "tests/test_denied.py").write_text(DENIED.format(module="api.v1.kaiwucluster_types"))
    assert 'in the namespace "default"' in run_own_tests(folder, status=1)


def test_a_project_that_got_groups(project: CommandLine) -> None:
    folder = project.folder
    project.ok(*CREATE_ONLY)
    project.ok("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")
    project.ok("edit", "--multigroup", "--make=false")
    project.ok("create", "api", "--group", "backup", "--version", "v1", "--kind", "KaiwuCluster", "--make=false")
    run_generator(folder)
    assert "3 passed" in run_own_tests(folder)
    names = {path.name for path in (folder / "config/crd/bases").iterdir()}
    assert names == {"kaiwu.inspur.com_kaiwuclusters.yaml", "backup.inspur.com_kaiwuclusters.yaml"}
