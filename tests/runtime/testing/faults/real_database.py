"""The operator of the database as a program, whose engine lives in the process of the fault kit.

Run as ``python -m tests.runtime.testing.faults.real_database RECONCILER``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from kaiwu_runtime import Manager, ManagerOptions

from . import database, failed_calls
from .database import DatabaseReconciler, Engine
from .failed_calls import Unavailable

ROOT = Path(__file__).resolve().parents[4]


class RealDatabaseScenario(Unavailable):
    """The steps of the database, with less patience."""

    real_quiet: ClassVar[float] = 1.0


def operator(name: str) -> type[DatabaseReconciler]:
    """Return an operator, correct or with a mistake."""
    found: type[DatabaseReconciler] = getattr(failed_calls, name, None) or getattr(database, name)
    return found


def scenario_of(
    reconciler: type[DatabaseReconciler], base: type[RealDatabaseScenario] = RealDatabaseScenario
) -> type[RealDatabaseScenario]:
    """Return the scenario of an operator."""
    name = reconciler.__name__
    command = ("-m", "tests.runtime.testing.faults.real_database", name)
    return type(name, (base,), {"reconciler": reconciler, "real_command": command})


class UnreachableEngine(Engine):
    """What the program uses in production: it is not there in a test, which must not ask for it."""

    async def is_initialised(self, name: str) -> bool:
        raise OSError(f"no database server for {name}")


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    reconciler = operator(sys.argv.pop(1))
    manager = Manager(ManagerOptions.from_args(field_manager="databases"))
    manager.provide(Engine, UnreachableEngine())
    manager.setup(reconciler)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
