"""docs/make-targets.md has every target and every variable of a project's Makefile, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FIRST_CELL = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)


@pytest.fixture
def makefile(repository: Path) -> str:
    return (repository / "generated-example/Makefile").read_text(encoding="utf-8")


@pytest.fixture
def tables(repository: Path) -> list[set[str]]:
    """Return the names in the first column of each of the two tables."""
    page = (repository / "docs/make-targets.md").read_text(encoding="utf-8")
    targets, _, variables = page.partition("| variable |")
    return [set(re.findall(r"`([^`]+)`", " ".join(FIRST_CELL.findall(part)))) for part in (targets, variables)]


def test_the_targets(makefile: str, tables: list[set[str]]) -> None:
    assert tables[0] == set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))


def test_the_variables(makefile: str, tables: list[set[str]]) -> None:
    assert tables[1] == set(re.findall(r"^([A-Za-z_-]+) \?=", makefile, re.MULTILINE))
