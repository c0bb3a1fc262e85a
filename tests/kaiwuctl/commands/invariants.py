"""What holds after every command, whatever came before it."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

# Here, so that the forks that import a project's modules have them already.
import kaiwu_runtime.controller
import kaiwu_runtime.manager
import kaiwu_runtime.webhook
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.scaffold.record import Record

from .command_line import Entry, snapshot
from .in_process import Answer, built, kaiwuctl

if TYPE_CHECKING:
    from collections.abc import Sequence

Words = tuple[str, ...]
RUNTIME = (kaiwu_runtime.controller, kaiwu_runtime.manager, kaiwu_runtime.webhook)
# Shared by several commands, by the generator or by people: a record of their content would say nothing.
UNRECORDED = {"PROJECT", ".kaiwuctl/scaffold.json"}
LONGEST = 2100


def problems_of_answer(answer: Answer) -> list[str]:
    """Return what is wrong with the form of an answer."""
    problems = []
    if answer.status not in {0, 1, 2}:
        problems.append(f"status {answer.status}")
    if "Traceback" in answer.errors or "bug in kaiwuctl" in answer.errors:
        problems.append("a bug is shown to the user")
    errors = [line for line in answer.errors.splitlines() if line.startswith("error: ")]
    if len(errors) != (answer.status != 0):
        problems.append(f"{len(errors)} errors")
    if any(not line.startswith(("error: ", "warning: ", "  ")) for line in answer.errors.splitlines()):
        problems.append("a line that is neither an error nor a warning nor part of a list")
    if any(len(line) > LONGEST for line in answer.errors.splitlines()):
        problems.append("an error that is too long")
    return problems


def run_once(folder: Path, words: Words) -> Answer:
    """Run a command in the working directory `folder`; one that fails changes nothing."""
    before = snapshot(folder)
    answer = kaiwuctl(*words)
    assert problems_of_answer(answer) == [], (words, answer)
    if answer.status != 0:
        assert snapshot(folder) == before, (words, answer)
    return answer


def check_project(folder: Path) -> None:
    """Assert that a project builds, imports, is linted, and that its records agree with its files."""
    built(folder)
    assert import_all(folder) == ""
    for words in (("check", "--no-cache"), ("format", "--no-cache", "--check")):
        command = [sys.executable, "-m", "ruff", words[0], "-q", *words[1:], "."]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout
    check_records(folder)


def check_records(folder: Path) -> None:
    """Assert that PROJECT and .kaiwuctl/scaffold.json name what is there, and nothing else."""
    record, project = Record.load(folder), ProjectFile.load(folder).project
    files = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(record.files) <= files
    changed = {path for path in record.files if not record.is_unchanged(path, (folder / path).read_bytes())}
    assert changed == set()
    assert files - set(record.files) - UNRECORDED == set()
    kinds = [(entry.qualified_group, entry.version, entry.kind) for entry in project.resources]
    assert len(kinds) == len(set(kinds))
    for entry in project.resources:
        if entry.api:
            assert f"{entry.path}/{entry.kind.lower()}_types.py" in files
        for name in entry.controllers:
            module = project.controller_module(entry.group, entry.kind, name)
            assert f"{project.controller_folder(entry.group)}/{module}.py" in files


def import_all(folder: Path) -> str:
    """Import every module of a project in a fork; return the traceback of one that fails."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as stream:
            message = stream.read()
        os.waitpid(child, 0)
        return message
    try:
        sys.dont_write_bytecode = True
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        modules = ["main.py", *sorted(str(path) for top in ("api", "controllers") for path in Path(top).rglob("*.py"))]
        for module in modules:
            importlib.import_module(module.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    except BaseException:  # noqa: BLE001 - the parent reports it
        os.write(writing, traceback.format_exc()[-2000:].encode())
    finally:
        os._exit(0)


def difference(one: dict[str, Entry], other: dict[str, Entry]) -> list[str]:
    """Return the names in which two trees differ."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def tree_after(source: Path, commands: Sequence[Words], place: Path) -> tuple[list[int], dict[str, Entry]]:
    """Return the statuses of commands in a copy of a project, and the tree that they leave."""
    shutil.copytree(source, place, symlinks=True)
    previous = Path.cwd()
    os.chdir(place)
    try:
        return [kaiwuctl(*words).status for words in commands], snapshot(place)
    finally:
        os.chdir(previous)
        shutil.rmtree(place)
