"""The committed golden trees; test_golden.py shows that they are what the commands write."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .cases import CASES, EXAMPLE, Case
from .generation import generate
from .golden import materialise


@pytest.fixture(scope="session")
def golden_trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of every case, with the tree that is committed for it; only read."""
    by_name = {case.name: case for case in CASES}
    parent = tmp_path_factory.mktemp("golden")
    for case in CASES:
        materialise(case, by_name, parent / case.name)
    return {name: parent / name for name in by_name}


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def golden(request: pytest.FixtureRequest, golden_trees: dict[str, Path]) -> Path:
    """The golden tree of each case; only read."""
    case: Case = request.param
    return golden_trees[case.name]


@pytest.fixture(scope="session")
def example_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the README as it is generated, with its wheel; only read."""
    project, _ = generate(EXAMPLE, tmp_path_factory.mktemp("example"))
    return project


@pytest.fixture
def plain(tmp_path: Path, example_project: Path) -> Path:
    """A copy of the project of the README, to change and to run make in."""
    return Path(shutil.copytree(example_project, tmp_path / "kaiwu-operator"))
