"""Generates projects with the installed command, as a person would, for the golden trees and the example."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NEW_YEAR_2026 = "1767225600"
"""SOURCE_DATE_EPOCH: the copyright year must not depend on the day."""

_HASH = re.compile(rb"(--hash=sha256:)[0-9a-f]{64}")
_IGNORED_PARTS = {".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "build", "dist"}
_MAKE_VARIABLES = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a generated project's commands: the installed kaiwuctl first on PATH."""
    kept = {name: value for name, value in os.environ.items() if name not in _MAKE_VARIABLES}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "SOURCE_DATE_EPOCH": NEW_YEAR_2026, **(extra or {})}


def run(command: str | list[str], folder: Path, extra: Mapping[str, str] | None = None) -> str:
    """Run a command and return what it printed; one that fails is an AssertionError with its output."""
    words = shlex.split(command) if isinstance(command, str) else command
    finished = subprocess.run(
        words,
        cwd=folder,
        env=environment(extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{words}: status {finished.returncode}\n{finished.stdout}"
    return finished.stdout


def generate(folder: Path, init: str, apis: tuple[str, ...], files: tuple[tuple[str, str], ...] = ()) -> None:
    """Run `init` and every `create api` in an empty folder, then the generator in this interpreter."""
    folder.mkdir(parents=True)
    for name, content in files:
        (folder / name).write_text(content, encoding="utf-8")
    project = "--domain inspur.com --repo github.com/inspur/kaiwu-operator --project-name kaiwu-operator"
    run(f"kaiwuctl init {project} {init}", folder)
    for api in apis:
        run(f"kaiwuctl create api {api} --make=false", folder)
    generator = [sys.executable, "-m", "kaiwu_runtime.generator"]
    run([*generator, "manifests", *(["--namespaced"] if "--namespaced" in init else [])], folder)
    run([*generator, "generate"], folder)


def tree(folder: Path, *, wheel: bool = False) -> dict[str, bytes]:
    """Return the files of a project by path; without the wheel, its hash is left out as well."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or _IGNORED_PARTS & set(relative.parts):
            continue
        if path.suffix == ".whl" and not wheel:
            continue
        content = path.read_bytes()
        found[relative.as_posix()] = content if wheel else _HASH.sub(rb"\1<of the wheel>", content)
    return found
