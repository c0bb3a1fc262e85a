"""generated-example/ is exactly what the two commands of the README write."""

from __future__ import annotations

import hashlib
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from .cases import EXAMPLE
from .difference import describe_difference
from .generation import contents, generate, golden_contents

pytestmark = pytest.mark.golden

HINT = "generated-example/ is not what kaiwuctl writes; if the change is meant, run `make example`"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project, _ = generate(EXAMPLE, tmp_path_factory.mktemp("example"))
    return project


@pytest.fixture
def example(repository: Path) -> Path:
    return repository / "generated-example"


def wheel_below(project: Path) -> Path:
    """Return the one wheel of a project."""
    wheels = list((project / "vendor").iterdir())
    assert [wheel.suffix for wheel in wheels] == [".whl"], HINT
    return wheels[0]


def members(wheel: Path) -> dict[str, bytes]:
    """Return the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_every_file_is_the_generated_one(generated: Path, example: Path) -> None:
    report = describe_difference(golden_contents(example), golden_contents(generated))
    assert not report, f"{HINT}\n{report}"


def test_wheel_holds_the_present_runtime(generated: Path, example: Path) -> None:
    """By its members: how well they are compressed depends on the zlib of the machine that built it."""
    committed, fresh = wheel_below(example), wheel_below(generated)
    assert committed.name == fresh.name, HINT
    old, new = members(committed), members(fresh)
    assert sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)) == [], HINT


@pytest.mark.parametrize("tree", ["committed", "generated"])
def test_recorded_digest_is_that_of_the_wheel(tree: str, generated: Path, example: Path) -> None:
    project = example if tree == "committed" else generated
    wheel = wheel_below(project)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    recorded = (project / "requirements-runtime.txt").read_text(encoding="utf-8")
    assert f"./vendor/{wheel.name} --hash=sha256:{digest}\n" in recorded
    assert len(re.findall("sha256:", recorded)) == 1


def test_no_ignore_rule_hides_a_file(repository: Path) -> None:
    """A clone must have every file of the example and of the golden trees."""
    if not (repository / ".git").exists():
        pytest.skip("this is no git checkout")
    trees = [repository / "generated-example", *(repository / "tests" / "golden").iterdir()]
    names = [f"{tree.relative_to(repository)}/{name}" for tree in trees for name in contents(tree)]
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    result = subprocess.run(
        command, cwd=repository, input="\n".join(names), capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    assert any(name.endswith(".whl") for name in names)
