"""Runs many commands in this process: a property needs hundreds, and each process of its own takes 0.3 s."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kaiwuctl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

_GENERATOR = (
    "import sys; from kaiwu_runtime.generator._cli import main; sys.exit(main(sys.argv[1:]) or main(['generate']))"
)


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
