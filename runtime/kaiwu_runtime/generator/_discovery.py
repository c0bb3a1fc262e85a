"""Find a project's API types and reconcilers by importing its modules.

A file that lacks the expected definition, or that cannot be imported, causes an error that names the file.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from lightkube.core.resource import Resource

from kaiwu_runtime._optional_methods import uncalled
from kaiwu_runtime._project_modules import import_module, shown
from kaiwu_runtime.api._model import CustomResource
from kaiwu_runtime.api._rbac import RBACRule, rbac_rules
from kaiwu_runtime.api._reading_errors import UNKNOWN_ARGUMENTS
from kaiwu_runtime.api._resource import resource_definition
from kaiwu_runtime.errors import ConfigurationError, DefinitionError
from kaiwu_runtime.generator._webhooks import FoundWebhooks
from kaiwu_runtime.webhook._configuration import declared_conversions, declared_webhooks
from kaiwu_runtime.webhook._declarations import ConversionDeclaration, WebhookDeclaration


def find_resources(folder: Path, root: Path) -> list[type[CustomResource]]:
    """Return the project's own kinds in the ``*_types.py`` files below a folder, in a fixed order.

    Kinds of other projects are left out: those with ``@resource(external=True)``, and lightkube's.

    Args:
        folder: For example ``api``.
        root: The project's root, from which the modules are imported.

    Raises:
        ConfigurationError: A file cannot be imported; the message names file and line.
        DefinitionError: A file defines no kind.
    """
    found: list[type[CustomResource]] = []
    for file in sorted(folder.rglob("*_types.py")):
        module = _import(file, root)
        definitions = [(kind, resource_definition(kind)) for kind in _classes(module)]
        if not any(definition or issubclass(kind, Resource) for kind, definition in definitions):
            raise DefinitionError(
                f"{shown(file, root)} has no class decorated with @resource(...): decorate its kind, "
                "or give a module of shared models a name that does not end in _types.py"
            )
        found += [kind for kind, definition in definitions if definition and not definition.external]
    return found


def find_rules(folder: Path, root: Path) -> list[RBACRule]:
    """Return the rules declared with ``@rbac`` in every module below a folder.

    Args:
        folder: For example ``controllers``.
        root: The project's root, from which the modules are imported.

    Raises:
        ConfigurationError: A file cannot be imported; the message names file and line.
        DefinitionError: A ``*_controller.py`` file defines no reconciler, or a method of one is misspelled.
    """
    rules: list[RBACRule] = []
    for file in sorted(folder.rglob("*.py")):
        if "__pycache__" in file.parts:
            continue
        module = _import(file, root)
        classes = list(_classes(module))
        if file.name.endswith("_controller.py") and not any(callable(getattr(c, "reconcile", None)) for c in classes):
            raise DefinitionError(f"{shown(file, root)} has no Reconciler: define a class with a reconcile method")
        if problem := uncalled(each for each in classes if hasattr(each, "module_suffix")):
            raise DefinitionError(f"{shown(file, root)}: {problem}")
        for each in classes:
            rules += rbac_rules(each)
    return rules


def find_name_clashes(folder: Path, root: Path) -> list[str]:
    """Return which controllers below a folder have the same name, in one line each: no manager takes two.

    Only those of an ObjectReconciler are known before they run.

    Args:
        folder: For example ``controllers``.
        root: The project's root, from which the modules are imported.

    Raises:
        ConfigurationError: A file cannot be imported; the message names file and line.
    """
    from kaiwu_runtime.controller._object_reconciler import ObjectReconciler  # noqa: PLC0415 - loads what controllers do
    from kaiwu_runtime.controller._permissions import controller_name  # noqa: PLC0415

    found: dict[str, str] = {}
    problems: list[str] = []
    for file in sorted(folder.rglob("*_controller.py")):
        for each in _classes(_import(file, root)):
            if not issubclass(each, ObjectReconciler) or inspect.isabstract(each) or not hasattr(each, "kind"):
                continue
            if each.setup_with_manager is not ObjectReconciler.setup_with_manager or not (
                name := controller_name(each)
            ):
                continue
            where = f"{each.__name__} of {shown(file, root)}"
            if (other := found.setdefault(name, where)) != where:
                problems.append(
                    f"{other} and {where} are controllers of the name {name!r}, and a manager takes only one: "
                    "give one another name with named() in its build"
                )
    return problems


def find_webhooks(folder: Path, root: Path) -> FoundWebhooks:
    """Return what ``@mutating``, ``@validating`` and ``@converting`` declare in every module below a folder.

    Args:
        folder: For example ``controllers``.
        root: The project's root, from which the modules are imported.

    Raises:
        ConfigurationError: A file cannot be imported; the message names file and line.
    """
    webhooks: list[WebhookDeclaration] = []
    conversions: list[ConversionDeclaration] = []
    for file in sorted(folder.rglob("*.py")):
        if "__pycache__" in file.parts:
            continue
        for each in _classes(_import(file, root)):
            webhooks += declared_webhooks(each)
            conversions += declared_conversions(each)
    return FoundWebhooks(tuple(webhooks), tuple(conversions))


def _classes(module: ModuleType) -> Iterator[type]:
    """Yield the classes that a module defines, each once: it may have a second name there, ``ShopV1 = Shop``."""
    seen: set[int] = set()
    for value in vars(module).values():
        if isinstance(value, type) and value.__module__ == module.__name__ and id(value) not in seen:
            seen.add(id(value))
            yield value


def _import(file: Path, root: Path) -> ModuleType:
    relative = file.resolve().relative_to(root.resolve()).with_suffix("")
    parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
    bad = next((part for part in parts if not part.isidentifier()), None)
    if bad is not None:
        raise ConfigurationError(
            f"{shown(file, root)}: {bad!r} is not a valid Python module name: use letters, digits and _"
        )
    name = ".".join(parts)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    _check_not_hidden(parts[0], file, root)
    with warnings.catch_warnings():
        # pydantic only warns of Field(max_lenght=3), and then drops the limit. Packages that are installed may do that.
        own = rf"{re.escape(parts[0])}(\.|\Z)"
        warnings.filterwarnings("error", UNKNOWN_ARGUMENTS, module=own)
        return import_module(name, file, root)


def _check_not_hidden(package: str, file: Path, root: Path) -> None:
    """Reject a top-level folder with the name of another Python module, such as ``json``."""
    spec = importlib.util.find_spec(package)
    places = {Path(place).resolve() for place in (spec.submodule_search_locations or ())} if spec else set()
    if (root / package).resolve() not in places and spec is not None and (root / package).is_dir():
        raise ConfigurationError(
            f"{shown(file, root)}: Python has another module called {package!r}: rename the directory {package}/"
        )
