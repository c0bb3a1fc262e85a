"""Planted bugs that are found with a process that is killed, and a real API server behind a proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from kaiwu_runtime import ObjectKey
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._yaml_output import to_yaml
from kaiwu_runtime.testing import wait_for
from kaiwu_runtime.testing.faults import Cluster, Plan, step
from kaiwu_runtime.testing.faults._campaign import compared
from kaiwu_runtime.testing.faults._real._laboratory import Laboratory
from kaiwu_runtime.testing.faults._real._outcome import RealOutcome
from kaiwu_runtime.testing.faults._real._run import RealRun

from . import database
from .database import Database
from .real_database import ROOT, RealDatabaseScenario, operator, scenario_of

# On one worker: a control plane takes more of it than a test.
pytestmark = [
    pytest.mark.envtest,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("laboratories"),
]

CORRECT = "DatabaseReconciler"
# Mistake, pattern, the effect it is done to (or the whole plan), and what is found.
CASES = [
    (CORRECT, "kill-after", "create Lease default/kaiwu-test-faults", ""),
    (CORRECT, "kill-after", "Engine.backup('a')", ""),
    ("LosesInitLatch", "kill-after", "patch Database default/a (2)", "Engine.initialised.a is missing"),
    ("LeavesOrphanAfterLostAnswer", "refuse:lost", "create PersistentVolumeClaim default", "(2) should not be there"),
    ("RemovesFinalizerBeforeItsWork", "kill-after", "patch Database default/a (2)", "Engine.backups is [], not"),
    ("RepeatsCommandOnStaleCache", "stale:1", "apply Database/status default/a", "initialised 2 times"),
    ("MissesDeletion", "down:3", "", "Engine.backups is [], not"),
    ("ReadsStatusAsTruth", "kill-after", "apply Database/status default/a", "Engine.members.a is missing"),
    ("NamesFromCounter", "kill-after", "apply ConfigMap default/a-2", "ConfigMap default/a-1.data.members is '3', not"),
    (CORRECT, "refuse:unsent", "Engine.backup('a')", ""),
    ("LooksAgain", "refuse:lost", "Engine.init('a', '1')", ""),
    ("RepeatsWithoutLooking", "refuse:lost", "Engine.init('a', '1')", "initialised 2 times"),
    ("TakesFailureForDone", "refuse:unsent", "Engine.set_members('a', 3)", "Engine.members.a is 1, not 3"),
    ("NotesItFirst", "refuse:unsent", "Engine.init('a', '1')", "Engine.initialised.a is missing"),
    ("BlocksTheLoop", "none", "", "reconcile of database default/a blocks the event loop, for 1."),
    ("FightsAnotherManager", "none", "", "does not come to rest: apply ConfigMap default/a changed something"),
]
JOBS = 4


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # from where the operator's module is found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def laboratories(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[asyncio.Queue[Laboratory]]:
    crds = tmp_path_factory.mktemp("crds")
    for crd in build_crds([Database]):
        (crds / crd.file_name).write_text(to_yaml([crd.manifest]), encoding="utf-8")
    free: asyncio.Queue[Laboratory] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        started = [stack.enter_async_context(Laboratory([crds], [])) for _ in range(JOBS)]
        for laboratory in await asyncio.gather(*started):
            free.put_nowait(laboratory)
        yield free


async def run(
    free: asyncio.Queue[Laboratory],
    mistake: str,
    plan: Plan,
    reference: RealOutcome | None,
    base: type[RealDatabaseScenario] = RealDatabaseScenario,
) -> RealOutcome:
    laboratory = await free.get()
    try:
        kind = scenario_of(operator(mistake), base)
        found = await RealRun(laboratory, kind, plan, reference, echo=False).main()
        await laboratory.clean()
        return found
    finally:
        free.put_nowait(laboratory)


def plan_of(reference: RealOutcome, pattern: str, text: str) -> Plan:
    """Return the plan that does something to an effect: ``patch Database default/a (2)`` is the second of its kind."""
    if not text:
        return Plan.parse(pattern)
    named, _, again = text.partition(" (")
    places = [number for number, effect in enumerate(reference.effects, start=1) if effect.text == named]
    number = places[int(again.rstrip(")")) - 1 if again else 0]
    kind, _, detail = pattern.partition(":")
    return Plan.parse(":".join(filter(None, (kind, str(number), detail))))


async def test_planted_bugs_are_found_for_real(laboratories: asyncio.Queue[Laboratory]) -> None:
    mistakes = list(dict.fromkeys(mistake for mistake, *_ in CASES))
    references = dict(
        zip(
            mistakes,
            await asyncio.gather(*(run(laboratories, mistake, Plan("none"), None) for mistake in mistakes)),
            strict=True,
        )
    )
    restless = {mistake for mistake, pattern, *_ in CASES if pattern == "none"}
    wrong = {name: each.failure or each.broken for name, each in references.items() if name not in restless}
    assert wrong == dict.fromkeys(wrong, "")

    effects = {}

    async def look(mistake: str, pattern: str, text: str) -> str:
        reference = references[mistake]
        if pattern == "none":
            return reference.failure
        plan = plan_of(reference, pattern, text)
        outcome = await run(laboratories, mistake, plan, reference)
        assert outcome.reached, (mistake, plan)
        effects[mistake, pattern] = [[effect.text for effect in each.effects] for each in (reference, outcome)]
        return compared(reference, outcome)

    found = await asyncio.gather(*(look(mistake, pattern, text) for mistake, pattern, text, _ in CASES))
    missed = [
        (case, text, effects.get(case[:2]))
        for case, text in zip(CASES, found, strict=True)
        if (case[3] not in text) or bool(case[3]) != bool(text)
    ]
    assert not missed, missed


class Shared(database.Shared, RealDatabaseScenario):
    """Another writer labels the operator's ConfigMap."""


async def test_a_field_of_another_manager_that_the_operator_takes_is_found(
    laboratories: asyncio.Queue[Laboratory],
) -> None:
    mistakes = ["OverwritesOthers", CORRECT]
    found = await asyncio.gather(*(run(laboratories, each, Plan("none"), None, Shared) for each in mistakes))
    assert [each.failure or each.broken for each in found] == ["", ""]
    text = "after step grow: the operator overwrote metadata.labels.team of ConfigMap default/a, which helm had set"
    assert [each.overwritten for each in found] == [text, ""]


class Patient(RealDatabaseScenario):
    """Its first step waits for the operator."""

    @step
    async def create(self, cluster: Cluster) -> None:
        await super().create(cluster)
        await wait_for(cluster.client, Database, ObjectKey(cluster.namespace, "a"), "Ready")


async def test_a_step_can_wait_for_an_operator_that_is_killed_or_down(
    laboratories: asyncio.Queue[Laboratory],
) -> None:
    reference = await run(laboratories, CORRECT, Plan("none"), None, Patient)
    assert reference.failure == ""
    killed = plan_of(reference, "kill-after", "apply ConfigMap default/a")
    plans = [killed, Plan.parse("down:1")]
    found = await asyncio.gather(*(run(laboratories, CORRECT, plan, reference, Patient) for plan in plans))
    assert [(each.reached, compared(reference, each)) for each in found] == [(True, "")] * len(plans)
