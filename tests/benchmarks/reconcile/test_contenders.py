"""Which contenders run."""

from __future__ import annotations

import pytest

from benchmarks.reconcile.contenders import CONTENDERS, chosen
from benchmarks.reconcile.report import REFERENCE
from benchmarks.reconcile.targets import SUBJECT, TARGETS

NAMES = [contender.name for contender in CONTENDERS]


def test_by_default_all_run_but_the_deployed_ones() -> None:
    names = [contender.name for contender in chosen([])]
    assert names == [name for name in NAMES if not name.endswith("-deployed")]
    assert set(NAMES) - set(names) == {"kaiwu-runtime-deployed", "kubebuilder-deployed"}


@pytest.mark.parametrize("name", NAMES)
def test_a_named_one_runs_alone(name: str) -> None:
    assert [contender.name for contender in chosen([name])] == [name]


def test_all_that_is_compared_runs_by_default() -> None:
    compared = {SUBJECT, REFERENCE, *(target.reference for target in TARGETS)}
    assert compared <= {contender.name for contender in chosen([])}
