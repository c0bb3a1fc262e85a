"""A killed operator does nothing any longer, whatever it was doing; a new one begins with what is stored."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod

from kaiwu_runtime import (
    Client,
    Manager,
    ObjectReconciler,
    Reconciler,
    Request,
    Result,
    RetryAfter,
    TerminalError,
    controller_managed_by,
)
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.client import ExecResult, ProxyResponse
from kaiwu_runtime.errors import ExecInterruptedError
from kaiwu_runtime.testing import FakeCommand, FakeTransport
from kaiwu_runtime.testing.faults import Cluster, Outcome, Plan, Scenario, check, kinds_of, step
from kaiwu_runtime.testing.faults._plans import plans_for
from kaiwu_runtime.testing.faults._run import run

from ..api import Gadget


class Log:
    """What was done, by whom: each life has a number."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def note(self, text: str) -> None:
        self.done.append(text)

    async def note_later(self, text: str) -> None:
        await asyncio.sleep(0.1)
        self.done.append(text)

    def read(self) -> int:
        return len(self.done)


class Worker(Reconciler):
    lives: ClassVar[int] = 0

    def __init__(self, client: Client, log: Log) -> None:
        super().__init__(client)
        self.log = log
        type(self).lives += 1
        self.life = type(self).lives

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(Gadget).complete(self)


class Plain(Worker):
    """Calls a plain function, with a cleanup that a killed process does not get to."""

    async def reconcile(self, request: Request) -> Result:
        try:
            self.log.note(f"{self.life} began")
            await self.client.apply(config_map("a"))
            self.log.note(f"{self.life} ended")
        finally:
            self.log.note(f"{self.life} cleaned up")
        return Result()


class Coroutine(Worker):
    async def reconcile(self, request: Request) -> Result:
        try:
            await asyncio.gather(self.log.note_later(f"{self.life} one"), self.log.note_later(f"{self.life} two"))
        finally:
            await self.log.note_later(f"{self.life} cleaned up")
        return Result()


class InThread(Worker):
    def reconcile(self, request: Request) -> Result:
        self.log.note(f"{self.life} began")
        self.wait(self.client.apply(config_map("a")))
        self.log.note(f"{self.life} ended")
        return Result()


def config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"))


class Once(Scenario):
    kinds = (Gadget,)
    worker: ClassVar[type[Worker]] = Plain

    def operator(self, manager: Manager) -> None:
        manager.setup(self.worker)

    def outside(self) -> Mapping[type[Any], object]:
        self.worker.lives = 0
        return {Log: Log()}

    @step
    async def create(self, cluster: Cluster) -> None:
        await cluster.client.create(
            Gadget.model_validate({"metadata": {"name": "a", "namespace": cluster.namespace}, "spec": {}})
        )


def outcome(worker: type[Worker], plan: str) -> tuple[Outcome, list[str]]:
    kind = type(worker.__name__, (Once,), {"worker": worker})
    reference = run(kind, Plan("none"), None, 0)
    assert reference.failure == ""
    found = run(kind, Plan.parse(plan), reference, 0)
    return found, list(eval(found.states["create"]["outside: Log"]["done"]))


@pytest.mark.parametrize(
    ("worker", "number", "done"),
    [
        (Plain, 1, ["1 began", "2 began", "2 ended", "2 cleaned up"]),
        (Plain, 2, ["1 began", "2 began", "2 ended", "2 cleaned up"]),  # after the ConfigMap
        (Plain, 3, ["1 began", "1 ended", "2 began", "2 ended", "2 cleaned up"]),
        (InThread, 1, ["1 began", "2 began", "2 ended"]),
        (InThread, 2, ["1 began", "2 began", "2 ended"]),
        (InThread, 3, ["1 began", "1 ended", "2 began", "2 ended"]),
    ],
)
def test_nothing_happens_after_the_kill(worker: type[Worker], number: int, done: list[str]) -> None:
    found, log = outcome(worker, f"kill-after:{number}")
    assert found.failure == ""
    assert found.reached
    assert log == done


def test_of_two_calls_at_the_same_time_one_is_the_last() -> None:
    _, log = outcome(Coroutine, "kill-after:1")
    assert [line for line in log if line.startswith("2")] == ["2 one", "2 two", "2 cleaned up"]
    assert len([line for line in log if line.startswith("1")]) <= 2, "the other call was under way"
    assert "1 cleaned up" not in log


