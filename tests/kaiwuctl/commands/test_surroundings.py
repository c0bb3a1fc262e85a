"""Where and beside what a command runs: its environment, its folder's name, and other commands at the same time."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from .command_line import CREATE_ONLY, INIT, CommandLine, snapshot
from .in_process import inside
from .invariants import Words, difference, import_all, tree_after
from .test_kills import KAIWU, SECOND, run_until

if TYPE_CHECKING:
    from pathlib import Path

HOOK = ("create", "webhook", *KAIWU, "--defaulting", "--make=false")
COMMANDS: tuple[Words, ...] = (CREATE_ONLY, ("edit", "--namespaced", "--make=false"))
FIRST: tuple[Words, ...] = (CREATE_ONLY, HOOK)
# Without a home folder, with one that is a file or relative, without a folder for temporary files, without UTF-8.
ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "no-home": {"HOME": None},
    "home-is-a-file": {"HOME": "/etc/passwd"},
    "home-is-empty": {"HOME": ""},
    "home-is-relative": {"HOME": "relative"},
    "state-is-relative": {"XDG_STATE_HOME": "relative", "XDG_CACHE_HOME": "relative"},
    "no-temporary-folder": {"TMPDIR": "/nonexistent"},
    "no-utf-8": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii-streams": {"PYTHONIOENCODING": "ascii"},
    "warnings-are-errors": {"PYTHONWARNINGS": "error"},
    "no-path": {"PATH": ""},
    "git-elsewhere": {"GIT_DIR": "/nonexistent", "GIT_CONFIG_GLOBAL": "/nonexistent"},
}
NAMES = [
    "a b",
    "it's",
    'q"q',
    "nai\u0308ve",
    "日本",
    "line\nbreak",
    "-dash",
    "$HOME",
    "{{ x }}",
    "%s",
    "a\\b",
    "\udcff",
]


def run(folder: Path, *words: str, environment: dict[str, str | None] | None = None) -> None:
    """Run a command that has to succeed without a word on standard error."""
    changed = {**os.environ, **(environment or {})}
    result = subprocess.run(
        ["sh", "-c", 'umask 077; exec "$@"', "sh", *CommandLine(folder).argv(*words)],
        executable="/bin/sh",
        cwd=folder,
        env={name: value for name, value in changed.items() if value is not None},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (0, b""), words


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, pristine: Path) -> dict[str, object]:
    """What the commands leave in the environment of the tests."""
    folder = tmp_path_factory.mktemp("expected") / "kaiwu-operator"
    shutil.copytree(pristine, folder, symlinks=True)
    for words in COMMANDS:
        CommandLine(folder).ok(*words)
    return contents(folder)


def contents(folder: Path) -> dict[str, object]:
    """Return a tree without its modes."""
    return {path: entry.content for path, entry in snapshot(folder).items()}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_environment_changes_nothing(
    name: str, tmp_path: Path, pristine: Path, expected: dict[str, object]
) -> None:
    folder = tmp_path / "kaiwu-operator"
    shutil.copytree(pristine, folder, symlinks=True)
    for words in COMMANDS:
        run(folder, *words, environment=ENVIRONMENTS[name])
    assert contents(folder) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    run(folder, *INIT, "--project-name", "kaiwu-operator")
    for words in (CREATE_ONLY, ("edit", "--multigroup", "--make=false")):
        run(folder, *words)
    assert import_all(folder) == ""


TOGETHER: list[tuple[Words, Words]] = [
    (("edit", "--multigroup", "--make=false"), CREATE_ONLY),
    (("edit", "--namespaced", "--make=false"), ("edit", "--owner", "Inspur", "--make=false")),
    (SECOND, ("delete", "webhook", *KAIWU, "--make=false")),
    (
        ("delete", "api", *KAIWU, "--with-webhooks", "--make=false"),
        ("create", "webhook", *KAIWU, "--validation", "--make=false"),
    ),
    (HOOK, HOOK),
]


@pytest.mark.parametrize("commands", TOGETHER, ids=lambda pair: f"{'-'.join(pair[0][:2])}+{'-'.join(pair[1][:2])}")
def test_two_commands_at_the_same_time(commands: tuple[Words, Words], tmp_path: Path, pristine: Path) -> None:
    """What is left is what those that succeeded leave in some order; a run that fails changes nothing."""
    prepared, folder = tmp_path / "prepared" / "kaiwu-operator", tmp_path / "kaiwu-operator"
    shutil.copytree(pristine, prepared, symlinks=True)
    with inside(prepared):
        for words in FIRST:
            CommandLine(prepared).ok(*words)
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(prepared, folder, symlinks=True)
        children = []
        for words in commands:
            child = os.fork()
            if not child:
                os._exit(os.waitstatus_to_exitcode(run_until(folder, words, 0)))
            children.append(child)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert set(statuses) <= {0, 1, 2}
        assert not (folder / ".kaiwuctl-undo").exists()
        done = [words for words, status in zip(commands, statuses, strict=True) if status == 0]
        orders = [tree_after(prepared, order, tmp_path / "x")[1] for order in itertools.permutations(done)]
        assert snapshot(folder) in orders, (statuses, [difference(snapshot(folder), each) for each in orders])


@pytest.mark.parametrize("words", [INIT, CREATE_ONLY, ("edit",)], ids=["init", "create api", "edit"])
def test_a_folder_that_has_been_deleted(words: Words, tmp_path: Path) -> None:
    result = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *CommandLine(tmp_path).argv(*words)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (
        1,
        "error: this directory has been deleted; change to another one and run the command there\n",
    )
