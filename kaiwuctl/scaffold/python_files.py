"""The Python files of a project that its user or kaiwuctl wrote: no virtual environment, cache or build output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaiwuctl.project.contents import is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

# At the top of a project only: below it a group may be called like that.
_NOT_SOURCES: Final = frozenset({"build", "dist", "env", "vendor", "venv", "wheels"})
_OF_OTHERS: Final = frozenset({"node_modules", "site-packages"})
_CACHE: Final = "__pycache__"


def project_files(root: Path) -> Iterator[str]:
    """Return the regular files of a project, relative to it and sorted; links and hidden folders are left out.

    Args:
        root: The project's folder.
    """
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name for name in folders if _has_sources(Path(folder) / name, top=folder == os.fspath(root))
        )
        for name in sorted(names):
            path = (Path(folder) / name).relative_to(root).as_posix()
            if is_plain(root, path):
                yield path


def _has_sources(folder: Path, *, top: bool) -> bool:
    """Return whether a folder is a person's or kaiwuctl's, and not one that a tool has made."""
    if folder.name.startswith(".") or folder.name == _CACHE:
        return False
    if (folder / "__init__.py").exists():
        return True
    if folder.name in _OF_OTHERS or (top and folder.name in _NOT_SOURCES):
        return False
    return not (folder / "pyvenv.cfg").exists()  # a virtual environment, under any name


def python_files(root: Path) -> Iterator[str]:
    """Return the Python files of a project, relative to it and sorted.

    Args:
        root: The project's folder.
    """
    return (path for path in project_files(root) if path.endswith(".py"))


def module_of(path: str) -> str:
    """Return the module that a file is imported as: ``api/v1/__init__.py`` gives ``api.v1``."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def package_of(path: str) -> str:
    """Return the package that relative imports in a file start from."""
    return path.rpartition("/")[0].replace("/", ".")


def absolute_module(path: str, level: int, module: str) -> str:
    """Return the module that an import names; empty when it leads out of the project.

    Args:
        path: The file with the import.
        level: The number of dots in front.
        module: What follows the dots; may be empty.
    """
    if not level:
        return module
    parts = package_of(path).split(".") if package_of(path) else []
    if level - 1 > len(parts) or not parts:
        return ""
    base = parts[: len(parts) - (level - 1)]
    return ".".join([*base, *([module] if module else [])])
