"""Runs many commands in this process, and looks at what they leave in the project.

A property needs hundreds of commands, and each process of its own takes 0.3 s.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kaiwuctl.cli import main
from kaiwuctl.project.file import ProjectFile

if TYPE_CHECKING:
    from collections.abc import Iterator

_GENERATOR = (
    "import sys; from kaiwu_runtime.generator._cli import main; sys.exit(main(sys.argv[1:]) or main(['generate']))"
)

_IMPORT_ALL = """
import importlib, pathlib, sys
sys.path.insert(0, ".")
for path in sorted(pathlib.Path(".").rglob("*.py")):
    if path.parts[0] in {"api", "controllers", "billing"} or path.name == "main.py":
        name = path.with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        importlib.import_module(name)
"""

Entries = dict[tuple[str, str, str], tuple[bool, tuple[str, ...]]]


class Answer(NamedTuple):
    """What a command said."""

    status: int
    output: str
    errors: str


def kaiwuctl(*arguments: str) -> Answer:
    """Run the command line in the working directory."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = main(list(arguments))
    return Answer(status, output.getvalue(), errors.getvalue())


def done(*arguments: str) -> str:
    """Run the command line in the working directory, insist on success, and return standard output."""
    answer = kaiwuctl(*arguments)
    assert answer.status == 0, (arguments, answer)
    return answer.output


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[Path]:
    """Make a folder the working directory."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)


def run_generator(folder: Path, *flags: str) -> None:
    """Do what `make manifests generate` does, without the virtual environment it makes first."""
    command = [sys.executable, "-B", "-c", _GENERATOR, "manifests", *flags]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def built(folder: Path, kustomization: str = "config/default") -> str:
    """Return what kustomize builds of a folder."""
    command = ["kubectl", "kustomize", kustomization]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def recorded(folder: Path) -> Entries:
    """Return what PROJECT has: whether a type, and the names of the controllers, by group, version and kind."""
    resources = ProjectFile.load(folder).project.resources
    return {(entry.group, entry.version, entry.kind): (entry.api, entry.controllers) for entry in resources}


def check_imports(folder: Path) -> None:
    """Insist that every module of a project can be imported."""
    command = [sys.executable, "-B", "-c", _IMPORT_ALL]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
