"""Runs the operator's program as Python would, with the scenario's objects in place of what its manager is given.

Started as ``python -m kaiwu_runtime.testing.faults._real._launcher main.py FLAG...``, for scenarios with an `outside`.
The program is not changed: `Manager.setup` and `Manager.provide` are, in this process only.
"""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from kaiwu_runtime.manager import Manager
from kaiwu_runtime.testing.faults._real._outside_messages import SCENARIOS, VARIABLE, ModuleNames
from kaiwu_runtime.testing.faults._real._remote import Remote

WEBHOOKS_ONLY = "KAIWU_FAULTS_WEBHOOKS_ONLY"
"""Environment variable: run no controllers, as another replica that only serves webhooks."""


class _Objects:
    """The remote objects, by the types that the program's constructors name.

    Args:
        told: The content of the environment variable.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        names = ModuleNames(to_main=told["main"], from_main="")
        self._kinds: list[str] = told["kinds"]
        self._main: str = told["main"]
        self._remotes = [
            Remote(Path(told["socket"]), number, kind.rpartition(":")[2], names)
            for number, kind in enumerate(self._kinds)
        ]

    def remote(self, kind: type[Any]) -> Remote | None:
        """Return the remote object of a type, or None."""
        module = self._main if kind.__module__ == "__main__" else kind.__module__
        name = f"{module}:{kind.__qualname__}"
        return self._remotes[self._kinds.index(name)] if name in self._kinds else None

    def known(self) -> list[type[Any]]:
        """Return those of the types whose modules were imported."""
        found = []
        for kind in self._kinds:
            module, _, name = kind.partition(":")
            value: Any = sys.modules.get("__main__" if module == self._main else module)
            value = reduce(lambda place, part: getattr(place, part, None), name.split("."), value)
            if isinstance(value, type):
                found.append(value)
        return found


def _replace(objects: _Objects) -> None:
    """Give every manager of this process the remote objects, whatever the program gives it."""
    setup, provide = Manager.setup, Manager.provide

    def set_up(manager: Manager, *kinds: type[Any]) -> None:
        for kind in objects.known():
            provide(manager, kind, objects.remote(kind))
        setup(manager, *kinds)

    def provided(manager: Manager, kind: type[Any], value: object) -> None:
        provide(manager, kind, objects.remote(kind) or value)

    Manager.setup = set_up  # type: ignore[method-assign,assignment]
    Manager.provide = provided  # type: ignore[method-assign,assignment]


def _leave_out_controllers() -> None:
    Manager.add_controller = lambda _manager, _controller: None  # type: ignore[method-assign,assignment]


def _import_scenarios(path: str) -> None:
    """Let classes of the scenario's file be found, when one of them arrives."""
    spec = importlib.util.spec_from_file_location(SCENARIOS, path)
    if spec is None or spec.loader is None:
        return
    sys.path.append(str(Path(path).parent))
    sys.meta_path.append(_Finder(spec))


class _Finder:
    def __init__(self, spec: Any) -> None:  # noqa: ANN401 - a ModuleSpec
        self._spec = spec

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:  # noqa: ANN401, ARG002
        """Return where the scenario's module is."""
        return self._spec if name == SCENARIOS else None


def main(arguments: Sequence[str]) -> None:
    """Run a program.

    Args:
        arguments: As for Python: a file, or ``-m`` and a module, and its arguments.
    """
    told = os.environ.pop(VARIABLE, "")
    if told:
        content = json.loads(told)
        if content["scenarios"]:
            _import_scenarios(content["scenarios"])
        _replace(_Objects(content))
    if os.environ.pop(WEBHOOKS_ONLY, ""):
        _leave_out_controllers()
    if arguments[0] == "-m":
        sys.argv = list(arguments[1:])
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = list(arguments)
    sys.path[0] = str(Path(arguments[0]).resolve().parent)
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
