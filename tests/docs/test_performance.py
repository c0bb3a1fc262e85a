"""The figures in docs/performance.md are those of the last run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.reconcile.figures import ratios
from benchmarks.reconcile.targets import SUBJECT

ROWS = (
    ("CPU per reconcile", "cpu_ms"),
    ("start to all reconciled", "synced_s"),
    ("throughput, start", "throughput_start"),
    ("throughput, change", "throughput_change"),
    ("latency p50", "latency_p50_ms"),
    ("latency p99", "latency_p99_ms"),
    ("peak RSS", "rss_peak_mib"),
)


class Table(NamedTuple):
    """Ratios of one operator to another, by configuration: objects and workers."""

    reference: str
    columns: tuple[tuple[int, int], ...]
    subject: str = SUBJECT


OBJECTS_AND_WORKERS = tuple((objects, workers) for objects in (100, 1000, 10000) for workers in (1, 10, 50))
TABLES = (
    Table("kubebuilder", (*OBJECTS_AND_WORKERS, (100000, 10))),
    Table("kubebuilder-deployed", ((1000, 10),), "kaiwu-runtime-deployed"),
    Table("controller-runtime-update", OBJECTS_AND_WORKERS),
    Table("controller-runtime", ((100, 10), (1000, 1), (1000, 10), (1000, 50), (10000, 10))),
    Table("kopf", ((1000, 10),)),
    Table("kube-rs", ((1000, 10),)),
)


def lines(table: Table, configurations: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a table."""
    measured = {
        (entry["objects"], entry["workers"]): ratios(entry["medians"], table.reference) for entry in configurations
    }
    heads = [f"{objects:,} / {workers}" for objects, workers in table.columns]
    found = [f"| objects / workers | {' | '.join(heads)} |", "|---|" + "---|" * len(table.columns)]
    for title, figure in ROWS:
        cells = [f"{measured[column][table.subject][figure]:.2f}" for column in table.columns]
        found.append(f"| {title} | {' | '.join(cells)} |")
    return found


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.reference)
def test_a_table_is_that_of_the_results(repository: Path, table: Table) -> None:
    results = json.loads((repository / "benchmarks/results/reconcile.json").read_text(encoding="utf-8"))
    text = (repository / "docs/performance.md").read_text(encoding="utf-8")
    expected = "\n".join(lines(table, results["configurations"]))
    assert expected in text, f"put this table there:\n{expected}"
