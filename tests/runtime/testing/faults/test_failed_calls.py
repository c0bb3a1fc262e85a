"""Calls to the outside fail before or after they take effect, and questions are not answered."""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar

import pytest

from kaiwu_runtime import Manager, Request, Result
from kaiwu_runtime.testing.faults import Plan, Scenario, check
from kaiwu_runtime.testing.faults._run import run

from . import failed_calls
from .database import Database, DatabaseReconciler
from .failed_calls import Unavailable, UnavailableError, campaign
from .workers import Once, Worker, outcome


@pytest.mark.parametrize(
    "reconciler", [DatabaseReconciler, failed_calls.LooksAgain, failed_calls.RepeatsWithoutConnection]
)
def test_an_operator_that_tries_again_passes_every_plan(reconciler: type[DatabaseReconciler]) -> None:
    report = campaign(reconciler)
    assert [str(finding) for finding in report.findings] == []
    assert (report.ran, report.unreached) == (report.plans, 0)


@pytest.mark.parametrize(
    ("mistake", "plan", "text"),
    [
        ("TakesFailureForDone", r"refuse:\d+:unsent", "Engine.members.a is 1, not 3"),
        ("NotesItFirst", r"(refuse:\d+:unsent|unanswered:\d+)", "Engine.initialised.a is missing"),
        ("RepeatsWithoutLooking", r"refuse:\d+:lost", "initialised 2 times"),
        ("TakesFailureForAbsence", r"unanswered:\d+", "initialised 2 times"),
    ],
)
def test_a_mistake_is_found_by_these_plans_only(mistake: str, plan: str, text: str) -> None:
    report = campaign(getattr(failed_calls, mistake))
    assert report.findings
    assert [each for each in map(str, report.findings) if not re.match(rf"{plan} \(Engine\.", each)] == []
    found = [finding for finding in report.findings if text in finding.text]
    assert found, report.findings
    again = campaign(getattr(failed_calls, mistake), plan=str(found[0].plan))
    assert [str(finding) for finding in again.findings] == [str(found[0])], "the plan alone finds the same"


class Awaits(Worker):
    """Asks and then notes, and notes what goes wrong."""

    async def reconcile(self, request: Request) -> Result:
        try:
            if not await self.log.read_later():
                await self.log.note_later("done")
        except ConnectionError as error:
            await self.log.note_later(str(error))
        return Result()


class Calls(Awaits):
    """The same with plain functions."""

    async def reconcile(self, request: Request) -> Result:
        try:
            if not self.log.read():
                self.log.note("done")
        except ConnectionError as error:
            self.log.note(str(error))
        return Result()


class CallsInAThread(Calls):
    """The same in a thread."""

    def reconcile(self, request: Request) -> Result:  # type: ignore[override]
        try:
            if not self.log.read():
                self.log.note("done")
        except ConnectionError as error:
            self.log.note(str(error))
        return Result()


@pytest.mark.parametrize("worker", [Awaits, Calls, CallsInAThread])
@pytest.mark.parametrize(
    ("plan", "done"),
    [
        ("refuse:1:unsent", ["the fault kit lets Log.{note}('done') fail"]),
        ("refuse:1:lost", ["done", "the fault kit lets Log.{note}('done') fail"]),
        ("unanswered:1", ["the fault kit lets Log.{read}() fail"]),
        ("refuse:1:409", ["done"]),
        ("refuse:2:lost", ["done"]),
        ("unanswered:9", ["done"]),
    ],
)
def test_one_call_fails_and_the_others_do_not(worker: type[Worker], plan: str, done: list[str]) -> None:
    names = {"note": "note_later", "read": "read_later"} if worker is Awaits else {"note": "note", "read": "read"}
    found, log = outcome(worker, plan)
    assert log == [line.format_map(names) for line in done]
    assert found.failure == ""
    assert found.reached == (len(done[-1]) > len("done")), "there is no such call, or it is not a write"


class SetsUp(Worker):
    """Calls the outside before the operator runs."""

    def setup_with_manager(self, manager: Manager) -> None:
        if not self.log.read():
            self.log.note(f"{self.life}")
        super().setup_with_manager(manager)

    async def reconcile(self, request: Request) -> Result:
        return Result()


