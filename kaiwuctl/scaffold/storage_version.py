"""Which version of a kind the API server stores, as the project's types say."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kaiwuctl.errors import ContentError
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Resource


def storage_version(root: Path, versions: list[Resource]) -> str:
    """Return the version whose type does not say `storage=False`; the first one where that is not clear.

    The files are read, not executed.

    Args:
        root: The project's folder.
        versions: The entries of all versions of a kind, at least one.
    """
    stored = [entry.version for entry in versions if _is_stored(root, entry)]
    return stored[0] if len(stored) == 1 else versions[0].version


def _is_stored(root: Path, entry: Resource) -> bool:
    path = f"{entry.path}/{entry.kind.lower()}_types.py"
    try:
        tree = ast.parse(read_regular(root, path, limit=TEXT_LIMIT) or b"")
    except (ContentError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == entry.kind:
            calls = [decorator for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
            values = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "storage"]
            return not any(isinstance(value, ast.Constant) and value.value is False for value in values)
    return False
