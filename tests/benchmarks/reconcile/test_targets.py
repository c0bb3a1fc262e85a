"""Which targets count as met."""

from __future__ import annotations

import pytest

from benchmarks.reconcile.targets import SUBJECT, TARGETS, judge


@pytest.mark.parametrize(
    ("figure", "own", "other", "met"),
    [
        pytest.param("cpu_ms", 0.6, 1.0, True, id="at the bound, less is better"),
        pytest.param("cpu_ms", 0.61, 1.0, False, id="above it"),
        pytest.param("throughput_change", 100.0, 100.0, True, id="at the bound, more is better"),
        pytest.param("throughput_change", 99.0, 100.0, False, id="below it"),
        pytest.param("latency_p99_ms", 12.0, 10.0, True, id="p99 may be 1.2 times"),
        pytest.param("rss_peak_mib", 60.0, 50.0, False, id="memory may not be more"),
    ],
)
def test_bound(figure: str, own: float, other: float, met: bool) -> None:
    verdicts = judge({SUBJECT: {figure: own}, "controller-runtime": {figure: other}})
    found = [v for v in verdicts if v.target.figure == figure and v.target.reference == "controller-runtime"]
    assert [verdict.met for verdict in found] == [met]


@pytest.mark.parametrize("summary", [{}, {SUBJECT: {"cpu_ms": 1.0}}, {"kopf": {"cpu_ms": 1.0}}])
def test_what_did_not_run_is_neither_met_nor_missed(summary: dict[str, dict[str, float]]) -> None:
    assert [verdict.met for verdict in judge(summary)] == [None] * len(TARGETS)
