"""The virtual environment that the Makefile makes: with uv or with pip, and never with another kaiwu-runtime."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .cases import EXAMPLE
from .generation import environment, find_uv, generate

# Of attrs-23.2.0-py3-none-any.whl.
ATTRS = "99b87a485a5820b23b879f04c2305b44b951b502fd64be915879d77a7e8fc6f1"


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
    uv = find_uv()
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


HASHED = re.compile(r"[a-z0-9][a-z0-9._-]*==[^ ]+( ; .+)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+")


def test_everything_is_pinned_with_hashes(fresh: Path, path_of_installer: str) -> None:
    """Also what a user adds, without a change of the versions that are pinned already; no index is named."""
    with (fresh / "requirements.txt").open("a", encoding="utf-8") as stream:
        stream.write("attrs\n")
    assert make(fresh, path_of_installer, "lock").returncode == 0
    locks = [fresh / "requirements.lock", fresh / "requirements-dev.lock"]
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        first, _, rest = text.partition("\n")
        assert first.startswith("# Written by make lock; do not edit.")
        assert HASHED.sub("", rest) == ""
        assert "://" not in text
        assert "kaiwu" not in rest
        assert str(fresh) not in text
    pinned = locks[0].read_text(encoding="utf-8")
    assert {"h11", "pydantic", "uvloop"} <= set(re.findall(r"^([a-z0-9._-]+)==", pinned, re.MULTILINE))

    older = re.sub(r"(?m)^attrs==.*\n(?: +--hash.*\n)+", f"attrs==23.2.0 \\\\\n    --hash=sha256:{ATTRS}\n", pinned)
    assert older != pinned
    locks[0].write_text(older, encoding="utf-8")
    with (fresh / "requirements.txt").open("a", encoding="utf-8") as stream:
        stream.write("funcy==2.0\n")
    result = make(fresh, path_of_installer, "generate")
    assert result.returncode == 0, result.stdout + result.stderr
    again = locks[0].read_text(encoding="utf-8")
    assert "\nattrs==23.2.0 " in again
    assert "\nfuncy==2.0 " in again
    installed = {path.name.partition(".dist-info")[0] for path in (fresh / ".venv").glob("lib/python*/site-packages/*")}
    assert {"attrs-23.2.0", "funcy-2.0"} <= installed
    assert sorted(path.name for path in fresh.iterdir() if "lock" in path.name) == sorted(lock.name for lock in locks)

    before = {lock: lock.read_bytes() for lock in locks}
    assert make(fresh, path_of_installer, "generate").returncode == 0
    assert {lock: lock.read_bytes() for lock in locks} == before


def test_a_file_with_another_hash_is_not_installed(fresh: Path, path_of_installer: str) -> None:
    assert make(fresh, path_of_installer, "lock").returncode == 0
    lock = fresh / "requirements.lock"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(
        re.sub(r"(?m)(^msgspec==.*\n)(?: +--hash.*\n)+", rf"\1    --hash=sha256:{'0' * 64}\n", text), encoding="utf-8"
    )
    result = make(fresh, path_of_installer, "generate")
    assert result.returncode == 2
    assert "hash" in (result.stdout + result.stderr).lower()
    assert not (fresh / ".venv" / ".installed").exists()


def test_without_a_package_index_the_lists_are_installed_with_a_warning(
    fresh: Path, path_of_installer: str, tmp_path: Path
) -> None:
    """And the image is not built: what it would hold is not known."""
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    command = ["make", f"PYTHON={sys.executable}", "generate"]
    variables = environment(PATH=path_of_installer, **nowhere)
    result = subprocess.run(command, cwd=fresh, env=variables, capture_output=True, text=True, check=False)
    assert "warning: requirements.lock cannot be written, so versions are not pinned: run 'make lock'" in result.stderr
    assert not list(fresh.glob("requirements*.lock*"))
    command = ["make", f"PYTHON={sys.executable}", "docker-build", "CONTAINER_TOOL=echo built"]
    result = subprocess.run(command, cwd=fresh, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "built" not in result.stdout
