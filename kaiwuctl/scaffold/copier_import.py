"""Imports copier without the packages with which it asks questions.

Half of the time that ``import copier`` takes goes into questionary and prompt_toolkit. kaiwuctl answers every question
of a template itself, so copier never uses them. Their names are stand-ins that import the real package when they are
called, and the stand-ins are gone from `sys.modules` when copier has been imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DEFERRED: Final = frozenset({"questionary", "prompt_toolkit", "pygments"})
_PLUGINS: Final = "PYDANTIC_DISABLE_PLUGINS"


def import_copier() -> ModuleType:
    """Return the module copier."""
    try:
        with _questions_deferred(), _pydantic_without_plugins():
            import copier  # noqa: PLC0415
    except (AttributeError, ImportError, TypeError):
        # A copier that needs more of those packages than names to call later gets them.
        for name in [name for name in sys.modules if name.partition(".")[0] == "copier"]:
            del sys.modules[name]
        import copier  # noqa: PLC0415
    return copier


class _Deferred:
    """A name of a package that is imported when the name is used."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, *arguments: object, **options: object) -> object:
        return getattr(importlib.import_module(self._module), self._name)(*arguments, **options)


class _DeferredModule(ModuleType):
    def __getattr__(self, name: str) -> _Deferred:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Deferred(self.__name__, name)


class _Questions(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _DEFERRED:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _DeferredModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


@contextmanager
def _questions_deferred() -> Iterator[None]:
    """Answer imports of packages that are not imported yet with stand-ins."""
    if any(name in sys.modules for name in _DEFERRED):
        yield
        return
    finder = _Questions()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _DeferredModule)]:
            del sys.modules[name]


@contextmanager
def _pydantic_without_plugins() -> Iterator[None]:
    """Keep pydantic from reading the metadata of every installed distribution; copier's models need no plugin."""
    before = os.environ.get(_PLUGINS)
    os.environ[_PLUGINS] = "__all__"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PLUGINS]
        else:
            os.environ[_PLUGINS] = before
