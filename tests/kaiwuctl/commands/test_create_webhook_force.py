"""`kaiwuctl create webhook --force` writes what is recorded again, and nothing less: every division into commands."""

from __future__ import annotations

import shutil
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from .command_line import CREATE_ONLY, INIT, CommandLine, snapshot
from .in_process import done, inside

if TYPE_CHECKING:
    from pathlib import Path

HOOK = ("create", "webhook", "--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster", "--make=false")
SECOND = ("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")
D, V, C = "--defaulting", "--validation", "--conversion"
DIVISIONS = [((D, V, C),), ((D, V), (C,)), ((D, C), (V,)), ((V, C), (D,)), ((D,), (V,), (C,)), ((C,), (V,), (D,))]
ASKED = [flags for count in (1, 2, 3) for flags in combinations((D, V, C), count)]


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two-versions") / "kaiwu-operator"
    folder.mkdir()
    with inside(folder):
        for words in (INIT, CREATE_ONLY, SECOND):
            done(*words)
    return folder


@pytest.mark.parametrize(
    "division", DIVISIONS, ids=lambda each: "+".join("".join(w[2] for w in words) for words in each)
)
def test_force_keeps_every_webhook(division: tuple[tuple[str, ...], ...], two_versions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kaiwu-operator"
    shutil.copytree(two_versions, folder)
    with inside(folder):
        for flags in division:
            done(*HOOK, *flags)
        before = snapshot(folder)
        for asked in ASKED:
            assert "Nothing to do" in done(*HOOK, *asked, "--force"), asked
            assert snapshot(folder) == before, asked
        # A changed file comes back with all that it had.
        for module in folder.glob("controllers/*_webhook.py"):
            content = module.read_bytes()
            module.write_text("changed = 1\n")
            for flag in (D, V, C):
                done(*HOOK, flag, "--force")
            assert module.read_bytes() == content, module


def test_the_conversions_are_overwritten_only_where_they_are_asked_for(two_versions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "kaiwu-operator"
    shutil.copytree(two_versions, folder)
    conversion = folder / "api" / "v2" / "kaiwucluster_conversion.py"
    with inside(folder):
        done(*HOOK, D, C)
        written = conversion.read_text()
        conversion.write_text(f"{written}\nmine = 1\n")
        done(*HOOK, D, "--force")
        assert conversion.read_text().endswith("mine = 1\n")
        CommandLine(folder).ok(*HOOK, C, "--force")
    assert conversion.read_text() == written
