"""Commands in Pods are effects: an operator is killed after one, and its answer is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Manager, ObjectReconciler
from kaiwu_runtime.client import ExecResult, ProxyResponse
from kaiwu_runtime.errors import APIConnectionError, ExecInterruptedError
from kaiwu_runtime.testing import FakeCommand
from kaiwu_runtime.testing.faults import Cluster, Plan, check, step
from kaiwu_runtime.testing.faults._plans import plans_for
from kaiwu_runtime.testing.faults._run import run

from ..api import Gadget
from .workers import Once


class Database:
    """What the commands in a Pod act on."""

    def __init__(self) -> None:
        self.purged: list[str] = []

    def run(self, command: FakeCommand) -> ExecResult:
        if command.command[0] == "purge":
            self.purged.append(command.command[1])
        if command.command[0] == "purged":
            return ExecResult(0, " ".join(self.purged).encode(), b"")
        return ExecResult(0, b"done", b"")


class Purger(ObjectReconciler[Gadget]):
    """Runs a command in a Pod before the object goes."""

    finalizer = "example.com/purge"

    async def reconcile(self, obj: Gadget) -> None:
        assert (await self.client.exec(Pod, "db", ["status"], namespace="default")).text == "done"
        assert await self.client.logs(Pod, "db", namespace="default") == "ready\n"
        assert (await self.client.proxy(Pod, "db", "/ready", namespace="default")).status == 200

    async def finalize(self, obj: Gadget) -> None:
        (await self.client.exec(Pod, "db", ["purge", obj.key.name], namespace="default")).check()


class Purged(Once):
    def operator(self, manager: Manager) -> None:
        manager.setup(Purger)

    def outside(self) -> Mapping[type[Any], object]:
        return {Database: Database()}

    def prepare(self, cluster: Cluster) -> None:
        cluster.server.on_exec(cluster.outside(Database).run)
        cluster.server.on_logs(lambda _pod, _container: "ready\n")
        cluster.server.on_proxy(lambda _request: ProxyResponse(200, b"ready"))

    @step
    async def create(self, cluster: Cluster) -> None:
        await cluster.client.create(Pod(metadata=ObjectMeta(name="db", namespace="default")))
        await super().create(cluster)

    @step
    async def delete(self, cluster: Cluster) -> None:
        await cluster.client.delete(Gadget, "a", namespace="default")


def test_a_command_in_a_pod_that_changes_the_outside_is_an_effect() -> None:
    reference = run(Purged, Plan("none"), None, 0)
    assert reference.failure == ""
    assert reference.states["delete"]["outside: Database"]["purged"] == ["a"]
    texts = [effect.text for effect in reference.effects]
    assert "exec in Pod default/db: purge a" in texts
    assert not any("status" in text for text in texts), "it changed nothing"
    assert not any(name.startswith("Gadget") for name in reference.states["delete"])

    number = texts.index("exec in Pod default/db: purge a") + 1
    killed = run(Purged, Plan.parse(f"kill-after:{number}"), reference, 0)
    assert killed.failure == ""
    assert killed.states["delete"]["outside: Database"]["purged"] == ["a", "a"], "the next life runs it again"

    plans = {str(plan) for plan in plans_for(reference.effects, (), ())}
    assert {f"refuse:{number}:lost", f"refuse:{number}:unsent"} <= plans
    assert not plans & {f"refuse:{number}:{code}" for code in (409, 429, 500)}, "no API server writes there"
    lost = run(Purged, Plan.parse(f"refuse:{number}:lost"), reference, 0)
    assert (lost.failure, lost.reached) == ("", True)
    assert lost.states["delete"]["outside: Database"]["purged"] == ["a", "a"], "the same life runs it again"
    unsent = run(Purged, Plan.parse(f"refuse:{number}:unsent"), reference, 0)
    assert (unsent.failure, unsent.reached) == ("", True)
    assert unsent.states["delete"]["outside: Database"]["purged"] == ["a"], "it was not run the first time"


class AsksOnce(Purger):
    """Remembers which of its questions are not answered."""

    failed: ClassVar[list[str]] = []

    async def reconcile(self, obj: Gadget) -> None:
        try:
            await super().reconcile(obj)
        except APIConnectionError as error:
            self.failed.append(str(error))
            raise


def test_questions_to_pods_and_services_are_not_answered() -> None:
    class Scene(Purged):
        def operator(self, manager: Manager) -> None:
            manager.setup(AsksOnce)

    reference = run(Scene, Plan("none"), None, 0)
    asked = ["exec in Pod default/db: status", "logs of Pod default/db"]
    asked += ["get /api/v1/namespaces/default/pods/db/proxy/ready"]
    assert list(dict.fromkeys(query.text for query in reference.queries)) == asked
    for number, text in enumerate(asked, start=1):
        AsksOnce.failed.clear()
        outcome = run(Scene, Plan("unanswered", number), reference, 0)
        assert (outcome.failure, outcome.reached) == ("", True)
        assert AsksOnce.failed == [f"the fault kit lets {text} fail"]


class PurgesOnce(Purger):
    """Takes an error for a command that was not run."""

    async def finalize(self, obj: Gadget) -> None:
        try:
            await super().finalize(obj)
        except ExecInterruptedError:
            await self.client.exec(Pod, "db", ["purge", f"{obj.key.name} once more"], namespace="default")


def test_a_command_whose_answer_was_lost_is_found_when_it_is_run_twice() -> None:
    class Scene(Purged):
        def operator(self, manager: Manager) -> None:
            manager.setup(PurgesOnce)

    report = check(Scene, budget=None)
    found = {str(finding.plan): finding.text for finding in report.findings}
    assert [plan for plan in found if plan.endswith(":lost")] == ["refuse:2:lost"], found
    assert "once more" in found["refuse:2:lost"]


def test_a_command_that_fails_after_it_has_changed_the_outside_is_an_effect() -> None:
    class Scene(Purged):
        def prepare(self, cluster: Cluster) -> None:
            super().prepare(cluster)
            database = cluster.outside(Database)

            def fail_once(command: FakeCommand) -> ExecResult:
                result = database.run(command)
                if len(database.purged) == 1:
                    raise ExecInterruptedError("the connection ended")
                return result

            cluster.server.on_exec(fail_once)

    reference = run(Scene, Plan("none"), None, 0)
    assert reference.failure == ""
    assert reference.states["delete"]["outside: Database"]["purged"] == ["a", "a"]
    assert [effect.text for effect in reference.effects].count("exec in Pod default/db: purge a") == 2
