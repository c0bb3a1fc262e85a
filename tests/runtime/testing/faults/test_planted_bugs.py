"""Proof that the kit works: eight mistakes are found, each by its pattern; without them, nothing is."""

from __future__ import annotations

import pytest

from kaiwu_runtime.testing.faults import Plan, Report, check

from . import database
from .database import DatabaseReconciler, DatabaseScenario


def campaign(reconciler: type[DatabaseReconciler], *, plan: str = "") -> Report:
    kind = type(reconciler.__name__, (DatabaseScenario,), {"reconciler": reconciler})
    return check(kind, plan=Plan.parse(plan) if plan else None, seed=1, budget=None)


def test_the_correct_operator_passes_every_plan() -> None:
    report = campaign(DatabaseReconciler)
    assert [str(finding) for finding in report.findings] == []
    assert report.ran == report.plans > 60
    assert report.unreached == 0


@pytest.mark.parametrize(
    ("mistake", "plan", "text"),
    [
        ("RepeatsCommandOnStaleCache", "stale", "initialised 2 times"),
        ("LosesInitLatch", "kill-after", "Engine.initialised.a is missing"),
        ("LeavesOrphanAfterLostAnswer", "refuse:2:lost", "PersistentVolumeClaim default/a-* (2) should not be there"),
        ("MissesDeletion", "down:3", "Engine.backups is [], not"),
        ("RemovesFinalizerBeforeItsWork", "kill-after", "Engine.backups is [], not"),
        ("ReadsStatusAsTruth", "kill-after", "Engine.members.a is 1, not 3"),
        ("NamesFromCounter", "kill-after", "ConfigMap default/a-1.data.members is '3', not '1'"),
        ("FightsAnotherManager", "none", "does not come to rest"),
    ],
)
def test_a_mistake_is_found(mistake: str, plan: str, text: str) -> None:
    report = campaign(getattr(database, mistake))
    found = [finding for finding in report.findings if str(finding.plan).startswith(plan) and text in finding.text]
    assert found, "\n".join(map(str, report.findings)) or "nothing was found"
    again = campaign(getattr(database, mistake), plan=str(found[0].plan))
    assert [str(finding) for finding in again.findings] == [str(found[0])], "the plan alone finds the same"
