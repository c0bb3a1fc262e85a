"""Which modules a Python file imports, read from its text: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_MISSING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class Import(NamedTuple):
    """A module that is imported.

    Attributes:
        module: Its full name; empty for ``from . import name`` in a package at the top.
        names: What is imported from it, which may be modules below it; empty for ``import module``.
        line: Line number.
    """

    module: str
    names: tuple[str, ...]
    line: int


def imports_of(source: bytes, package: str) -> list[Import]:
    """Return what a file imports wherever the import is, for type checkers only and optional imports left out.

    Args:
        source: Content of the file.
        package: Full name of the package the file is in, for relative imports; empty at the top.

    Raises:
        SyntaxError: It is not Python.
        ValueError: It has null bytes.
    """
    return list(_walk(ast.parse(source).body, package))


def _walk(body: Sequence[ast.AST], package: str) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, (), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(_absolute(node, package), names, node.lineno)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _walk(node.orelse, package)
        elif isinstance(node, ast.With | ast.AsyncWith) and any(_suppresses_missing(item) for item in node.items):
            continue
        elif isinstance(node, ast.Try | ast.TryStar) and any(_catches_missing(handler) for handler in node.handlers):
            # The import is optional, and so are its alternatives: one of them is enough.
            yield from _walk([*node.orelse, *node.finalbody], package)
        else:
            yield from _walk(list(ast.iter_child_nodes(node)), package)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - (node.level - 1)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _is_type_checking(test: ast.expr) -> bool:
    return _name(test) == "TYPE_CHECKING"


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return _any_missing(handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])


def _suppresses_missing(item: ast.withitem) -> bool:
    """Return whether it is ``contextlib.suppress(ImportError)``."""
    call = item.context_expr
    return isinstance(call, ast.Call) and _name(call.func) == "suppress" and _any_missing(call.args)


def _any_missing(caught: Sequence[ast.expr]) -> bool:
    return any(_name(each) in _MISSING for each in caught)


def _name(expression: ast.expr) -> str:
    return str(getattr(expression, "id", getattr(expression, "attr", "")))
