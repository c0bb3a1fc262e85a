"""Whatever a flag is given: one line and an exit status, never a traceback, and nothing half-written.

The flags are those that typer knows, so that a new one is tested without an edit here.
"""

from __future__ import annotations

import itertools
import os
import random
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import yaml

from kaiwuctl.application import load
from kaiwuctl.commands import COMMANDS, Row

from ..go_operator import shop_crd, write_go_operator
from .command_line import CREATE_ONLY, snapshot
from .in_process import Answer, done, inside, kaiwuctl
from .webhook_commands import HOOK

if TYPE_CHECKING:
    from pathlib import Path

_T = TypeVar("_T")

HOSTILE = {
    "empty": "",
    "blank": " \t ",
    "no-break space": "\u00a0",
    "long": "a" * 100_000,
    "NUL": "a\0b",
    "newline": "v1\nb\r\n",
    "escape": "\x1b[2J\x1b]0;x\x07",
    "look-alike": "\u0430pi\u0455",
    "right to left": "a\u202eb",
    "emoji": "\U0001f980",
    "not UTF-8": "a\udcffb",
    "unknown flag": "--no-such-flag",
    "flag": "--group",
    "path traversal": "../../../../etc/passwd",
    "device": "/dev/null",
    "endless": "/dev/zero",
    "Python": "class",
    "number": "9" * 400,
    "comma": ",",
    "template": "{{ 7 * 7 }}{% raise %}",
    "format": "{0.__class__}%s%n",
    "quotes": "'\";#&|`$(id)",
    "YAML": "a: [&a *a]",
    "URL": "https://127.0.0.1:1/x",
}

OF_KIND = ("--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster")
# Values that many flags take, by the name of the parameter; any other gets a word.
PLAUSIBLE = {
    "version": "v2",
    "versions": "v1",
    "kind": "Shop",
    "spoke": "v2",
    "license_name": "none",
    "license_file": "../header.txt",
    "repo": "example.com/x",
    "project_version": "3",
    "plugins": "python",
    "container_port": "8080",
    "run_as_user": "1000",
    "source": "lightkube.resources.apps_v1:Deployment",
    "from_crd": "../shops.yaml",
    "operations": "delete",
    "certificates": "none",
    "defaulting_path": "/x",
    "validation_path": "/x",
    "name": "Shop",
}
# A boolean is parsed in one place, so that it needs few values.
OF_A_BOOLEAN = ("empty", "long", "newline", "emoji")
VALUES = int(os.environ.get("KAIWU_FLAG_VALUES", "9"))
"""How many values each flag is given, and how many pairs of flags each command; drawn alike in each run."""

