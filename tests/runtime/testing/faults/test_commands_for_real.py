"""Commands in Pods are answered and counted with a real API server, as in memory; so is what an operator leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._yaml_output import to_yaml
from kaiwu_runtime.testing.faults import Plan, Scenario
from kaiwu_runtime.testing.faults._campaign import compared
from kaiwu_runtime.testing.faults._real._laboratory import Laboratory
from kaiwu_runtime.testing.faults._real._outcome import RealOutcome
from kaiwu_runtime.testing.faults._real._run import RealRun

from ..api import Gadget
from .database import Database, LeavesItsSettings
from .real_database import ROOT, scenario_of
from .real_purger import RealPurged

pytestmark = pytest.mark.envtest

PURGE = "exec in Pod default/db: purge a"


@pytest.fixture
async def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Laboratory]:
    monkeypatch.chdir(ROOT)  # from where the operator's module is found
    for crd in build_crds([Gadget, Database]):
        (tmp_path / crd.file_name).write_text(to_yaml([crd.manifest]), encoding="utf-8")
    async with Laboratory([tmp_path], []) as started:
        yield started


async def run(
    laboratory: Laboratory, kind: type[Scenario], plan: str = "none", reference: RealOutcome | None = None
) -> RealOutcome:
    outcome = await RealRun(laboratory, kind, Plan.parse(plan), reference, echo=False).main()
    await laboratory.clean()
    return outcome


async def test_a_command_that_changes_the_outside_is_an_effect(laboratory: Laboratory) -> None:
    reference = await run(laboratory, RealPurged)
    assert (reference.failure, list(reference.unasked), reference.left) == ("", [], [])
    assert reference.states["delete"]["outside: Database"]["purged"] == ["a"]
    texts = [effect.text for effect in reference.effects]
    assert texts.count(PURGE) == 1
    assert not any("cat" in text for text in texts), "it changed nothing"

    for plan in (f"kill-after:{texts.index(PURGE) + 1}", f"refuse:{texts.index(PURGE) + 1}:lost"):
        outcome = await run(laboratory, RealPurged, plan, reference)
        assert (outcome.failure, outcome.reached) == ("", True), plan
        assert "Database.purged is ['a', 'a'], not ['a']" in compared(reference, outcome), "it is run again"

    for how in ("unsent", "137"):
        outcome = await run(laboratory, RealPurged, f"refuse:{texts.index(PURGE) + 1}:{how}", reference)
        assert (outcome.failure, outcome.reached) == ("", True), how
        assert compared(reference, outcome) == "", "it was not run the first time"


async def test_what_an_operator_leaves_is_found(laboratory: Laboratory) -> None:
    outcome = await run(laboratory, scenario_of(LeavesItsSettings))
    assert (outcome.failure, outcome.left) == ("", ["ConfigMap default/a"])
