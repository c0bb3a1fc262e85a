"""Makes a project with the installed ``kaiwuctl``, and reads trees so that they can be compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .cases import PROJECT_FOLDER, Case

# 2026-01-01: the year of the licence headers, whenever this runs.
EPOCH = "1767225600"
# Names the wheel in vendor/ and its digest.
RUNTIME_REQUIREMENTS = "requirements-runtime.txt"
# Has the digest of every file that kaiwuctl wrote.
RECORD = ".kaiwuctl/scaffold.json"

_GENERATOR = (
    "import sys; from kaiwu_runtime.generator._cli import main; sys.exit(main(sys.argv[1:]) or main(['generate']))"
)
# make sets these for its children; another make would try to share its job slots, and uv would take the environment.
_INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "VIRTUAL_ENV", "KUBECONFIG", "PYTHONPATH")

_LEFT_BY_TOOLS = {"__pycache__", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


class GenerationError(Exception):
    """A command that makes a project failed; the message has its output."""


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a user's shell: this one without what make and a virtual environment put there."""
    kept = {key: value for key, value in os.environ.items() if key not in _INHERITED}
    return {**kept, "SOURCE_DATE_EPOCH": EPOCH, **variables}


def index_variables(port: int) -> dict[str, str]:
    """Return the environment variables with which uv and pip know one package index only, at a port of this machine."""
    url = f"http://127.0.0.1:{port}/simple/"
    return {"UV_DEFAULT_INDEX": url, "PIP_INDEX_URL": url, "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": ""}


def find_uv() -> str | None:
    """Return the path of uv, which is installed beside this interpreter."""
    return shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def run(command: list[str], folder: Path) -> None:
    """Run a command in `folder`.

    Raises:
        GenerationError: It failed.
    """
    result = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        line = " ".join(command[1:])
        raise GenerationError(f"{line}: exit status {result.returncode}\n{result.stdout}{result.stderr}")


def kaiwuctl(folder: Path, *arguments: str) -> None:
    """Run the command that is installed beside this interpreter."""
    run([str(Path(sys.executable).parent / "kaiwuctl"), *arguments], folder)


def run_generator(case: Case, project: Path) -> None:
    """Do what ``make manifests generate`` does, without the virtual environment it makes first."""
    arguments = ["manifests", "--namespaced"] if case.namespaced else ["manifests"]
    run([sys.executable, "-B", "-c", _GENERATOR, *arguments], project)


def generate(case: Case, parent: Path, *, twice: bool = False) -> tuple[Path, list[str]]:
    """Make the project of a case below `parent`.

    Args:
        case: The commands.
        parent: An empty folder.
        twice: Run every command a second time and look what that changes.

    Returns:
        The project's folder, and a line for each file that a second run changed.
    """
    for name, text in case.files.items():
        (parent / name).write_text(text, encoding="utf-8")
    project = parent / PROJECT_FOLDER
    project.mkdir()
    changed: list[str] = []
    commands = [("init", *case.init), *case.commands]
    for command in commands:
        kaiwuctl(project, *command)
        if twice:
            before = contents(project)
            kaiwuctl(project, *command)
            changed += [f"kaiwuctl {' '.join(command)}: {line}" for line in differing(before, contents(project))]
    run_generator(case, project)
    if twice:
        before = contents(project)
        run_generator(case, project)
        for command in commands[1:]:
            kaiwuctl(project, *command)
        changed += [f"everything once more: {line}" for line in differing(before, contents(project))]
    return project, changed


def contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Return the files below a folder by relative path, with their bytes and whether they are executable.

    Files that tools leave in a project are left out.
    """
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o111))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _LEFT_BY_TOOLS & set(path.relative_to(folder).parts)
    }


def golden_contents(project: Path) -> dict[str, tuple[bytes, bool]]:
    """Return what is committed of a project: all but the runtime's wheel, the file with its digest, and their record.

    Both change with every change of the runtime, and say nothing about templates.
    """
    files = contents(project)
    kept = {name: file for name, file in files.items() if not _is_of_the_runtime(name)}
    if RECORD in kept:
        record = json.loads(kept[RECORD][0])
        record["files"] = {name: entry for name, entry in record["files"].items() if not _is_of_the_runtime(name)}
        text = json.dumps(record, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        kept[RECORD] = (text.encode(), kept[RECORD][1])
    return kept


def _is_of_the_runtime(name: str) -> bool:
    return name == RUNTIME_REQUIREMENTS or name.startswith("vendor/")


def differing(one: dict[str, tuple[bytes, bool]], other: dict[str, tuple[bytes, bool]]) -> list[str]:
    """Return the names of the files that are in one tree only, or are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
