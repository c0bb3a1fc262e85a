"""The class of a kind in the modules that import it, where something else there has its name.

A kind called `Webhook` is a class `Webhook` in the module of its type; the module of its webhooks imports another class
of that name, and calls the kind's `WebhookKind`. Whether a name is taken is read from the rendered modules: they are
what the templates make of it.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names.rule import quoted
from kaiwuctl.scaffold.api_files import files_of
from kaiwuctl.scaffold.import_lines import import_line, renamed
from kaiwuctl.scaffold.locate import template_folder
from kaiwuctl.scaffold.render import RenderedFile, render_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kaiwuctl.scaffold.context import APIContext

_TYPES = "types.py.jinja"


def with_free_class(context: APIContext) -> APIContext:
    """Return the variables of an API with a class name that its modules do not have already.

    Args:
        context: The variables.
    """
    folder, data = template_folder("api"), context.as_data()
    modules = (
        render_file(folder / file.row.template, file.path, data)
        for file in files_of(context)
        if file.path.endswith(".py") and not file.row.template.endswith(_TYPES)
    )
    return with_other_class(context) if is_taken(context.class_name, modules) else context


def with_other_class(context: APIContext) -> APIContext:
    """Return the variables with the kind's class under another name: ``Hub`` is imported as ``HubKind``.

    Args:
        context: The variables.
    """
    name = f"{context.kind}Kind"
    line = import_line(context.type_module, [renamed(context.class_in_module, name)])
    return replace(context, class_name=name, type_import=line)


def is_taken(name: str, modules: Iterable[RenderedFile]) -> bool:
    """Return whether a module gives a name to two things.

    Args:
        name: Of a class.
        modules: Python.
    """
    return any(_bound(module).count(name) > 1 for module in modules)


def check_type(kind: str, module: RenderedFile) -> None:
    """Refuse a kind whose class would replace what the module of its type imports.

    Args:
        kind: The kind.
        module: Of its type.

    Raises:
        InvalidNameError: Names the module.
    """
    if is_taken(kind, [module]):
        raise InvalidNameError(
            f"--kind {quoted(kind)}: is a name that the generated {module.path} imports; choose another, for example "
            f"{kind}Set"
        )


def _bound(module: RenderedFile) -> list[str]:
    """Return the names that the statements of a module give, each as often as one does."""
    names: list[str] = []
    for node in ast.parse(module.content).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.extend(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
        else:
            names.extend(
                each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            )
    return names
