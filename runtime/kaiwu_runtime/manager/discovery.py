"""Finds the controllers of a project, so that nothing has to be registered by hand.

Every module ``*_controller.py`` below the package must hold a reconciler. What cannot be found is an error that
names the file, never silence.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from kaiwu_runtime.controller.reconciler import Reconciler
from kaiwu_runtime.errors import ConfigurationError

SUFFIX = "_controller"


def find_reconcilers(package: ModuleType) -> list[type[Reconciler]]:
    """Return the reconciler classes of a package, in the order of their modules' names.

    Raises:
        ConfigurationError: A module fails to import, or holds no reconciler; the message names the file.
    """
    found: list[type[Reconciler]] = []
    for name, file in _modules(package):
        module = _import(name, file)
        own = [
            member
            for member in vars(module).values()
            if isinstance(member, type)
            and issubclass(member, Reconciler)
            and member.__module__ == name
            and not inspect.isabstract(member)
        ]
        if not own:
            abstract = next((member for member in vars(module).values() if _is_unfinished(member, name)), None)
            if abstract is not None:
                missing = ", ".join(sorted(abstract.__abstractmethods__))
                raise ConfigurationError(f"{file}: {abstract.__name__} lacks {missing}")
            raise ConfigurationError(
                f"{file}: no Reconciler in it; define one, or rename the file so that it does not end in {SUFFIX}.py"
            )
        found.extend(own)
    return found


def _is_unfinished(member: object, module: str) -> bool:
    return (
        isinstance(member, type)
        and issubclass(member, Reconciler)
        and member.__module__ == module
        and inspect.isabstract(member)
    )


def _modules(package: ModuleType) -> Iterator[tuple[str, Path]]:
    """Yield name and file of every controller module, in packages below as well."""
    paths = list(getattr(package, "__path__", ()))
    if not paths:
        raise ConfigurationError(f"{package.__name__} is a module; discover() takes the package that holds controllers")
    for path in paths:
        _check_packages(Path(path))
        _check_names(Path(path))
    for info in sorted(pkgutil.walk_packages(paths, f"{package.__name__}.", onerror=_unreadable), key=lambda i: i.name):
        if not info.ispkg and info.name.endswith(SUFFIX):
            spec = info.module_finder.find_spec(info.name, None)
            yield info.name, Path(spec.origin if spec is not None and spec.origin else info.name)


def _check_packages(root: Path) -> None:
    """A folder without __init__.py would be passed over in silence."""
    for file in sorted(root.rglob(f"*{SUFFIX}.py")):
        for folder in file.parents:
            if folder == root:
                break
            if not (folder / "__init__.py").exists():
                raise ConfigurationError(f"{file} is not found by Python: add an empty {folder / '__init__.py'}")


def _check_names(root: Path) -> None:
    """A reconciler in a file of another name would never run, and nobody would be told.

    The files are parsed, not imported: what they do when they are imported is not known here.
    """
    for file in sorted(root.rglob("*.py")):
        if file.stem.endswith(SUFFIX):
            continue
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue  # whoever imports it will hear of that
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and _is_complete_reconciler(node):
                raise ConfigurationError(
                    f"{file}: {node.name} is a Reconciler that is not found there; "
                    f"move it to a file whose name ends in {SUFFIX}.py"
                )


def _is_complete_reconciler(node: ast.ClassDef) -> bool:
    """Whether a class inherits from Reconciler by name and defines what one must; a base class lacks one of them."""
    bases = {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in node.bases}
    methods = {entry.name for entry in node.body if isinstance(entry, ast.FunctionDef | ast.AsyncFunctionDef)}
    return "Reconciler" in bases and {"setup_with_manager", "reconcile"} <= methods


def _unreadable(name: str) -> None:
    _import(name, Path(name))


def _import(name: str, file: Path) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ConfigurationError:
        raise
    except Exception as error:
        where = next(
            (
                f"{frame.filename}:{frame.lineno}"
                for frame in reversed(traceback.extract_tb(error.__traceback__))
                if not frame.filename.startswith("<")
            ),
            str(file),
        )
        if isinstance(error, SyntaxError) and error.filename:
            where = f"{error.filename}:{error.lineno}"
        raise ConfigurationError(f"{file} cannot be imported: {type(error).__name__}: {error} (at {where})") from error