def test_calls_that_change_nothing_are_no_effects() -> None:
    class Reader(Worker):
        async def reconcile(self, request: Request) -> Result:
            self.log.read()
            return Result(requeue_after=5)

    found, _ = outcome(Reader, "none")
    assert found.effects == []


def test_an_operator_that_ends_by_itself_is_started_again() -> None:
    class Fragile(Worker):
        async def reconcile(self, request: Request) -> Result:
            self.log.note(f"{self.life}")
            return Result()

        def setup_with_manager(self, manager: Manager) -> None:
            super().setup_with_manager(manager)
            if self.life < 3:
                manager.add(Crash())

    class Crash:
        async def run(self) -> None:
            await asyncio.sleep(1)
            raise OSError("disk full")

    found, log = outcome(Fragile, "none")
    assert found.failure == ""
    assert log == ["3"], "the step waits for an operator that runs"

    class Hopeless(Fragile):
        def setup_with_manager(self, manager: Manager) -> None:
            super().setup_with_manager(manager)
            manager.add(Crash())

    kind = type("Hopeless", (Once,), {"worker": Hopeless})
    report = check(kind, budget=None)
    assert "the operator ends again and again: OSError: disk full" in report.findings[0].text
    assert len(report.findings) == 1


def test_an_operator_that_never_rests_is_a_finding_and_not_a_hang() -> None:
    class Restless(Worker):
        async def reconcile(self, request: Request) -> Result:
            while True:
                await self.client.patch(
                    Gadget, "a", {"metadata": {"labels": {"n": str(time.perf_counter_ns())}}}, namespace="default"
                )

    report = check(type("Restless", (Once,), {"worker": Restless}), budget=None)
    assert "does not come to rest" in report.findings[0].text


def test_a_step_that_fails_is_a_finding() -> None:
    class Failing(Once):
        @step
        async def change(self, cluster: Cluster) -> None:
            await cluster.client.get(ConfigMap, "missing", namespace="x")

        @step
        async def wait(self, cluster: Cluster) -> None:
            raise AssertionError("never reached")

    report = check(Failing, budget=None)
    assert [str(finding) for finding in report.findings] == ['none: step change: configmaps "missing" not found']


def test_settled_says_why_not() -> None:
    class Unsettled(Once):
        limit = 100.0

        async def settled(self, cluster: Cluster) -> object:
            assert await cluster.client.find(ConfigMap, "never", namespace="x"), "no ConfigMap"
            return True

    report = check(Unsettled, budget=None)
    assert "not settled after 100 s: settled: AssertionError: no ConfigMap" in report.findings[0].text


def test_a_stale_cache_sees_the_past_and_catches_up() -> None:
    seen: list[tuple[int, int, int]] = []

    class Looker(Worker):
        async def reconcile(self, request: Request) -> Result:
            cached = len(await self.client.list(ConfigMap, namespace="default"))
            stored = len(await Client(self.client.transport).list(ConfigMap, namespace="default"))
            seen.append((self.life, cached, stored))
            for name in "abc":
                await self.client.apply(config_map(name))
            return Result(requeue_after=5)

    kind = type("Looker", (Once,), {"worker": Looker})
    reference = run(kind, Plan("none"), None, 0)
    assert len(reference.effects) == 3
    seen.clear()
    run(kind, Plan("stale", 3, "3"), reference, 0)
    second = [(cached, stored) for life, cached, stored in seen if life == 2]
    assert second[0] == (0, 3), "what is read past the cache is the newest state"
    assert second[-1] == (3, 3)


def test_random_numbers_are_the_same_in_every_run() -> None:
    import random

    class Gambler(Worker):
        async def reconcile(self, request: Request) -> Result:
            if not self.log.read():
                self.log.note(str(random.random()))
            return Result()

    first, second = outcome(Gambler, "none"), outcome(Gambler, "none")
    assert first[1] == second[1]


