"""An operator that runs commands in a Pod, as a program: ``python -m tests.runtime.testing.faults.real_purger``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Manager, ManagerOptions
from kaiwu_runtime.client import ExecResult
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.testing import FakeCommand
from kaiwu_runtime.testing.faults import Cluster, Scenario, step

from ..api import Gadget
from .test_commands_in_pods import Database, Purger


class RealPurger(Purger):
    """Reads a log, runs a command with standard input and one that fails, and asks for a Pod that is missing."""

    async def reconcile(self, obj: Gadget) -> None:
        assert await self.client.logs(Pod, "db", namespace="default") == "ready\n"
        echoed = await self.client.exec(Pod, "db", ["cat"], namespace="default", stdin="to be read")
        assert (echoed.exit_code, echoed.text) == (3, "to be read")
        try:
            await self.client.exec(Pod, "missing", ["cat"], namespace="default")
        except NotFoundError:
            return
        raise AssertionError("the Pod is missing")


class RealPurged(Scenario):
    """An object comes and goes beside a Pod."""

    real_quiet: ClassVar[float] = 1.0
    real_command: ClassVar[tuple[str, ...]] = ("-m", "tests.runtime.testing.faults.real_purger")

    def operator(self, manager: Manager) -> None:
        manager.setup(RealPurger)

    def outside(self) -> Mapping[type[Any], object]:
        return {Database: Database()}

    def prepare(self, cluster: Cluster) -> None:
        def run(command: FakeCommand) -> ExecResult:
            if command.command == ("cat",):
                return ExecResult(3, command.stdin or b"", b"")
            return cluster.outside(Database).run(command)

        cluster.server.on_exec(run)
        cluster.server.on_logs(lambda _pod, _container: "ready\n")

    @step
    async def create(self, cluster: Cluster) -> None:
        spec = PodSpec(containers=[Container(name="db", image="db")])
        await cluster.client.create(Pod(metadata=ObjectMeta(name="db", namespace="default"), spec=spec))
        await cluster.client.create(Gadget(metadata=ObjectMeta(name="a", namespace="default")))

    @step
    async def delete(self, cluster: Cluster) -> None:
        await cluster.client.delete(Gadget, "a", namespace="default")


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    manager = Manager(ManagerOptions.from_args(field_manager="purger"))
    manager.setup(RealPurger)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
