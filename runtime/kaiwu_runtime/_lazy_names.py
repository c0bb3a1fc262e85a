"""Public names of a package that are imported when they are first used.

A program that needs one module of a package does not load the others. See https://peps.python.org/pep-0562/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from kaiwu_runtime._collector import imported_once


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """Return a ``__getattr__`` for a package.

    Args:
        package: The package's ``__name__``.
        modules: From each public name to the module that holds it: relative to the package, or from `kaiwu_runtime` on.
    """

    def getattribute(name: str) -> object:
        module = modules.get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with imported_once():
            found = import_module(module if module.startswith("kaiwu_runtime.") else f"{package}.{module}")
        value = getattr(found, name)
        setattr(sys.modules[package], name, value)
        return value

    return getattribute
