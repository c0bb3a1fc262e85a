"""The committed golden trees; test_golden.py shows that they are what the commands write."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .cases import CASES

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module", params=[case.name for case in CASES])
def golden(request: pytest.FixtureRequest) -> Path:
    """The golden tree of each case; only read."""
    return GOLDEN / str(request.param)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A copy of the project of the README, to change and to run make in."""
    return Path(shutil.copytree(GOLDEN / "plain", tmp_path / "kaiwu-operator"))
