"""Register a module whose code runs when one of its names is first used.

What a large import costs in time and memory is then paid by programs that use the module, and by no other. At every
moment each thread sees the module's own names: one that asks while the code runs waits for its end.

See https://docs.python.org/3/reference/datamodel.html#customizing-module-attribute-access
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType

_lock = threading.RLock()
_running: set[str] = set()
"""Names of the modules whose code runs at the moment, under the lock."""


class DeferredModule(ModuleType):
    """A module that has not run yet."""

    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        if (name.startswith("__") and name.endswith("__")) or spec is None or spec.loader is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        with _lock:
            if type(self) is not ModuleType and name not in self.__dict__:
                if importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
                    # A module of the package is being imported: __init__ would import it again, half initialised.
                    return importlib.import_module(f"{self.__name__}.{name}")
                if self.__name__ in _running:
                    raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
                run(self)
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        run(self)
        return sorted(self.__dict__)


def run(module: ModuleType) -> None:
    """Run the code of a module that was deferred, unless that was done already; from any thread."""
    with _lock:
        spec = module.__spec__
        if type(module) is ModuleType or module.__name__ in _running or spec is None or spec.loader is None:
            return
        _running.add(module.__name__)
        try:
            spec.loader.exec_module(module)
        finally:
            _running.discard(module.__name__)
        module.__class__ = ModuleType  # an ordinary module from here on


def defer(name: str) -> DeferredModule | None:
    """Register a package without running its ``__init__``; None if it is imported already, or not there.

    Args:
        name: The package's full name; the packages around it are imported.
    """
    if name in sys.modules:
        return None
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    module = DeferredModule(name)
    module.__spec__ = spec
    module.__file__ = spec.origin
    module.__loader__ = spec.loader
    module.__package__ = name
    module.__path__ = list(spec.submodule_search_locations or [])
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module
