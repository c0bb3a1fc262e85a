"""What a write costs the control plane: the measurement itself, and what is printed of it."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import writes
from benchmarks.reconcile import identity
from kaiwu_runtime.envtest import ControlPlane


@pytest.mark.envtest
def test_every_kind_of_write_takes_effect_and_has_a_cost() -> None:
    with ControlPlane() as plane:
        plane.install_crds(writes.CRD)
        identity.grant(plane)
        figures = asyncio.run(writes.run(plane, objects=30, rounds=2))
        last = plane.rest.object("GET", f"{writes.BENCHES}/bench-00029")
        child = plane.rest.object("GET", f"{writes.CONFIG_MAPS}/bench-00029")
        assert writes.cpu_seconds(plane.directory) > 0
        assert writes.cpu_seconds(plane.directory / "absent") == 0
    assert set(figures) == set(writes.WRITES)
    assert all(len(values) == 2 for values in figures.values())
    assert sum(map(sum, figures.values())) > 0
    # Kinds of write take turns, the second round backwards: the numbers count on over all of them.
    assert last["spec"]["message"] == "change 181"
    assert last["status"]["observedGeneration"] == 241
    assert child["data"]["message"] == "change 301"


def test_the_table_says_what_the_machine_can_do() -> None:
    figures = {title: [9.0, 1.0, 2.0] for title in writes.WRITES} | {"apply a status": [3.0]}
    lines = writes.report(figures, cores=2).splitlines()
    assert lines[1].split()[-2:] == ["2.00", "1.00"]
    assert lines[3].split() == ["apply", "a", "status", "3.00", "1.50"]
    assert lines[-1].endswith("7.00 ms, so 2 cores do at most 286 a second, whatever the runtime")
