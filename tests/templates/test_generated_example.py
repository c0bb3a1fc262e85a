"""generated-example/ is exactly what the two commands of the README write."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from generate import tree
from regenerate import generate_example
from test_golden import HINT, difference

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "kaiwu-operator"
    generate_example(folder)
    return folder


def test_every_file_is_the_same(generated: Path, repository: Path) -> None:
    changes = difference(tree(repository / "generated-example"), tree(generated))
    assert not changes, f"{HINT}\n{changes}"


def members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_vendored_wheel_holds_the_present_runtime(generated: Path, repository: Path) -> None:
    """By content: how well it is compressed depends on the machine that built it."""
    (committed,) = (repository / "generated-example/vendor").glob("*.whl")
    (fresh,) = (generated / "vendor").glob("*.whl")
    assert committed.name == fresh.name
    expected, found = members(committed), members(fresh)
    assert sorted(expected) == sorted(found), HINT
    assert [name for name in found if found[name] != expected[name]] == [], HINT


def test_the_recorded_hash_is_the_committed_wheels(repository: Path) -> None:
    (wheel,) = (repository / "generated-example/vendor").glob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    recorded = (repository / "generated-example/requirements-runtime.txt").read_text(encoding="utf-8")
    assert f"./vendor/{wheel.name} --hash=sha256:{digest}\n" in recorded