# What each command needs beside the flag in question; a command that is not here needs nothing.
NEEDED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("create", "api"): ("--group", "web", "--version", "v1", "--kind", "Bakery"),
    ("create", "webhook"): (*OF_KIND, "--defaulting"),
    ("delete", "api"): (*OF_KIND, "--with-webhooks"),
    ("delete", "webhook"): OF_KIND,
    ("import", "crd"): ("../shops.yaml",),
    ("import", "project"): ("../go",),
}
STARTS_A_FOLDER = {("init",), ("import", "project")}
# They start and stop processes; their flags are the runtime's and tested there.
ROWS = [row for row in COMMANDS if row.path[0] != "envtest"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """An empty folder and a project with a webhook, and beside them what is imported; no command changes them."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "header.txt").write_text("Copyright\n")
    (root / "shops.yaml").write_text(yaml.safe_dump(shop_crd()))
    write_go_operator(root / "go")
    empty, project = root / "empty", root / "kaiwu-operator"
    empty.mkdir()
    project.mkdir()
    with inside(project):
        done("init", "--domain", "example.com", "--multigroup")
        done(*CREATE_ONLY)
        done(*HOOK, "--defaulting", "--validation")
    return {True: empty, False: project}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No command reaches a cluster or reads the user's files."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))


def parameters(row: Row) -> list[Any]:
    """Return the parameters of a command, without help and those that every command has."""
    return [each for each in load(row).params if each.name not in {"help", "dry_run", "verbose", "make"}]


def without(words: tuple[str, ...], flag: str) -> tuple[str, ...]:
    """Return the words without a flag and its value."""
    if flag not in words:
        return words
    place = words.index(flag)
    return (*words[:place], *words[place + 2 :])


def check_answer(words: tuple[str, ...], answer: Answer) -> None:
    """Assert that a command was done, or rejected in one line without what a terminal acts on."""
    shown = [word[:40] for word in words], answer
    assert answer.status in {0, 1, 2}, shown
    assert "Traceback" not in answer.output + answer.errors, shown
    assert "bug in kaiwuctl" not in answer.errors, shown
    if answer.status:
        first, *others = answer.errors.splitlines()
        assert first.startswith("error: "), shown
        assert len(first) < 2100, shown
        # A real stream escapes what is not UTF-8.
        assert first.replace("\u00a0", " ").replace("\udcff", "").isprintable(), shown
        assert all(line.startswith("  ") for line in others), shown
        assert answer.output == "", shown


def check_command(folder: Path, row: Row, words: tuple[str, ...]) -> int:
    """Run a command that may fail: first with --dry-run, and if it fails without, too. Returns the exit status."""
    dry = ("--dry-run",) if any(each.name == "dry_run" for each in load(row).params) else ()
    with inside(folder):
        answer = kaiwuctl(*row.path, *dry, *words)
        check_answer((*row.path, *words), answer)
        if answer.status and dry:
            assert kaiwuctl(*row.path, *words) == answer, words
    return answer.status


def flag_of(parameter: Any) -> str:
    """Return the long spelling of a flag."""
    return str(next(name for name in parameter.opts if name.startswith("--")))


def drawn(seed: str, values: list[_T]) -> list[_T]:
    """Return some of the values: the same for a seed."""
    return random.Random(seed).sample(values, min(VALUES, len(values)))


def hostile_words(row: Row) -> list[tuple[str, ...]]:
    """Return what follows the command: what it needs, and one flag with a hostile value."""
    needed = NEEDED.get(row.path, ())
    made: list[tuple[str, ...]] = []
    for parameter in parameters(row):
        if parameter.param_type_name == "argument":
            made += [("--", value) for value in drawn(parameter.name, list(HOSTILE.values()))]
        elif getattr(parameter, "is_bool_flag", False):
            made += [(*needed, f"{flag_of(parameter)}={HOSTILE[each]}") for each in OF_A_BOOLEAN]
        else:
            flag = flag_of(parameter)
            rest = without(needed, flag)
            made += [(*rest, f"{flag}={value}") for value in drawn(flag, list(HOSTILE.values()))]
            made += [(*rest, flag, "--no-such-flag"), (*rest, flag)]
    return made


def paired_words(row: Row) -> list[tuple[str, ...]]:
    """Return what follows the command: what it needs, and two flags that may not belong together."""
    made: list[tuple[str, ...]] = []
    for pair in itertools.combinations([each for each in parameters(row) if each.param_type_name == "option"], 2):
        words = NEEDED.get(row.path, ())
        for parameter in pair:
            flag = flag_of(parameter)
            value = "" if getattr(parameter, "is_bool_flag", False) else f"={PLAUSIBLE.get(parameter.name, 'word')}"
            words = (*(words if not value else without(words, flag)), f"{flag}{value}")
        made.append(words)
    return drawn(" ".join(row.path), made)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row.path))
def test_a_hostile_value(row: Row, folders: dict[bool, Path]) -> None:
    folder = folders[row.path in STARTS_A_FOLDER]
    before = snapshot(folder.parent)
    statuses = {check_command(folder, row, words) for words in hostile_words(row)}
    assert snapshot(folder.parent) == before
    assert 2 in statuses or not parameters(row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row.path))
def test_two_flags(row: Row, folders: dict[bool, Path]) -> None:
    folder = folders[row.path in STARTS_A_FOLDER]
    before = snapshot(folder.parent)
    for words in paired_words(row):
        check_command(folder, row, words)
    assert snapshot(folder.parent) == before


def test_each_command_can_be_done(folders: dict[bool, Path]) -> None:
    """What a command needs is enough for it: otherwise each value would be rejected for another reason."""
    for row in ROWS:
        if row.path != ("completion",):
            assert check_command(folders[row.path in STARTS_A_FOLDER], row, NEEDED.get(row.path, ())) == 0, row.path
