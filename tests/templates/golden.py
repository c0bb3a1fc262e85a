"""The committed golden trees: three whole ones, and diffs from one of them for every other case."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from .cases import Case
from .generation import contents, golden_contents

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE_FOLDER = REPOSITORY / "generated-example"
GOLDEN_FOLDER = REPOSITORY / "tests" / "golden"

Tree = dict[str, tuple[bytes, bool]]


def committed_path(case: Case) -> Path:
    """Return the folder or the diff that a case is committed as."""
    if case.name == "plain":
        return EXAMPLE_FOLDER
    return GOLDEN_FOLDER / (case.name if case.base is None else f"{case.name}.diff")


def write_tree(folder: Path, files: Tree) -> None:
    """Write these files below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (content, executable) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if executable else 0o644)


def diff(parent: Path, base: Tree, other: Tree) -> str:
    """Return what git says of the way from one tree to another; `parent` is an empty directory to work in."""
    write_tree(parent / "a", base)
    write_tree(parent / "b", other)
    command = ["diff", "--no-index", "--no-prefix", "--no-renames", "--no-color", "--no-ext-diff", "--unified=1"]
    text = _git(parent, *command, "a", "b", statuses=(0, 1))
    # The hashes of the whole files would change with every change of the base.
    return re.sub(r"^index [0-9a-f]+\.\.[0-9a-f]+( \d+)?\n", "", text, flags=re.MULTILINE)


def materialise(case: Case, cases: dict[str, Case], folder: Path) -> None:
    """Write the committed tree of a case into `folder`.

    Raises:
        subprocess.CalledProcessError: The diff does not apply to its base.
    """
    if case.base is None:
        write_tree(folder, golden_contents(committed_path(case)))
        return
    write_tree(folder, golden_contents(committed_path(cases[case.base])))
    apply_diff(folder, committed_path(case))


def apply_diff(folder: Path, patch: Path) -> None:
    """Change the tree in a folder as a diff says.

    Raises:
        subprocess.CalledProcessError: It does not apply.
    """
    _git(folder, "apply", "--whitespace=nowarn", "-p1", str(patch))


def committed_contents(case: Case, cases: dict[str, Case], folder: Path) -> Tree:
    """Return the committed tree of a case, written into `folder` first; nothing when there is none."""
    if not committed_path(case).exists():
        return {}
    materialise(case, cases, folder)
    return contents(folder)


def _git(folder: Path, *arguments: str, statuses: tuple[int, ...] = (0,)) -> str:
    """Run git in a folder as if it were in no repository and had no configuration."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    command = ["git", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode not in statuses:
        raise subprocess.CalledProcessError(result.returncode, command, result.stdout, result.stderr)
    return result.stdout
