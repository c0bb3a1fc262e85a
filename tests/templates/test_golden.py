"""The committed golden trees are what the commands write today, and a command that is repeated changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cases import CASES, Case
from .difference import describe_difference
from .generation import generate, golden_contents

pytestmark = pytest.mark.golden

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Path, list[str]]:
    """A case with its project and what a second run of a command changed in it."""
    case: Case = request.param
    return (case, *generate(case, tmp_path_factory.mktemp(case.name), twice=True))


def test_tree_is_the_committed_one(generated: tuple[Case, Path, list[str]]) -> None:
    case, project, _ = generated
    report = describe_difference(committed_contents(GOLDEN / case.name), golden_contents(project))
    assert not report, (
        f"tests/golden/{case.name} is not what kaiwuctl writes. If the change is meant, run `make example` and "
        f"look at `git diff tests/golden`.\n{report}"
    )


def test_commands_run_twice_change_nothing(generated: tuple[Case, Path, list[str]]) -> None:
    _, _, changed = generated
    assert changed == []


def test_every_golden_tree_has_a_case() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(case.name for case in CASES)


def test_difference_is_described() -> None:
    committed = {"same": (b"a\n", False), "text": (b"one\ntwo\n", False), "gone": (b"", False), "mode": (b"", True)}
    generated = {"same": (b"a\n", False), "text": (b"one\n2\n", False), "new": (b"", False), "mode": (b"", False)}
    report = describe_difference(committed, generated)
    assert "missing: gone" in report
    assert "extra: new" in report
    assert "mode: executable in the committed tree only" in report
    assert "-two\n+2\n" in report
    assert "same" not in report


def committed_contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Return a committed tree, or nothing when there is none."""
    return golden_contents(folder) if folder.is_dir() else {}
