"""The virtual environment that the Makefile makes: with uv or with pip, and never with another kaiwu-runtime."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .cases import EXAMPLE
from .generation import environment, generate


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project; copied, never changed."""
    project, _ = generate(EXAMPLE, tmp_path_factory.mktemp("generated"))
    return project


@pytest.fixture
def fresh(tmp_path: Path, generated: Path) -> Path:
    """A project without a virtual environment, below a folder with a blank in its name."""
    return Path(shutil.copytree(generated, tmp_path / "my operators" / "kaiwu-operator"))


@pytest.fixture(params=["uv", "pip"])
def path_of_installer(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH on which uv is, or is not."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "uv").exists()]
    if request.param == "pip":
        return os.pathsep.join(folders)
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to(uv)
    return os.pathsep.join([str(tmp_path / "bin"), *folders])


def make(project: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make with the Python of the tests."""
    command = ["make", f"PYTHON={sys.executable}", *arguments]
    return subprocess.run(command, cwd=project, env=environment(PATH=path), capture_output=True, text=True, check=False)


def test_environment_has_the_vendored_runtime(fresh: Path, path_of_installer: str) -> None:
    result = make(fresh, path_of_installer, "generate")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("Setting up .venv\n")
    (recorded,) = (fresh / ".venv").glob("lib/python*/site-packages/kaiwu_runtime-*.dist-info/direct_url.json")
    assert f"/vendor/{next((fresh / 'vendor').iterdir()).name}" in recorded.read_text(encoding="utf-8")

    again = make(fresh, path_of_installer, "generate")
    assert "Setting up" not in again.stdout
    (fresh / "requirements.txt").touch()
    assert "Setting up" in make(fresh, path_of_installer, "--dry-run", "generate").stdout


def test_wheel_with_another_hash_is_refused(fresh: Path, path_of_installer: str) -> None:
    (wheel,) = (fresh / "vendor").iterdir()
    with wheel.open("ab") as stream:
        stream.write(b"\0")
    result = make(fresh, path_of_installer, "generate")
    assert result.returncode == 2
    assert "hash" in (result.stdout + result.stderr).lower()
    assert not list((fresh / ".venv").glob("lib/python*/site-packages/kaiwu_runtime*"))
    assert not (fresh / ".venv" / ".installed").exists()


def test_wheel_that_is_missing_is_not_looked_for_elsewhere(fresh: Path, path_of_installer: str) -> None:
    (wheel,) = (fresh / "vendor").iterdir()
    wheel.unlink()
    result = make(fresh, path_of_installer, "generate")
    assert result.returncode == 2
    assert wheel.name in result.stdout + result.stderr
    assert not (fresh / ".venv" / ".installed").exists()
