"""Checks that a module of imported types is what was meant: types, and no statement that came from a text.

The CRD may be another person's, and the module runs at the next `make manifests`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import CRDError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from kaiwuctl.importer.expressions import Model

_BUILTINS: Final = frozenset({"bool", "dict", "float", "int", "list", "str"})
_EXPRESSIONS: Final = (
    ast.Call, ast.Constant, ast.Dict, ast.List, ast.Load, ast.Name, ast.Subscript, ast.Tuple, ast.keyword,
    ast.BinOp, ast.BitOr, ast.UnaryOp, ast.USub,
)  # fmt: skip


class _OtherCodeError(Exception):
    """The module has something else than what was written."""


def check_module(text: str, summary: str, imports: Mapping[str, Set[str]], classes: Sequence[Model]) -> None:
    """Check that a module has its docstring, its imports and its classes, and that these have their fields only.

    Args:
        text: The module.
        summary: Its docstring.
        imports: The names that it imports, by module.
        classes: In their order.

    Raises:
        CRDError: It has something else; the message is one line without the name of the CRD's file.
    """
    kind = classes[-1].name
    try:
        # The bytes, as Python reads the file: a header may name another encoding.
        tree = ast.parse(text.encode())
        _check(tree, summary, imports, classes)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CRDError(
            f"the types of {kind} cannot be written in Python: a default, an example or an enumeration is nested too "
            "deeply, or holds a value that no literal has; leave it out of the CRD"
        ) from None
    except _OtherCodeError as error:
        raise CRDError(
            f"the types of {kind} were not written: a text of the CRD would become code in Python ({error}); change "
            "that text, and report this as a bug of kaiwuctl"
        ) from None


def _check(tree: ast.Module, summary: str, imports: Mapping[str, Set[str]], classes: Sequence[Model]) -> None:
    statements = iter(tree.body)
    _check_text(next(statements, None), summary)
    for module, names in sorted(imports.items(), key=lambda each: (each[0] != "typing", each[0])):
        found = next(statements, None)
        if not isinstance(found, ast.ImportFrom) or found.module != module or found.level:
            raise _OtherCodeError(_place(found))
        if {(each.name, each.asname) for each in found.names} != {(name, None) for name in names}:
            raise _OtherCodeError(_place(found))
    known = _BUILTINS.union(*imports.values(), (model.name for model in classes))
    for model in classes:
        _check_class(next(statements, None), model, known)
    if (found := next(statements, None)) is not None:
        raise _OtherCodeError(_place(found))


def _check_class(found: ast.stmt | None, model: Model, known: Set[str]) -> None:
    if not isinstance(found, ast.ClassDef) or found.name != model.name or found.keywords:
        raise _OtherCodeError(_place(found))
    for expression in (*found.decorator_list, *found.bases):
        _check_expression(expression, known)
    statements = iter(found.body)
    if model.description is not None:
        _check_text(next(statements, None), model.description)
    for field in model.fields:
        statement = next(statements, None)
        if not isinstance(statement, ast.AnnAssign) or not _is_name(statement.target, field.attribute):
            raise _OtherCodeError(_place(statement))
        if (statement.value is None) != (field.default is None):
            raise _OtherCodeError(_place(statement))
        _check_expression(statement.annotation, known)
        if statement.value is not None:
            _check_expression(statement.value, known)
        if field.is_documented():
            _check_text(next(statements, None), str(field.type.description))
    rest = list(statements)
    if model.description is None and not model.fields:
        rest = [each for each in rest if not isinstance(each, ast.Pass)]
    if rest:
        raise _OtherCodeError(_place(rest[0]))


def _check_text(found: ast.stmt | None, expected: str) -> None:
    """Check a docstring, or the `__doc__` that stands for a long one."""
    value = found.value if isinstance(found, ast.Expr) else None
    if isinstance(found, ast.Assign) and len(found.targets) == 1 and _is_name(found.targets[0], "__doc__"):
        value = found.value
    text = value.value if isinstance(value, ast.Constant) else None
    # The spaces differ: Python keeps the margin of a docstring.
    if not isinstance(text, str) or text.split() != expected.split():
        raise _OtherCodeError(_place(found))


def _check_expression(expression: ast.expr, known: Set[str]) -> None:
    for node in ast.walk(expression):
        if not isinstance(node, _EXPRESSIONS) or (isinstance(node, ast.Name) and node.id not in known):
            raise _OtherCodeError(_place(expression))
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            raise _OtherCodeError(_place(expression))


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _place(node: ast.AST | None) -> str:
    line = getattr(node, "lineno", None)
    return f"line {line}" if line is not None else "its end"
