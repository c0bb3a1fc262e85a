"""The committed golden trees are what the commands write today, and a command that is repeated changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cases import CASES, Case
from .difference import describe_difference
from .generation import contents, generate, golden_contents
from .golden import (
    EXAMPLE_FOLDER,
    GOLDEN_FOLDER,
    apply_diff,
    committed_contents,
    committed_path,
    diff,
    write_tree,
)

# On one worker, because two tests share each project.
pytestmark = [pytest.mark.golden, pytest.mark.xdist_group("golden")]

BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Path, list[str]]:
    """A case with its project and what a second run of a command changed in it."""
    case: Case = request.param
    return (case, *generate(case, tmp_path_factory.mktemp(case.name), twice=True))


def test_tree_is_the_committed_one(generated: tuple[Case, Path, list[str]], tmp_path: Path) -> None:
    case, project, _ = generated
    report = describe_difference(committed_contents(case, BY_NAME, tmp_path / "tree"), golden_contents(project))
    assert not report, (
        f"{committed_path(case).name} is not what kaiwuctl writes. If the change is meant, run `make example` and "
        f"look at `git diff tests/golden generated-example`.\n{report}"
    )


def test_commands_run_twice_change_nothing(generated: tuple[Case, Path, list[str]]) -> None:
    _, _, changed = generated
    assert changed == []


def test_every_golden_tree_has_a_case() -> None:
    committed = {*GOLDEN_FOLDER.iterdir(), EXAMPLE_FOLDER}
    assert committed == {committed_path(case) for case in CASES}


def test_a_diff_leads_from_one_tree_to_the_other(tmp_path: Path) -> None:
    base = {"same": (b"a\n", False), "text": (b"one\ntwo\n", False), "gone": (b"x\n", False), "mode": (b"m\n", False)}
    other = {"same": (b"a\n", False), "text": (b"one\n2", False), "new/empty": (b"", False), "mode": (b"m\n", True)}
    (tmp_path / "work").mkdir()
    text = diff(tmp_path / "work", base, other)
    assert "index" not in text
    patch, tree = tmp_path / "patch", tmp_path / "tree"
    patch.write_text(text, encoding="utf-8")
    write_tree(tree, base)
    apply_diff(tree, patch)
    assert contents(tree) == other


def test_difference_is_described() -> None:
    committed = {"same": (b"a\n", False), "text": (b"one\ntwo\n", False), "gone": (b"", False), "mode": (b"", True)}
    generated = {"same": (b"a\n", False), "text": (b"one\n2\n", False), "new": (b"", False), "mode": (b"", False)}
    report = describe_difference(committed, generated)
    assert "missing: gone" in report
    assert "extra: new" in report
    assert "mode: executable in the committed tree only" in report
    assert "-two\n+2\n" in report
    assert "same" not in report