def test_kinds_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from kaiwu_runtime.api import CustomResource, resource\n\n\n@resource(group='x.example.com', version='{}')\n"
    )
    for version in ("v1", "v2"):
        (tmp_path / "faultkinds" / version).mkdir(parents=True)
        (tmp_path / "faultkinds" / version / "__init__.py").touch()
        text = source.format(version) + "class Thing(CustomResource):\n    pass\n"
        (tmp_path / "faultkinds" / version / "thing_types.py").write_text(text)
    (tmp_path / "faultkinds/__init__.py").write_text("from faultkinds.v1.thing_types import Thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = kinds_of(importlib.import_module("faultkinds"))
    assert [kind.__module__ for kind in found] == ["faultkinds.v1.thing_types", "faultkinds.v2.thing_types"]


@resource(group="versions.example.com", version="v1beta1", kind="Vessel")
class OldVessel(CustomResource):
    pass


@resource(group="versions.example.com", version="v1", kind="Vessel")
class Vessel(CustomResource):
    pass


@pytest.mark.parametrize("order", [("v1", "v1beta1"), ("v1beta1", "v1")])
def test_an_object_in_two_versions_is_one_object(tmp_path: Path, order: tuple[str, str]) -> None:
    for number, version in enumerate(order):
        text = f"apiVersion: versions.example.com/{version}\nkind: Vessel\nmetadata: {{name: a}}\n"
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "2.yaml").write_text("apiVersion: versions.example.com/v1\nkind: Vessel\nmetadata: {name: b}\n")
    cluster = Cluster(Client(FakeTransport()), "x", kinds={Vessel, OldVessel})
    assert [(type(obj), obj.key.name) for obj in cluster.load(tmp_path)] == [(Vessel, "a"), (Vessel, "b")]


class Database:
    """What the commands in a Pod act on."""

    def __init__(self) -> None:
        self.purged: list[str] = []

    def run(self, command: FakeCommand) -> ExecResult:
        if command.command[0] == "purge":
            self.purged.append(command.command[1])
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
    assert reference.states["delete"]["outside: Database"]["purged"] == "['a']"
    texts = [effect.text for effect in reference.effects]
    assert "exec in Pod default/db: purge a" in texts
    assert not any("status" in text for text in texts), "it changed nothing"
    assert not any(name.startswith("Gadget") for name in reference.states["delete"])

    number = texts.index("exec in Pod default/db: purge a") + 1
    killed = run(Purged, Plan.parse(f"kill-after:{number}"), reference, 0)
    assert killed.failure == ""
    assert killed.states["delete"]["outside: Database"]["purged"] == "['a', 'a']", "the next life runs it again"

    plans = {str(plan) for plan in plans_for(reference.effects, (), ())}
    assert f"refuse:{number}:lost" in plans
    assert not plans & {f"refuse:{number}:{code}" for code in (409, 429, 500)}, "no API server writes there"
    lost = run(Purged, Plan.parse(f"refuse:{number}:lost"), reference, 0)
    assert (lost.failure, lost.reached) == ("", True)
    assert lost.states["delete"]["outside: Database"]["purged"] == "['a', 'a']", "the same life runs it again"


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


def test_a_reconcile_that_fails_forever_has_not_settled() -> None:
    class Broken(Worker):
        async def reconcile(self, request: Request) -> Result:
            raise ValueError("no such plan")

    report = check(type("Broken", (Once,), {"worker": Broken}), budget=None)
    assert [str(finding) for finding in report.findings] == [
        "none: step create: not settled after 3600 s: reconcile of gadget default/a fails: ValueError: no such plan"
    ]


def test_a_reconcile_that_fails_at_first_settles() -> None:
    class Slow(Worker):
        async def reconcile(self, request: Request) -> Result:
            self.log.note("tried")
            if len(self.log.done) < 18:  # the back-off grows beyond the minute after which a step has settled
                raise ValueError("not yet")
            return Result()

    reference, log = outcome(Slow, "none")
    assert reference.failure == ""
    assert len(log) == 18


@pytest.mark.parametrize("error", [TerminalError("as it is meant"), RetryAfter("later", seconds=300)])
def test_what_a_reconciler_means_does_not_count(error: Exception) -> None:
    class Meant(Worker):
        async def reconcile(self, request: Request) -> Result:
            raise error

    assert outcome(Meant, "none")[0].failure == ""
