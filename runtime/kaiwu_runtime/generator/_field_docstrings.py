"""The docstrings under the fields of a type, which are their descriptions.

Only what is generated needs them, so they are read here. pydantic can do it for each class that it makes, which takes
a third of the time to import a large module of types.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic.fields import FieldInfo

from kaiwu_runtime.api._model import APIModel
from kaiwu_runtime.api._source_line import SOURCE_LINE


@dataclass(frozen=True, slots=True)
class _Class:
    """A class in the source: its lines up to the body, the names it annotates, the docstrings under them."""

    lines: range
    annotated: Set[str]
    docstrings: Mapping[str, str]


def field_description(model: type[Any], name: str, field: FieldInfo) -> str | None:
    """Return what ``Field(description=...)`` says, else the docstring under a field; None if there is neither.

    Args:
        model: The model.
        name: The field's, in Python.
        field: The field.
    """
    return field.description if field.description is not None else _inherited(model, name)


def _inherited(model: type[Any], name: str) -> str | None:
    """Return the docstring under a field of a class, or of the first of its bases that has the field, as pydantic."""
    source = _source(model) if issubclass(model, APIModel) else None
    if source is not None and name in source.annotated:
        return source.docstrings.get(name)
    base = next((each for each in model.__bases__ if name in getattr(each, "__pydantic_fields__", ())), None)
    return None if base is None else _inherited(base, name)


@lru_cache(maxsize=1024)
def _source(model: type[APIModel]) -> _Class | None:
    place = model.__dict__.get(SOURCE_LINE)
    if place is None or not model.model_config.get("use_attribute_docstrings", True):
        return None
    name, file, line = place
    linecache.checkcache(file)
    module = sys.modules.get(model.__module__)
    # The module's loader has the source of one that is in a zip file.
    text = "".join(linecache.getlines(file, vars(module) if module is not None else None))
    return next((each for each in _classes(text).get(name, ()) if line in each.lines), None)


@lru_cache(maxsize=16)
def _classes(text: str) -> dict[str, list[_Class]]:
    """Return the classes of a module by their names."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # it has changed since, or is nested too deep
        return {}
    found: dict[str, list[_Class]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found.setdefault(node.name, []).append(_read(node))
    return found


def _read(node: ast.ClassDef) -> _Class:
    annotated: set[str] = set()
    docstrings: dict[str, str] = {}
    _collect(node, annotated, docstrings)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return _Class(range(first, node.body[0].lineno + 1), annotated, docstrings)


def _collect(block: ast.AST, annotated: set[str], docstrings: dict[str, str]) -> None:
    """Add the fields of a class body, or of a block in it such as that of an ``if``."""
    last = ""
    for statement in ast.iter_child_nodes(block):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=last)):
                annotated.add(last)
                continue
            case ast.Expr(value=ast.Constant(value=str(text))) if last:
                docstrings[last] = inspect.cleandoc(text)
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.expr():
                pass
            case _:
                _collect(statement, annotated, docstrings)
        last = ""
