"""A killed operator does nothing any longer, whatever it was doing; a new one begins with what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, Request, Result
from kaiwu_runtime.testing.faults import Plan, check
from kaiwu_runtime.testing.faults._run import run

from .workers import Log, Once, Plain, Worker, config_map, outcome


class Coroutine(Worker):
    async def reconcile(self, request: Request) -> Result:
        try:
            await asyncio.gather(self.log.note_later(f"{self.life} one"), self.log.note_later(f"{self.life} two"))
        finally:
            await self.log.note_later(f"{self.life} cleaned up")
        return Result()


class Reading(Worker):
    async def reconcile(self, request: Request) -> Result:
        await asyncio.gather(self.log.note_later("written"), self.log.read_later())
        return Result()


class InThread(Worker):
    def reconcile(self, request: Request) -> Result:
        self.log.note(f"{self.life} began")
        self.wait(self.client.apply(config_map("a")))
        self.log.note(f"{self.life} ended")
        return Result()


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


def test_call_that_reads_while_another_one_writes_is_not_an_effect() -> None:
    found, _ = outcome(Reading, "none")
    assert [effect.text for effect in found.effects] == ["Log.note_later('written')"]


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


def test_an_operator_can_ask_for_kinds_before_anything_else() -> None:
    class Asker(Worker):
        async def reconcile(self, request: Request) -> Result:
            self.log.note(str(await self.client.serves(ConfigMap)))
            return Result()

        def setup_with_manager(self, manager: Manager) -> None:
            super().setup_with_manager(manager)
            manager.add(Early(self.client))

    class Early:
        def __init__(self, client: Client) -> None:
            self.client = client

        async def run(self) -> None:
            assert await self.client.serves(ConfigMap)
            await asyncio.Event().wait()

    found, log = outcome(Asker, "none")
    assert (found.failure, log) == ("", ["True"])


def test_random_numbers_are_the_same_in_every_run() -> None:
    import random

    class Gambler(Worker):
        async def reconcile(self, request: Request) -> Result:
            if not self.log.read():
                self.log.note(str(random.random()))
            return Result()

    first, second = outcome(Gambler, "none"), outcome(Gambler, "none")
    assert first[1] == second[1]


class Unreliable(Log):
    """Its first call takes effect, and fails."""

    def note(self, text: str) -> None:
        super().note(text)
        if len(self.done) == 1:
            raise OSError("no answer")

    async def note_later(self, text: str) -> None:
        await super().note_later(text)
        if len(self.done) == 1:
            raise OSError("no answer")


class NotesLater(Worker):
    async def reconcile(self, request: Request) -> Result:
        await self.log.note_later(f"{self.life}")
        return Result()


class Notes(Worker):
    async def reconcile(self, request: Request) -> Result:
        self.log.note(f"{self.life}")
        return Result()


@pytest.mark.parametrize("worker", [Notes, NotesLater])
def test_a_call_that_fails_after_it_has_changed_something_is_an_effect(worker: type[Worker]) -> None:
    class Scene(Once):
        def outside(self) -> Mapping[type[Any], object]:
            worker.lives = 0
            return {Log: Unreliable()}

    Scene.worker = worker
    reference = run(Scene, Plan("none"), None, 0)
    assert reference.states["create"]["outside: Log"]["done"] == ["1", "1"], "it fails, and is done again"
    assert len(reference.effects) == 2
    killed = run(Scene, Plan.parse("kill-after:1"), reference, 0)
    assert (killed.failure, killed.reached) == ("", True)
    assert killed.states["create"]["outside: Log"]["done"] == ["1", "2"]


class Creating(Worker):
    async def reconcile(self, request: Request) -> Result:
        if await self.client.find(ConfigMap, "made", namespace="default") is None:
            await self.client.create(config_map("made"))
            generated = ConfigMap(metadata=ObjectMeta(generateName="made-", namespace="default"))
            await self.client.create(generated)
        return Result()


def test_what_is_created_is_named() -> None:
    texts = [effect.text for effect in outcome(Creating, "none")[0].effects]
    assert texts == ["create ConfigMap default/made", "create ConfigMap default"]
