"""Puts a part of a module that a page shows into the module, as a reader does."""

from __future__ import annotations

import ast
import textwrap


def with_part(source: str, part: str) -> str:
    """Return a module with a part in the place of what has the same name.

    Args:
        source: The module.
        part: Imports, and a class, a method of the module's class, or a decorator for that class.
    """
    if part.startswith("@") and len(part.splitlines()) == 1:
        shown_class = _first_class(source)
        line = min([shown_class.lineno, *(each.lineno for each in shown_class.decorator_list)])
        return _inserted(source, line, part)
    tree = ast.parse(part)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    (shown,) = (node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef))
    body = "\n".join(part.splitlines()[shown.lineno - 1 :]) + "\n"
    module = ast.parse(source)
    places = [*module.body, *(_first_class(source).body if not isinstance(shown, ast.ClassDef) else [])]
    (old,) = (node for node in places if getattr(node, "name", "") == shown.name)
    lines = source.splitlines(keepends=True)
    lines[old.lineno - 1 : old.end_lineno] = [textwrap.indent(body, " " * old.col_offset)]
    changed = "".join(lines)
    first = next(node.lineno for node in module.body if isinstance(node, ast.Import | ast.ImportFrom))
    for node in imports:
        changed = _inserted(changed, first, ast.unparse(node) + "\n")
    return changed


def _first_class(source: str) -> ast.ClassDef:
    return next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))


def _inserted(source: str, line: int, text: str) -> str:
    lines = source.splitlines(keepends=True)
    return "".join([*lines[: line - 1], text, *lines[line - 1 :]])
