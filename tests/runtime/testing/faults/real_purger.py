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
from kaiwu_runtime.errors import BadRequestError, ConflictError, ExecInterruptedError, NotFoundError, ServerError
from kaiwu_runtime.testing import FakeCommand
from kaiwu_runtime.testing._refusals import refusal
from kaiwu_runtime.testing.faults import Cluster, Scenario, step

from ..api import Gadget
from .test_commands_in_pods import Database, Purger

FAILURES: Mapping[str, Exception] = {
    "conflict": refusal(409, "another member is being added"),
    "interrupted": ExecInterruptedError("the connection ended"),
    "mistake": KeyError("no such member"),
}
"""What commands fail with in `prepare`."""


class RealPurger(Purger):
    """Reads a log, runs a command with standard input and ones that fail, and asks for what is missing."""

    async def reconcile(self, obj: Gadget) -> None:
        assert await self.client.logs(Pod, "db", namespace="default") == "ready\n"
        echoed = await self.client.exec(Pod, "db", ["cat"], namespace="default", stdin="to be read")
        assert (echoed.exit_code, echoed.text) == (3, "to be read")
        await self.fails(NotFoundError, "missing", pod="missing")
        await self.fails(BadRequestError, "container wrong is not valid for pod db", container="wrong")
        await self.fails(ConflictError, "another member is being added", "conflict")
        await self.fails(ExecInterruptedError, "", "interrupted")
        await self.fails(ServerError, "no such member", "mistake")
        try:
            await self.client.logs(Pod, "db", namespace="default", container="wrong")
        except BadRequestError:
            return
        raise AssertionError("there is no such container")

    async def fails(
        self, kind: type[Exception], text: str, command: str = "cat", *, pod: str = "db", container: str = ""
    ) -> None:
        try:
            await self.client.exec(Pod, pod, [command], namespace="default", container=container, stdin="")
        except kind as error:
            if text in str(error):
                return
            raise
        raise AssertionError(f"{command} does not fail")


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
            if failure := FAILURES.get(command.command[0]):
                raise failure
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
