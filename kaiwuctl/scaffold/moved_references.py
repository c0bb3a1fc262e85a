"""Follows moved files in the rest of the project: imports, and paths in the settings of tools.

What cannot be proved to mean a moved file, such as a string in Python or a path in a text, is left alone and listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import ContentError
from kaiwuctl.scaffold.import_rewriting import UnreadableSourceError, rewrite_imports
from kaiwuctl.scaffold.python_files import module_of, project_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kaiwuctl.scaffold.tree_edit import TreeEdit

# Files in which a path can only be a path.
_SETTINGS: Final = frozenset(
    {
        *(".dockerignore", ".gitignore", ".pre-commit-config.yaml", "Dockerfile", "Makefile", "mypy.ini"),
        *("pyproject.toml", "pytest.ini", "ruff.toml", ".ruff.toml", "setup.cfg", "tox.ini"),
    }
)
_WORKFLOWS: Final = ".github/workflows"
_SHOWN: Final = 100
_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """A line that may name what has moved.

    Attributes:
        path: The file, where it is afterwards.
        line: Line number, from 1.
        text: The line, shortened.
    """

    path: str
    line: int
    text: str


def rewrite_references(root: Path, edit: TreeEdit, folders: Mapping[str, str]) -> list[Reference]:
    """Change the imports and the settings that name moved files.

    Args:
        root: The project's folder.
        edit: With the moves; gets the changes.
        folders: Folders that move as a whole, with their new paths.

    Returns:
        The lines that a person has to look at.
    """
    modules = {module_of(old): module_of(new) for old, new in edit.moved.items() if old.endswith(".py")}
    paths = {**edit.moved, **folders}
    names = {**paths, **modules}
    mentions = _pattern(list(names))
    found: list[Reference] = []
    if not edit.moved:
        return found
    for path in (*project_files(root), *_hidden_settings(root)):
        text, settings = edit.searched(path), path in _SETTINGS or path.startswith(f"{_WORKFLOWS}/")
        if text is None:
            if path.endswith(".py") or settings:
                found.append(Reference(edit.target(path), 1, _first_line(edit, path)))
            continue
        unread = False
        if path.endswith(".py"):
            try:
                changed = rewrite_imports(text, path, edit.target(path), modules)
            except UnreadableSourceError:
                changed, unread = text, True
        elif settings:
            changed = mentions.sub(lambda match: names[match[0]], text)
        else:
            changed = text
        if changed != text:
            edit.write(path, changed)
        if not _is_written_by_kaiwuctl(path):
            target = edit.target(path)
            deeper = target.count("/") != path.count("/")
            found += _mentions(target, changed, mentions, deeper=deeper, unread=unread)
    return found[:_LIMIT]


def _first_line(edit: TreeEdit, path: str) -> str:
    """Return the first line of a file that is not text, as far as it can be read."""
    try:
        content = edit.read(path) or b""
    except ContentError:
        return "(was not read)"
    return content.split(b"\n", 1)[0].decode("ascii", "replace").strip()[:_SHOWN]


def _pattern(names: list[str]) -> re.Pattern[str]:
    """Return a pattern for names of files, folders and modules that are not a part of a longer name."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])") if names else _NOTHING


_NOTHING: Final = re.compile(r"(?!)")


def _hidden_settings(root: Path) -> Iterator[str]:
    """Return the settings in hidden files and folders."""
    yield from sorted(name for name in _SETTINGS if name.startswith(".") and (root / name).is_file())
    folder = root / _WORKFLOWS
    if folder.is_dir():
        yield from sorted(f"{_WORKFLOWS}/{path.name}" for path in folder.iterdir() if path.suffix in {".yml", ".yaml"})


def _is_written_by_kaiwuctl(path: str) -> bool:
    """Whether a file names moved files in what kaiwuctl itself keeps up to date."""
    return path == "PROJECT" or path.endswith("kustomization.yaml")


def _mentions(path: str, text: str, pattern: re.Pattern[str], *, deeper: bool, unread: bool) -> Iterator[Reference]:
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.search(line) or (deeper and "__file__" in line) or (unread and number == 1):
            yield Reference(path, number, line.strip()[:_SHOWN])
