"""Which version of a kind the API server stores, as the project's types say."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kaiwu_runtime.generator._versions import stored_version
from kaiwuctl.errors import ContentError
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Resource


def storage_version(root: Path, versions: list[Resource]) -> str:
    """Return the version that `make manifests` marks as stored; the first one where that is not clear.

    The files are read, not executed.

    Args:
        root: The project's folder.
        versions: The entries of all versions of a kind, at least one.
    """
    found = {entry.version: _resource_decorator(root, entry) for entry in versions}
    marks = {version: _mark(decorator) for version, decorator in found.items() if decorator is not None}
    return stored_version(marks) or versions[0].version


def _resource_decorator(root: Path, entry: Resource) -> ast.Call | None:
    """Return the `@resource(...)` of a type, whose class may have another name than the kind."""
    path = f"{entry.path}/{entry.kind.lower()}_types.py"
    try:
        tree = ast.parse(read_regular(root, path, limit=TEXT_LIMIT) or b"")
    except (ContentError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in (each for each in ast.walk(tree) if isinstance(each, ast.ClassDef)):
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and _is_resource(decorator.func):
                kind = _keyword(decorator, "kind")
                if entry.kind == (node.name if kind is None else kind):
                    return decorator
    return None


def _is_resource(function: ast.expr) -> bool:
    return (function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")) == "resource"


def _mark(decorator: ast.Call) -> bool | None:
    mark = _keyword(decorator, "storage")
    return mark if isinstance(mark, bool) else None


def _keyword(decorator: ast.Call, name: str) -> object:
    """Return the constant that a keyword has; None where it has none."""
    values = [keyword.value for keyword in decorator.keywords if keyword.arg == name]
    return values[0].value if values and isinstance(values[0], ast.Constant) else None
