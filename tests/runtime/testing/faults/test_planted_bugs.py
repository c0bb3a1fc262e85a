"""Proof that the kit works: eleven mistakes are found, each by its pattern; without them, nothing is."""

from __future__ import annotations

import re
import secrets

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import set_controller_reference
from kaiwu_runtime.errors import APIError
from kaiwu_runtime.testing.faults import Cluster, Plan, Report, check, invariant, step

from . import database
from .database import Database, DatabaseReconciler, DatabaseScenario

SECONDS = re.compile(r"for \d\.\d s")
"""How long a reconcile blocked: a busy machine takes longer."""


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
        (
            "LeavesItsSettings",
            "none",
            "after step delete: nothing owns ConfigMap default/a, and the operator leaves it",
        ),
        ("FightsAnotherManager", "none", "does not come to rest"),
        ("BlocksTheLoop", "none", "reconcile of database default/a blocks the event loop, for 1."),
        ("BlocksTheLoopOnce", "none", "reconcile of database default/a blocks the event loop, for 1."),
    ],
)
def test_a_mistake_is_found(mistake: str, plan: str, text: str) -> None:
    report = campaign(getattr(database, mistake))
    found = [finding for finding in report.findings if str(finding.plan).startswith(plan) and text in finding.text]
    assert found, "\n".join(map(str, report.findings)) or "nothing was found"
    again = campaign(getattr(database, mistake), plan=str(found[0].plan))
    same = [SECONDS.sub("", str(finding)) for finding in again.findings]
    assert same == [SECONDS.sub("", str(found[0]))], "the plan alone finds the same"


def test_a_slow_import_is_no_finding() -> None:
    assert campaign(database.ImportsSlowly, plan="none").findings == []
    assert database.ImportsSlowly.is_imported


TAKEN = (
    "none: after step grow: the operator overwrote metadata.labels.team of ConfigMap default/a, which helm had set: "
    "send only what the operator sets, as client.apply does, or name the field in `ignored` of the scenario"
)


@pytest.mark.parametrize(
    ("reconciler", "ignored", "found"),
    [
        (database.OverwritesOthers, [], [TAKEN]),
        (database.OverwritesOthers, ["ConfigMap.metadata.labels.team"], []),
        (DatabaseReconciler, [], []),
    ],
)
def test_a_field_of_another_manager_that_the_operator_takes_is_found(
    reconciler: type[DatabaseReconciler], ignored: list[str], found: list[str]
) -> None:
    kind = type("SharedScenario", (database.Shared,), {"reconciler": reconciler, "ignored": ignored})
    report = check(kind, seed=1, budget=None)
    assert [str(finding) for finding in report.findings] == found
    assert report.ran == report.plans > 60


def test_what_an_operator_leaves_on_purpose_is_no_mistake() -> None:
    kind = type("Keeping", (DatabaseScenario,), {"reconciler": database.LeavesItsSettings, "kept": ["ConfigMap"]})
    report = check(kind, seed=1, budget=None)
    assert [str(finding) for finding in report.findings] == []


def test_an_object_of_the_user_is_not_left_by_the_operator() -> None:
    class WithASecret(DatabaseScenario):
        reconciler = DatabaseReconciler

        @step
        async def prepare_first(self, cluster: Cluster) -> None:
            place = ObjectMeta(name="theirs", namespace=cluster.namespace)
            await cluster.client.apply(Secret(metadata=place), field_manager="helm")

    report = check(WithASecret, plan=Plan("none"), seed=1)
    assert [str(finding) for finding in report.findings] == []


def test_a_value_that_differs_without_faults_is_reported_once_with_the_path_to_ignore() -> None:
    report = campaign(database.DrawsAPassword)
    (finding,) = report.findings
    assert str(finding).startswith("none: two runs without faults differ")
    assert finding.text.endswith('; if this is meant, write ignored = ["ConfigMap.data.password"] in the scenario')
    assert report.unsteady
    alone = campaign(database.DrawsAPassword, plan="none")
    assert [str(each.plan) for each in alone.findings] == ["none"], "the plan alone finds it, too"
    assert alone.findings[0].text.endswith(finding.text.rpartition("; ")[2])
    fields = {"reconciler": database.DrawsAPassword, "ignored": ["ConfigMap.data.password"]}
    again = check(type("Ignoring", (DatabaseScenario,), fields), seed=1, budget=None)
    assert [str(finding) for finding in again.findings] == []
    assert again.ran == again.plans


def test_objects_that_differ_without_faults_are_not_to_be_ignored() -> None:
    class DrawsAName(DatabaseReconciler):
        async def settings(self, database: Database) -> None:
            if not await self.client.list(ConfigMap, namespace=database.key.namespace):
                name = f"{database.key.name}-{secrets.token_hex(4)}"
                wanted = ConfigMap(metadata=ObjectMeta(name=name, namespace=database.key.namespace))
                set_controller_reference(database, wanted)
                await self.client.create(wanted)

    (finding,) = campaign(DrawsAName).findings
    assert str(finding).startswith("none: two runs without faults differ")
    assert finding.text.endswith(
        "; derive the names of objects from their owner, and keep nothing in modules and classes"
    )


def test_an_invariant_says_what_it_found_and_not_what_the_operator_was_handling() -> None:
    class RecordsFailures(DatabaseReconciler):
        async def settings(self, database: Database) -> None:
            try:
                await super().settings(database)
            except APIError:
                await self.client.patch(Database, database.key, {"metadata": {"labels": {"failed": "yes"}}})
                raise

    class WithInvariant(DatabaseScenario):
        reconciler = RecordsFailures

        @invariant
        async def never_failed(self, cluster: Cluster) -> None:
            if await cluster.client.list(Database, namespace=cluster.namespace, label_selector="failed=yes"):
                raise AssertionError("it was recorded")

    found = [each.text for each in check(WithInvariant, seed=1, budget=None).findings]
    assert found
    assert set(found) == {"invariant never_failed: AssertionError: it was recorded"}
