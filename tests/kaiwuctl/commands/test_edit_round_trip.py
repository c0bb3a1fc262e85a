"""`kaiwuctl edit` there and back: a project is what it was, and what it would be had it been started so."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kaiwuctl.project.file import ProjectFile

from .command_line import CREATE_ONLY, snapshot
from .in_process import built, check_imports, done, inside, kaiwuctl
from .random_apis import CREATES, OTHERS

if TYPE_CHECKING:
    from .command_line import CommandLine, Entry

MULTI = ("edit", "--multigroup", "--make=false")
SINGLE = ("edit", "--no-multigroup", "--make=false")
EPOCH = {"SOURCE_DATE_EPOCH": "1767225600"}
INIT_WORDS = ("init", "--domain", "example.com", "--project-name", "shop-operator")


def random_project(folder: Path, init: tuple[str, ...], commands: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Make a project in the working directory, and a module of the user's that imports every type.

    Returns:
        The commands that were accepted. The other layout may accept more: a controller has another default name there.
    """
    done(*INIT_WORDS, *init)
    accepted = [command for command in commands if kaiwuctl("create", "api", *command, "--make=false").status == 0]
    lines = [
        f"from {entry.path.replace('/', '.')}.{entry.kind.lower()}_types import {entry.kind} as {entry.kind}{number}\n"
        for number, entry in enumerate(ProjectFile.load(folder).project.resources)
        if entry.api
    ]
    (folder / "billing").mkdir()
    (folder / "billing/plans.py").write_text("".join(sorted(lines)))
    return accepted


def one_group(commands: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return commands of which no two name different groups of the project's own."""
    own = [command for command in commands if "--untyped" not in command and "apps" not in command]
    return [command for command in commands if command not in own or command[1] == own[0][1]]


def test_multigroup_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte; in between kustomize builds the same objects, and every import works."""
    monkeypatch.setenv(*next(iter(EPOCH.items())))

    @settings(
        max_examples=10,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        init=st.sampled_from([(), ("--namespaced",), ("--license", "none"), ("--owner", "Zoë")]),
        commands=st.lists(CREATES | OTHERS, min_size=1, max_size=5).map(one_group),
        multigroup=st.booleans(),
    )
    def check(init: tuple[str, ...], commands: list[tuple[str, ...]], multigroup: bool) -> None:
        there, back = (SINGLE, MULTI) if multigroup else (MULTI, SINGLE)
        with tempfile.TemporaryDirectory() as parent, inside(Path(parent)) as folder:
            accepted = random_project(folder, (*init, "--multigroup") if multigroup else init, commands)
            before, objects = snapshot(folder), built(folder)
            done(*there)
            assert built(folder) == objects
            check_imports(folder)
            moved = snapshot(folder)
            assert done(*there) == "Nothing to do: the project has these values already.\n"
            # The commands that made it find everything where they would write it.
            for command in accepted:
                kaiwuctl("create", "api", *command, "--make=false")
            assert without_record(snapshot(folder)) == without_record(moved)
            done(*back)
            assert without_record(snapshot(folder)) == without_record(before)

    check()


def without_record(tree: dict[str, Entry]) -> dict[str, Entry]:
    return {path: entry for path, entry in tree.items() if not path.startswith(".kaiwuctl/")}


@pytest.mark.parametrize(
    ("start", "flags", "back"),
    [
        ((), ("--namespaced",), ("--no-namespaced",)),
        ((), ("--owner", "Zoë & Søn"), ("--owner", "")),
        (("--owner", "A"), ("--license", "none"), ("--license", "apache2")),
        (("--license", "none"), ("--license", "apache2", "--owner", "B"), ("--license", "none", "--owner", "")),
        (("--license", "none", "--owner", "A"), ("--owner", "B"), ("--owner", "A")),
        (
            ("--owner", "A"),
            ("--namespaced", "--license", "none", "--owner", "C"),
            ("--no-namespaced", "--license=apache2", "--owner", "A"),
        ),
    ],
    ids=lambda flags: " ".join(flags).replace(" ", "_") or "default",
)
def test_an_edited_project_is_one_that_was_started_so(
    empty: CommandLine, start: tuple[str, ...], flags: tuple[str, ...], back: tuple[str, ...]
) -> None:
    """Byte by byte, the record included; and the way back gives the tree that it began with."""
    command_line = type(empty)(empty.folder, EPOCH)

    def made(values: tuple[str, ...]) -> dict[str, Entry]:
        shutil.rmtree(empty.folder)
        empty.folder.mkdir()
        command_line.ok(*INIT_WORDS, *values)
        command_line.ok(*CREATE_ONLY)
        return snapshot(empty.folder)

    values = dict(zip(start[::2], start[1::2], strict=True))
    wanted = [flag for flag in flags if flag == "--namespaced"]
    texts = [flag for flag in flags if flag != "--namespaced"]
    values.update(zip(texts[::2], texts[1::2], strict=True))
    expected = made((*wanted, *(word for item in values.items() for word in item)))
    before = made(start)
    command_line.ok("edit", *flags, "--make=false")
    assert snapshot(empty.folder) == expected
    command_line.ok("edit", *back, "--make=false")
    assert snapshot(empty.folder) == before
