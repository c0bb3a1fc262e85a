"""The code of a group is in git, in the image and in the tools, whatever the group is called."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kaiwu_runtime.image._dockerignore import DockerIgnore

from .generation import kaiwuctl

SCRIPTS = Path(sys.executable).parent
# Names of build output, of environments and of tools, as ignore files and defaults of tools have them.
GROUPS = (
    "bin", "build", "buck-out", "config", "coverage", "dist", "docs", "downloads", "eggs", "env", "hack", "htmlcov",
    "kubeconfig", "lib", "lib64", "logs", "node-modules", "out", "parts", "sdist", "site", "site-packages", "target",
    "tests", "tmp", "var", "vendor", "venv", "virtualenv", "wheels",
)  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a kind in each of the groups; only read."""
    folder = tmp_path_factory.mktemp("groups") / "operator"
    folder.mkdir()
    kaiwuctl(folder, "init", "--domain", "inspur.com", "--repo", "github.com/inspur/operator", "--multigroup")
    for group in GROUPS:
        kaiwuctl(folder, "create", "api", "--group", group, "--version", "v1", "--kind", "Rack", "--make=false")
    return folder


def sources(project: Path) -> set[str]:
    found = {path.relative_to(project).as_posix() for path in project.rglob("*.py")}
    assert len([path for path in found if path.startswith(("api/", "controllers/"))]) >= 5 * len(GROUPS)
    return found


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def test_git_has_every_source(project: Path) -> None:
    run(project, "git", "init", "--quiet")
    listed = run(project, "git", "ls-files", "--others", "--exclude-standard").splitlines()
    assert sources(project) - set(listed) == set()


@pytest.mark.parametrize("made", ["build/deploy/kustomization.yaml", "dist/install.yaml", "wheels/a.whl"])
def test_git_has_nothing_that_make_writes(project: Path, made: str) -> None:
    run(project, "git", "init", "--quiet")
    assert run(project, "git", "check-ignore", made).strip() == made


def test_the_image_has_every_source(project: Path) -> None:
    ignore = DockerIgnore((project / ".dockerignore").read_text(encoding="utf-8"))
    wanted = {path for path in sources(project) if not path.startswith("tests/")}
    assert {path for path in wanted if ignore.ignored_by(path) is not None} == set()


def test_ruff_sees_every_source(project: Path) -> None:
    listed = run(project, str(SCRIPTS / "ruff"), "check", "--show-files", ".").splitlines()
    shown = {Path(path).relative_to(project).as_posix() for path in listed if path.endswith(".py")}
    assert sources(project) - shown == set()


@pytest.mark.parametrize("folder", ["vendor", "wheels", "build", "dist", "venv", "node_modules", ".venv", ".git"])
def test_ruff_leaves_out_what_is_not_code_of_the_project(project: Path, folder: str) -> None:
    file = f"{folder}/package/module.py"
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text("import os\n")
    try:
        listed = run(project, str(SCRIPTS / "ruff"), "check", "--show-files", ".")
    finally:
        (project / file).unlink()
        (project / file).parent.rmdir()
    assert str(project / file) not in listed.splitlines()


def test_mypy_sees_every_package(project: Path) -> None:
    settings = (project / "pyproject.toml").read_text(encoding="utf-8")
    excluded = json.loads(re.findall(r"^exclude = (\[\"\^.*\])$", settings, re.MULTILINE)[0])
    assert excluded
    assert {path for path in sources(project) if any(re.search(pattern, path) for pattern in excluded)} == set()
