"""The pages that show what is typed: envtest.md runs against the real programs, cli.md's commands exist."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.envtest import locate

from ..templates.generation import environment
from .page import Page, commands

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "controller-manager"}}


@pytest.mark.envtest
def test_envtest(repository: Path, tmp_path: Path) -> None:
    page = Page(repository / "docs/envtest.md")
    bin_folder = Path(sys.executable).parent
    variables = environment(
        KUBEBUILDER_ASSETS=str(locate().directory),
        KAIWU_ENVTEST_DIR=str(tmp_path / "cache"),
        PATH=f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        PYTEST_ADDOPTS="",
    )

    def shell(script: str) -> str:
        done = subprocess.run(
            ["sh", "-ec", script], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    setup = page.take("console")
    assert "Kubernetes" in shell("\n".join(commands(setup)))
    (tmp_path / "Makefile").write_text("install run:\n\tkubectl get namespaces\n")
    try:
        assert "kube-system" in shell("\n".join(commands(page.take("console"))))
    finally:
        shell("python -m kaiwu_runtime.envtest down")

    folder = tmp_path / "config/crd/bases"
    folder.mkdir(parents=True)
    (folder / "widgets.yaml").write_text(yaml.safe_dump(CRD))
    (tmp_path / "config/rbac").mkdir()
    (tmp_path / "config/rbac/service_account.yaml").write_text(yaml.safe_dump(ACCOUNT))
    plugins, test, options, plane = (page.take("python").body for _ in range(4))
    # Building kube-controller-manager would take minutes.
    options = options.replace('"controller_manager": True', '"controller_manager": False')
    (tmp_path / "conftest.py").write_text(f"import pytest\n\n{plugins}\n\n{options}")
    indented = "\n".join(f"    {line}" for line in plane.splitlines())
    (tmp_path / "test_page.py").write_text(f"{test}\n\ndef test_without_pytest():\n{indented}\n")
    assert "2 passed" in shell("python -m pytest -q -p no:cacheprovider test_page.py")
    page.finish()


def test_cli(repository: Path) -> None:
    page = Page(repository / "docs/cli.md")
    kaiwuctl = str(Path(sys.executable).parent / "kaiwuctl")
    for _ in range(len(page.blocks)):
        (usage,) = page.take("console").body.splitlines()
        words = [word for word in usage.split() if word.islower() and not word.startswith("[")]
        done = subprocess.run([kaiwuctl, *words[1:], "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, usage
        assert " ".join(words) in done.stdout
    page.finish()
