"""generated-example/ is what the two commands of the README write; the runtime's wheel comes with `make example`."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import kaiwu_runtime

from .cases import CASES
from .generation import RUNTIME_REQUIREMENTS, contents, environment
from .golden import EXAMPLE_FOLDER, GOLDEN_FOLDER

pytestmark = pytest.mark.golden


def wheel_below(project: Path) -> Path:
    """Return the one wheel of a project."""
    (wheel,) = (project / "vendor").iterdir()
    assert wheel.suffix == ".whl"
    return wheel


def test_wheel_holds_the_present_runtime(example_project: Path) -> None:
    with zipfile.ZipFile(wheel_below(example_project)) as archive:
        assert archive.testzip() is None
        vendored = {name: archive.read(name) for name in archive.namelist() if name.startswith("kaiwu_runtime/")}
    package = Path(kaiwu_runtime.__file__).parent
    installed = {f"kaiwu_runtime/{name}": content for name, (content, _) in contents(package).items()}
    assert (
        sorted(name for name in vendored.keys() | installed.keys() if vendored.get(name) != installed.get(name)) == []
    )


def test_recorded_digest_is_that_of_the_wheel(example_project: Path) -> None:
    wheel = wheel_below(example_project)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    recorded = (example_project / RUNTIME_REQUIREMENTS).read_text(encoding="utf-8")
    assert f"./vendor/{wheel.name} --hash=sha256:{digest}\n" in recorded
    assert len(re.findall("sha256:", recorded)) == 1


@pytest.mark.parametrize("missing", ["vendor", RUNTIME_REQUIREMENTS])
def test_what_is_not_committed_is_one_clear_line_where_it_is_missing(
    missing: str, example_project: Path, tmp_path: Path
) -> None:
    project = Path(shutil.copytree(example_project, tmp_path / "project"))
    path = project / missing
    wheel = wheel_below(project).name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    result = subprocess.run(
        ["make", "lint"], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    name = f"vendor/{wheel}" if missing == "vendor" else missing
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make: ***")]
    assert result.returncode != 0
    assert lines == [f"error: {name} is missing: run 'kaiwuctl init' in this directory to restore it"]
    assert not (project / ".venv").exists()


def test_ignore_rules_hide_the_wheel_and_no_other_file(repository: Path, example_project: Path) -> None:
    """A clone must have every other file of the example and of the golden trees."""
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout")
    names = [f"{EXAMPLE_FOLDER.relative_to(repository)}/{name}" for name in contents(example_project)]
    names += [path.relative_to(repository).as_posix() for path in GOLDEN_FOLDER.rglob("*") if path.is_file()]
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    result = subprocess.run(
        command, cwd=repository, input="\n".join(names), capture_output=True, text=True, check=False
    )
    assert result.stderr == ""
    assert sorted(Path(name).suffix for name in result.stdout.split()) == [".txt", ".whl"]
    assert len(names) > 3 * len(CASES)
