"""What the two distributions declare about themselves is so."""

from __future__ import annotations

import ast
import email
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Collection
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

import kaiwu_runtime
import kaiwuctl
from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names.project import PROJECT_NAME_RULES
from kaiwuctl.names.rule import check

ROOT = Path(__file__).parent.parent
FOLDERS = {"kaiwuctl": ROOT, "kaiwu_runtime": ROOT / "runtime"}


def declared(package: str) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((FOLDERS[package] / "pyproject.toml").read_text())["project"]
    return project


def normalized(requirement: str) -> str:
    """Return the name in a requirement, as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def imported_packages(package: str, *, without: Collection[str] = ()) -> set[str]:
    """Return the top-level packages that the modules of a package import, wherever in them.

    Args:
        package: Its name.
        without: Modules and folders that are left out, as paths in the package.
    """
    found = set()
    folder = FOLDERS[package] / package
    for path in folder.rglob("*.py"):
        if any(path.relative_to(folder).is_relative_to(each) for each in without):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {package}


def owners_of_packages() -> dict[str, set[str]]:
    owners = {name: {normalized(owner) for owner in owned} for name, owned in packages_distributions().items()}
    # Editable, the two packages themselves may have no record of their files.
    return owners | {"kaiwuctl": {"kaiwuctl"}, "kaiwu_runtime": {"kaiwu-runtime"}}


@pytest.mark.parametrize("package", FOLDERS)
def test_what_is_imported_is_declared_and_the_other_way_round(package: str) -> None:
    owners = owners_of_packages()
    project = declared(package)
    optional = [line for lines in project.get("optional-dependencies", {}).values() for line in lines]
    dependencies = {normalized(line) for line in [*project["dependencies"], *optional]}
    imports = imported_packages(package)
    assert {name for name in imports if not owners.get(name, set()) & dependencies} == set()
    used = set().union(*(owners.get(name, set()) for name in imports))
    assert dependencies - used == set()


def test_an_operator_installs_nothing_that_only_tests_need() -> None:
    owners = owners_of_packages()
    used = imported_packages("kaiwu_runtime", without=("testing", "envtest/pytest_plugin.py"))
    required = {normalized(line) for line in declared("kaiwu_runtime")["dependencies"]}
    assert {name for name in used if not owners.get(name, set()) & required} == set()
    assert required - set().union(*(owners.get(name, set()) for name in used)) == set()


def test_a_generated_project_develops_with_what_the_runtime_needs_for_tests() -> None:
    extra = {normalized(line) for line in declared("kaiwu_runtime")["optional-dependencies"]["testing"]}
    lines = (ROOT / "templates/init/requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    assert extra - {"yarl"} <= {normalized(line) for line in lines}  # aiohttp requires yarl


def test_kaiwuctl_requires_its_own_version_of_the_runtime() -> None:
    assert kaiwuctl.__version__ == kaiwu_runtime.__version__
    (requirement,) = [line for line in declared("kaiwuctl")["dependencies"] if normalized(line) == "kaiwu-runtime"]
    assert requirement == f"kaiwu-runtime=={kaiwu_runtime.__version__}"


def test_no_project_takes_the_name_of_a_dependency_of_the_runtime() -> None:
    project = declared("kaiwu_runtime")
    for dependency in map(normalized, [*project["dependencies"], *project["optional-dependencies"]["testing"]]):
        with pytest.raises(InvalidNameError):
            check(dependency, PROJECT_NAME_RULES, what="--project-name")


def test_both_have_one_licence() -> None:
    assert (FOLDERS["kaiwu_runtime"] / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("package", FOLDERS)
def test_the_wheel_has_licence_readme_and_addresses(package: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=FOLDERS[package], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata_name,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(archive.read(metadata_name))
        (licence,) = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    readme = (FOLDERS[package] / "README.md").read_text(encoding="utf-8")
    assert str(metadata.get_payload()).strip()[:40] == readme.strip()[:40]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["License-Expression"] == "Apache-2.0"
    labels = {line.partition(",")[0] for line in metadata.get_all("Project-URL", [])}
    assert labels >= {"Homepage", "Documentation", "Changelog", "Issues"}
    if package == "kaiwuctl":
        assert f"kaiwu-runtime=={kaiwu_runtime.__version__}" in metadata.get_all("Requires-Dist", [])
