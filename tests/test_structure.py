"""The structure of the source tree: imports go one way, and CONTRIBUTING.md's map is true."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
RUNTIME = "runtime/kaiwu_runtime"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of both packages beside their contracts."""
    root = tmp_path_factory.mktemp("source")
    for folder in ("kaiwuctl", RUNTIME):
        shutil.copytree(ROOT / folder, root / Path(folder).name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINT_IMPORTS), "--no-cache", "--no-logo"]
    return subprocess.run(
        command, cwd=root, env={"PYTHONPATH": str(root), "PATH": ""}, capture_output=True, text=True, check=False
    )


def test_the_contracts_hold(source: Path) -> None:
    found = lint(source)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        pytest.param("cache/_store.py", "from kaiwu_runtime.manager import _options", id="up"),
        pytest.param(
            "controller/_request.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from kaiwu_runtime.manager import Manager",
            id="up, for types",
        ),
        pytest.param(
            "errors.py", "def late() -> None:\n    from kaiwu_runtime.api import _model", id="up, inside a function"
        ),
        pytest.param(
            "queue/_rate_limiter.py", "from kaiwu_runtime.queue import _work_queue", id="a circle in a package"
        ),
        pytest.param("envtest/_ports.py", "import kaiwuctl.errors", id="the command line"),
        pytest.param("manager/_manager.py", "import kaiwu_runtime.generator._crd", id="what stands beside"),
    ],
)
def test_the_contracts_find(source: Path, file: str, line: str) -> None:
    path = source / "kaiwu_runtime" / file
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        assert lint(source).returncode == 1
    finally:
        path.write_text(before)


def test_the_map_names_every_folder_and_no_other() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("| folder | what it holds |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if "|" in row]
    named = {name.rstrip("/") for cell in cells for name in re.findall(r"`([^`]+/)`", cell)}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {str(parent) for file in listed for parent in Path(file).parents}
    assert named <= folders, f"not there: {sorted(named - folders)}"
    packages = {folder for folder in folders if Path(folder).parent.as_posix() in {"kaiwuctl", RUNTIME, "templates"}}
    top = {folder for folder in folders if "/" not in folder} - {".", "kaiwuctl", "runtime", "templates"}
    assert packages | top <= named, f"not in the map: {sorted((packages | top) - named)}"


def test_the_map_is_in_the_order_of_the_imports() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(rf"^\| `{RUNTIME}/(\w+)/`", text, re.MULTILINE)
    contracts = (ROOT / "pyproject.toml").read_text()
    rows = re.findall(r'^    "([\w |:]+)",', contracts.partition("layers = [")[2].partition("]")[0], re.MULTILINE)
    ranks = {name: -rank for rank, row in enumerate(rows) for name in re.split(r" [|:] ", row)}
    assert [ranks[name] for name in named] == sorted(ranks[name] for name in named)


def test_the_walk_names_what_there_is() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("## From a watch event to a write")[2].partition("\n\nImports")[0]
    module, named = "", []
    for name in re.findall(r"`([^`]+)`", table):
        if name.endswith(".py"):
            module = f"kaiwu_runtime.{name.removesuffix('.py').replace('/', '.')}"
        else:
            named.append((module, name))
    assert len(named) >= 16
    for module, name in named:
        found: object = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found), f"{module}: {name}"
