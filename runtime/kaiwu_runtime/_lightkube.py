"""Importing lightkube's types without lightkube's HTTP client.

``lightkube/__init__.py`` imports its clients and through them httpx2: 0.17 s and 13 MiB that kaiwu-runtime never
uses, since only the generated types are wanted. :func:`defer` puts the package in place with that file's execution
postponed until somebody asks for one of its names (``from lightkube import Client`` still works).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


class _DeferredPackage(ModuleType):
    """A package whose ``__init__`` runs when the first name that is no submodule is asked for."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if (name.startswith("__") and name.endswith("__")) or spec is None or spec.loader is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
            # Running __init__ now would import modules that are half imported: it is one of them that asks.
            return importlib.import_module(f"{self.__name__}.{name}")
        self.__class__ = ModuleType  # type: ignore[assignment]  # an ordinary module from here on
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer() -> None:
    """Put lightkube in place without running its ``__init__``; does nothing when it is imported already."""
    if "lightkube" in sys.modules:
        return
    spec = importlib.util.find_spec("lightkube")
    if spec is None:
        return
    package = _DeferredPackage("lightkube")
    package.__spec__ = spec
    package.__file__ = spec.origin
    package.__loader__ = spec.loader
    package.__package__ = "lightkube"
    package.__path__ = list(spec.submodule_search_locations or [])
    sys.modules["lightkube"] = package
