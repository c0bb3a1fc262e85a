"""The operator of the database as a program: what the engine is stands in ConfigMaps, where no kill reaches it.

Run as ``python -m tests.runtime.testing.faults.real_database RECONCILER``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.testing.faults import Cluster, invariant

from . import database
from .database import DatabaseReconciler, DatabaseScenario, Engine

NAMESPACE = "default"


class StoredEngine(Engine):
    """An engine that survives its operator."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client

    async def read(self, name: str) -> dict[str, str]:
        found = await self.client.find(ConfigMap, f"engine-{name}", namespace=NAMESPACE)
        return dict(found.data or {}) if found is not None else {}

    async def write(self, name: str, **data: str) -> None:
        known = await self.read(name)
        meta = ObjectMeta(name=f"engine-{name}", namespace=NAMESPACE)
        if not known:
            await self.client.create(ConfigMap(metadata=meta, data=data))
        elif not data.items() <= known.items():
            await self.client.patch(ConfigMap, f"engine-{name}", {"data": data}, namespace=NAMESPACE)

    async def is_initialised(self, name: str) -> bool:
        return "version" in await self.read(name)

    async def init(self, name: str, version: str) -> None:
        commands = int((await self.read(name)).get("commands", "0"))
        await self.write(name, version=version, commands=str(commands + 1))

    async def set_members(self, name: str, count: int) -> None:
        await self.write(name, members=str(count))

    async def backup(self, name: str) -> None:
        meta = ObjectMeta(name=f"backup-{name}", namespace=NAMESPACE)
        await self.client.apply(ConfigMap(metadata=meta, data={"taken": "true"}), field_manager="engine")


class RealDatabaseScenario(DatabaseScenario):
    """The steps of the database, with the engine where both processes see it."""

    real_quiet = 1.0

    def operator(self, manager: Manager) -> None:
        manager.provide(Engine, StoredEngine(manager.client))
        super().operator(manager)

    def outside(self) -> Mapping[type[Any], object]:
        return {}

    @invariant
    async def data_is_never_overwritten(self, cluster: Cluster) -> None:
        commands = (await StoredEngine(cluster.client).read("a")).get("commands", "0")
        assert int(commands) <= 1, f"initialised {commands} times"


def scenario_of(reconciler: type[DatabaseReconciler]) -> type[RealDatabaseScenario]:
    """Return the scenario of an operator."""
    name = reconciler.__name__
    command = ("-m", "tests.runtime.testing.faults.real_database", name)
    return type(name, (RealDatabaseScenario,), {"reconciler": reconciler, "real_command": command})


ROOT = Path(__file__).resolve().parents[4]


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    reconciler = getattr(database, sys.argv.pop(1))
    manager = Manager(ManagerOptions.from_args(field_manager="databases"))
    # Past the cache: what the engine is, whatever Kubernetes says.
    manager.provide(Engine, StoredEngine(Client(manager.client.transport, field_manager="engine")))
    manager.setup(reconciler)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
