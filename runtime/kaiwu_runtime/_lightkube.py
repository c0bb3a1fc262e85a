"""Import lightkube's types without lightkube's HTTP client.

``lightkube/__init__.py`` imports its clients and through them httpx2: 0.17 s and 13 MiB that kaiwu-runtime never
uses, since it needs only the generated types. :func:`defer` registers the package and postpones the execution of that
file until one of its names is used (``from lightkube import Client`` still works).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


class _DeferredPackage(ModuleType):
    """A package whose ``__init__`` runs when a name that is not a submodule is first used."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if (name.startswith("__") and name.endswith("__")) or spec is None or spec.loader is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
            # A module of the package is being imported: __init__ would import it again, half initialised.
            return importlib.import_module(f"{self.__name__}.{name}")
        self.__class__ = ModuleType  # type: ignore[assignment]  # an ordinary module from here on
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer() -> None:
    """Register lightkube without running its ``__init__``; do nothing if it is imported already."""
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
