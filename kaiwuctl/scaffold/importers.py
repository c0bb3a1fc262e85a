"""Which lines of a project import a module: what breaks when the module goes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kaiwuctl.errors import CollisionError, ContentError
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular
from kaiwuctl.scaffold.python_files import absolute_module, module_of, python_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


def importers(root: Path, modules: Collection[str], *, without: Collection[str] = ()) -> list[str]:
    """Return the lines that import one of `modules`: ``controllers/shop_controller.py line 5 imports api.v1``.

    Args:
        root: The project's folder.
        modules: The modules, in dots.
        without: Files that are not looked at, relative to the project.
    """
    found = []
    for path in python_files(root):
        if path not in without:
            found += [f"{path} line {line} imports {module}" for line, module in imports_of(root, path, modules)]
    return found


def check_importers(root: Path, deleted: Collection[str], *, without: Collection[str] = ()) -> None:
    """Reject the deletion of what another file of the project imports.

    Args:
        root: The project's folder.
        deleted: Files that are to be deleted, relative to the project.
        without: Files that are not looked at, relative to the project.

    Raises:
        CollisionError: Lists the lines.
    """
    modules = {module_of(path) for path in deleted if path.endswith(".py")}
    lines = importers(root, modules, without={*deleted, *without})
    if lines:
        raise CollisionError(
            "nothing was deleted, because other files of the project import what would be; change these lines:",
            details=lines,
        )


def imports_of(root: Path, path: str, modules: Collection[str]) -> Iterator[tuple[int, str]]:
    """Return the line and the module of each import of one of `modules` in a file.

    A file that is not Python, or too large to have been written by hand, has none.

    Args:
        root: The project's folder.
        path: The file, relative to it.
        modules: The modules, in dots.
    """
    try:
        tree = ast.parse(read_regular(root, path, limit=TEXT_LIMIT) or b"")
    except (ContentError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = absolute_module(path, node.level, node.module or "")
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from ((node.lineno, name) for name in dict.fromkeys(names) if name in modules)
