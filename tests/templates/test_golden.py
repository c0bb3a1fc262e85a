"""Whole generated projects are compared with the committed ones."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from cases import CASES, Case
from generate import generate, run, tree

pytestmark = pytest.mark.golden

HINT = "review the difference, then run `make example`"


def difference(expected: dict[str, bytes], found: dict[str, bytes]) -> str:
    """Return what differs between two trees, readable; empty when nothing does."""
    lines = [f"missing: {name}" for name in sorted(expected.keys() - found.keys())]
    lines += [f"not expected: {name}" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        if expected[name] != found[name]:
            before, after = (content.decode(errors="replace").splitlines() for content in (expected[name], found[name]))
            lines += difflib.unified_diff(before, after, f"committed/{name}", f"generated/{name}", lineterm="")
    return "\n".join(lines)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_generated_tree_is_the_committed_one(case: Case, repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    generate(folder, case.init, case.apis, case.files)
    found = tree(folder)
    changes = difference(tree(repository / "tests/golden" / case.name), found)
    assert not changes, f"{HINT}\n{changes}"

    for api in case.apis:
        printed = run(f"kaiwuctl create api {api} --make=false", folder)
        assert "Nothing to do" in printed
    assert not difference(found, tree(folder)), "the same command twice changed something"


def test_every_committed_tree_has_a_case(repository: Path) -> None:
    committed = {path.name for path in (repository / "tests/golden").iterdir()}
    assert committed == {case.name for case in CASES}


def test_the_comparison_sees_every_kind_of_difference() -> None:
    changes = difference({"a": b"1\n", "b": b"1\n", "c": b""}, {"a": b"2\n", "c": b"", "d": b""})
    assert changes.splitlines()[:2] == ["missing: b", "not expected: d"]
    assert "-1" in changes
    assert "+2" in changes
