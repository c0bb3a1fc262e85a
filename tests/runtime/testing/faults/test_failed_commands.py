"""A command in a Pod is killed, or does not answer in time: mistakes in what the operator makes of it are found."""

from __future__ import annotations

from contextlib import suppress

import pytest
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Manager, ObjectKey
from kaiwu_runtime.errors import ExecInterruptedError, ExecTimeoutError
from kaiwu_runtime.testing.faults import Cluster, Plan, Scenario, check
from kaiwu_runtime.testing.faults._run import run

from ..api import Gadget
from .test_commands_in_pods import Purged, Purger

POD = ObjectKey("default", "db")


class Careful(Purger):
    """Asks what was purged before it purges, and checks every exit code."""

    async def finalize(self, obj: Gadget) -> None:
        if obj.key.name not in (await self.client.exec(Pod, POD, ["purged"])).check().text.split():
            (await self.client.exec(Pod, POD, ["purge", obj.key.name])).check()


class TakesFailureForSuccess(Careful):
    async def finalize(self, obj: Gadget) -> None:
        if obj.key.name not in (await self.client.exec(Pod, POD, ["purged"])).check().text.split():
            await self.client.exec(Pod, POD, ["purge", obj.key.name])


class TakesNoOutputForNothing(Careful):
    async def finalize(self, obj: Gadget) -> None:
        await super().finalize(obj)
        if obj.key.name not in (await self.client.exec(Pod, POD, ["purged"])).text.split():
            (await self.client.exec(Pod, POD, ["purge", obj.key.name])).check()


class TakesTimeoutForNothing(Careful):
    async def finalize(self, obj: Gadget) -> None:
        await super().finalize(obj)
        try:
            purged = (await self.client.exec(Pod, POD, ["purged"])).check().text
        except ExecTimeoutError:
            purged = ""
        if obj.key.name not in purged.split():
            (await self.client.exec(Pod, POD, ["purge", obj.key.name])).check()


class RepeatsAfterTimeout(Careful):
    async def finalize(self, obj: Gadget) -> None:
        try:
            await super().finalize(obj)
        except ExecTimeoutError:
            await self.client.exec(Pod, POD, ["purge", obj.key.name])


class TakesTimeoutForSuccess(Careful):
    async def finalize(self, obj: Gadget) -> None:
        if obj.key.name not in (await self.client.exec(Pod, POD, ["purged"])).check().text.split():
            with suppress(ExecTimeoutError):
                (await self.client.exec(Pod, POD, ["purge", obj.key.name])).check()


class WaitsForEver(Careful):
    """Has no limit of time, and knows what the end of a connection means."""

    async def finalize(self, obj: Gadget) -> None:
        try:
            await self.client.exec(Pod, POD, ["purge", obj.key.name], timeout=None)
        except ExecInterruptedError:
            await super().finalize(obj)


def scene(reconciler: type[Purger]) -> type[Scenario]:
    class Scene(Purged):
        def operator(self, manager: Manager) -> None:
            manager.setup(reconciler)

        async def settled(self, cluster: Cluster) -> object:
            return True

    return Scene


@pytest.mark.parametrize(
    ("reconciler", "plans"),
    [
        (Careful, []),
        (TakesFailureForSuccess, ["refuse:2:137"]),
        (TakesNoOutputForNothing, ["unanswered:5:137"]),
        (TakesTimeoutForNothing, ["unanswered:5:timeout"]),
        (RepeatsAfterTimeout, ["refuse:2:timeout"]),
        (TakesTimeoutForSuccess, ["refuse:2:hang"]),
    ],
)
def test_mistakes_with_the_end_of_a_command_are_found(reconciler: type[Purger], plans: list[str]) -> None:
    report = check(scene(reconciler), budget=None)
    assert [str(finding.plan) for finding in report.findings] == plans, report.findings
    assert report.unreached == 0
    assert all("purge" in finding.plan.about for finding in report.findings)


@pytest.mark.parametrize("plan", ["refuse:2:timeout", "refuse:2:hang"])
def test_a_step_has_not_settled_while_a_command_does_not_answer(plan: str) -> None:
    kind = scene(WaitsForEver)
    reference = run(kind, Plan("none"), None, 0)
    outcome = run(kind, Plan.parse(plan), reference, 0)
    assert (outcome.failure, outcome.reached) == ("", True)
    assert outcome.states["delete"] == reference.states["delete"]


@pytest.mark.parametrize("plan", ["refuse:1:137", "refuse:1:timeout", "refuse:1:hang", "unanswered:2:137"])
def test_only_a_command_fails_as_a_command(plan: str) -> None:
    reference = run(Purged, Plan("none"), None, 0)
    outcome = run(Purged, Plan.parse(plan), reference, 0)
    assert (outcome.failure, outcome.reached) == ("", False)
