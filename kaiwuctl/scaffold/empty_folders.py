"""Folders of packages that a plan leaves with nothing in them but what Python compiled."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from kaiwuctl.scaffold.plan import Plan

_CACHE: Final = "__pycache__"


def is_left_empty(root: Path, package: str, gone: Collection[str]) -> bool:
    """Whether the folder of a package has nothing in it but `package`, the files in `gone` and compiled files.

    Args:
        root: The project's folder.
        package: The ``__init__.py``, relative to the project.
        gone: Files that are deleted or moved away, relative to the project.
    """
    folder = package.rpartition("/")[0]
    return _is_empty(root, folder, {*gone, package})


def _is_empty(root: Path, folder: str, gone: Collection[str]) -> bool:
    try:
        entries = list(os.scandir(root / folder))
    except OSError:
        return True
    for entry in entries:
        path = f"{folder}/{entry.name}"
        if entry.name == _CACHE or path in gone:
            continue
        if not entry.is_dir(follow_symlinks=False) or not _is_empty(root, path, gone):
            return False
    return True


def remove_caches(root: Path, plan: Plan) -> None:
    """Remove the folders that a plan, now carried out, has left with nothing but compiled files.

    They are caches: what cannot be removed stays, and nothing is lost when the process ends on the way.

    Args:
        root: The project's folder.
        plan: The plan.
    """
    left = {step.path for file in plan.files for step in file.steps() if step.content is None}
    for path in sorted(left, key=lambda path: -path.count("/")):
        for parent in Path(path).parents[:-1]:
            folder = root / parent
            if not folder.is_dir() or folder.is_symlink():
                continue
            if {entry.name for entry in os.scandir(folder)} - {_CACHE}:
                break
            _remove(folder)


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        cache = folder / _CACHE
        if cache.is_dir() and not cache.is_symlink():
            for compiled in cache.glob("*.pyc"):
                compiled.unlink()
            cache.rmdir()
        folder.rmdir()