@pytest.mark.parametrize(
    ("plan", "lives", "noted"),
    [
        ("none", 1, "1"),
        ("unanswered:1", 2, "2"),
        ("refuse:1:unsent", 2, "2"),
        ("refuse:1:lost", 2, "1"),
        ("kill-after:1", 2, "1"),
        ("stale:1:1", 2, "1"),
    ],
)
def test_an_operator_that_fails_while_it_is_set_up_is_started_again(plan: str, lives: int, noted: str) -> None:
    found, log = outcome(SetsUp, plan)
    assert (found.failure, found.reached, SetsUp.lives, log) == ("", True, lives, [noted])


def test_a_set_up_that_fails_without_a_fault_is_a_finding() -> None:
    class Fails(Worker):
        def setup_with_manager(self, manager: Manager) -> None:
            raise OSError("no such file")

        async def reconcile(self, request: Request) -> Result:
            return Result()

    report = check(type("Scene", (Once,), {"worker": Fails}), budget=None)
    assert [str(each) for each in report.findings] == ["none: the operator cannot be set up: OSError: no such file"]


def test_the_same_question_is_one_until_something_was_done() -> None:
    class Asks(Worker):
        async def reconcile(self, request: Request) -> Result:
            for _ in range(3):
                self.log.read()
            if not self.log.done:
                self.log.note("done")
            for _ in range(3):
                self.log.read()
            return Result(requeue_after=5)

    found, _ = outcome(Asks, "none")
    assert [query.call for query in found.queries] == [1, 5]


@pytest.mark.parametrize(("how", "text"), [("unsent", "no connection"), ("lost", "no answer")])
def test_the_error_is_what_the_scenario_says(how: str, text: str) -> None:
    seen: list[str] = []

    class Sees(DatabaseReconciler):
        async def initialise(self, database: Database) -> None:
            try:
                await super().initialise(database)
            except UnavailableError as error:
                seen.append(str(error))
                raise

    kind: type[Scenario] = type("Sees", (Unavailable,), {"reconciler": Sees})
    reference = run(kind, Plan("none"), None, 0)
    number = 1 + [effect.text for effect in reference.effects].index("Engine.init('a', '1')")
    assert run(kind, Plan("refuse", number, how), reference, 0).failure == ""
    assert seen == [f"Engine.init('a', '1'): {text}"]


class Crosses(Worker):
    """Notes three things in tasks, in an order that differs from life to life."""

    names: ClassVar[list[str]] = ["x", "y", "z"]

    async def reconcile(self, request: Request) -> Result:
        await asyncio.gather(*(self.once(name) for name in self.names))
        return Result()

    async def once(self, name: str) -> None:
        if name in self.log.done:
            return
        try:
            await self.log.note_later(name)
        except ConnectionError as error:
            await self.log.note_later(str(error))


@pytest.mark.parametrize("order", [["y", "x", "z"], ["z", "y", "x"], ["x", "z", "y"]])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_call_that_fails_is_the_one_the_plan_tells_of_in_any_order(order: list[str], number: int) -> None:
    kind: type[Scenario] = type("Crosses", (Once,), {"worker": Crosses})
    reference = run(kind, Plan("none"), None, 0)
    other: type[Scenario] = type("Crosses", (Once,), {"worker": type("Other", (Crosses,), {"names": order})})
    found = run(other, Plan("refuse", number, "unsent"), reference, 0)
    text = reference.effects[number - 1].text
    assert f"the fault kit lets {text} fail" in found.states["create"]["outside: Log"]["done"]


def test_a_call_that_is_described_anew_in_each_run_is_known_by_its_number() -> None:
    first, second = (
        type("Timed", (Once,), {"worker": type("Timed", (Crosses,), {"names": names})})
        for names in (["x", "at 1", "z"], ["x", "at 2", "z"])
    )
    reference = run(first, Plan("none"), None, 0)
    number = 1 + [effect.text for effect in reference.effects].index("Log.note_later('at 1')")
    found = run(second, Plan("refuse", number, "unsent"), reference, 0)
    assert "the fault kit lets Log.note_later('at 2') fail" in found.states["create"]["outside: Log"]["done"]
