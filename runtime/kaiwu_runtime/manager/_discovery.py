"""Discover the controllers and webhooks of a project, so that they need not be registered by hand.

Every module ``*_controller.py`` below a package must hold a reconciler, and every module ``*_webhook.py`` a webhook.
A file without one causes an error that names the file.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from kaiwu_runtime._optional_methods import uncalled
from kaiwu_runtime._project_modules import import_module
from kaiwu_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from kaiwu_runtime.manager._runnable import Component


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a project that is found.

    Attributes:
        suffix: How its modules are named; the ``module_suffix`` of its base class.
        base: What it is called in errors.
        methods: The names of the base classes, and what a complete class of each defines; for files that are not
            imported.
    """

    suffix: str
    base: str
    methods: Mapping[str, frozenset[str]]


_PARTS = (
    _Part(
        "_controller",
        "Reconciler",
        {
            "Reconciler": frozenset({"setup_with_manager", "reconcile"}),
            "ObjectReconciler": frozenset({"reconcile"}),
        },
    ),
    _Part("_webhook", "Webhook", {"Webhook": frozenset({"setup_with_manager"})}),
)


def find(package: ModuleType) -> list[type[Component]]:
    """Return the reconciler and webhook classes of a package, in the order of their modules' names.

    Raises:
        ConfigurationError: A module fails to import, or does not hold what its name says; the message names the file.
    """
    found: list[type[Component]] = []
    for name, file, part in _modules(package):
        members = [member for member in vars(import_module(name, file)).values() if _is_own(member, part, name)]
        if problem := uncalled(members):
            raise ConfigurationError(f"{file}: {problem}")
        own = [member for member in members if not inspect.isabstract(member)]
        if not own:
            if members:
                missing = ", ".join(sorted(members[0].__abstractmethods__))
                raise ConfigurationError(f"{file}: {members[0].__name__} lacks {missing}")
            raise ConfigurationError(
                f"{file}: no {part.base} in it; define one, or rename the file so that it does not end in "
                f"{part.suffix}.py"
            )
        found.extend(own)
    return found


def _is_own(member: object, part: _Part, module: str) -> bool:
    """Whether a member is a class of this part, defined in the module itself and not imported into it."""
    return (
        isinstance(member, type)
        and member.__module__ == module
        and getattr(member, "module_suffix", None) == part.suffix
    )


def _modules(package: ModuleType) -> Iterator[tuple[str, Path, _Part]]:
    """Yield name, file and content of every module that is looked for, in packages below as well."""
    paths = list(getattr(package, "__path__", ()))
    if not paths:
        raise ConfigurationError(f"{package.__name__} is a module; discover() takes the package that holds controllers")
    for path in paths:
        _check_packages(Path(path))
        _check_names(Path(path))
    for info in sorted(pkgutil.walk_packages(paths, f"{package.__name__}.", onerror=_unreadable), key=lambda i: i.name):
        part = _part_of(info.name)
        if not info.ispkg and part is not None:
            spec = info.module_finder.find_spec(info.name, None)
            yield info.name, Path(spec.origin if spec is not None and spec.origin else info.name), part


def _part_of(module: str) -> _Part | None:
    return next((part for part in _PARTS if module.endswith(part.suffix)), None)


def _check_packages(root: Path) -> None:
    """A folder without __init__.py would be skipped silently."""
    for file in sorted(file for file in root.rglob("*.py") if _part_of(file.stem) is not None):
        for folder in file.parents:
            if folder == root:
                break
            if not (folder / "__init__.py").exists():
                raise ConfigurationError(f"{file} is not found by Python: add an empty {folder / '__init__.py'}")


def _check_names(root: Path) -> None:
    """A reconciler or webhook in a file of another name would never run, without any message.

    The files are parsed, not imported: what they do when they are imported is not known here.
    """
    for file in sorted(root.rglob("*.py")):
        others = [part for part in _PARTS if not file.stem.endswith(part.suffix)]
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue  # importing it reports the error
        for node in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            for part in others:
                if _is_complete(node, part):
                    raise ConfigurationError(
                        f"{file}: {node.name} is a {part.base} that is not found there; "
                        f"move it to a file whose name ends in {part.suffix}.py"
                    )


def _is_complete(node: ast.ClassDef, part: _Part) -> bool:
    """Whether a class inherits from a base by name and defines what one must; a base class lacks one of them."""
    methods = {entry.name for entry in node.body if isinstance(entry, ast.FunctionDef | ast.AsyncFunctionDef)}
    return any(needed <= methods for base in node.bases if (needed := part.methods.get(_name(base))) is not None)


def _name(base: ast.expr) -> str:
    """Return the last name of a base class, which may be in a module or have brackets: ``runtime.Base[Kind]``."""
    if isinstance(base, ast.Subscript):
        base = base.value
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")


def _unreadable(name: str) -> None:
    import_module(name, Path(name))
