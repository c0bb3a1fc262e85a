"""What the module of a type says about the kind's status: whether a controller can set conditions in it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from kaiwuctl.errors import ContentError
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular

if TYPE_CHECKING:
    from pathlib import Path


def lacks_conditions(root: Path, path: str, kind: str) -> bool:
    """Return whether a type has no ``status.conditions`` that are `Conditions`.

    A module that is missing or no Python is not known to lack them.

    Args:
        root: The project's folder.
        path: The module of the type, relative to it.
        kind: The name of its class.
    """
    try:
        content = read_regular(root, path, limit=TEXT_LIMIT)
        tree = None if content is None else ast.parse(content)
    except (ContentError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if tree is None:
        return False
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    status = _annotation(classes.get(kind), "status")
    # `WidgetStatus | None` may be None.
    if not isinstance(status, ast.Name):
        return True
    conditions = _annotation(classes.get(status.id), "conditions")
    if isinstance(conditions, ast.Subscript) and _name(conditions.value) == "Annotated":
        parts = conditions.slice
        conditions = parts.elts[0] if isinstance(parts, ast.Tuple) else parts
    return _name(conditions) != "Conditions"


def _annotation(owner: ast.ClassDef | None, attribute: str) -> ast.expr | None:
    """Return the type of an attribute."""
    for node in owner.body if owner is not None else ():
        if isinstance(node, ast.AnnAssign) and _name(node.target) == attribute:
            return node.annotation
    return None


def _name(node: ast.expr | None) -> str:
    """Return the last part of a name, which may have dots."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
