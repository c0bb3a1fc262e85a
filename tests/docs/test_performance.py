"""The figures in docs/performance.md are those of the last run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROWS = (
    ("CPU per reconcile", "cpu_ms"),
    ("throughput, start", "throughput_start"),
    ("throughput, change", "throughput_change"),
    ("latency p50", "latency_p50_ms"),
    ("latency p99", "latency_p99_ms"),
    ("peak RSS", "rss_peak_mib"),
)
COLUMNS = ((100, 10), (1000, 10), (10000, 10), (1000, 1), (1000, 50))


def table(configurations: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the table: ratios to controller-runtime, by configuration."""
    ratios = {
        (entry["objects"], entry["workers"]): entry["ratios to controller-runtime"]["kaiwu-runtime"]
        for entry in configurations
    }
    heads = [f"{objects:,} / {workers}" for objects, workers in COLUMNS]
    lines = [f"| objects / workers | {' | '.join(heads)} |", "|---|" + "---|" * len(COLUMNS)]
    for title, figure in ROWS:
        cells = [f"{ratios[column][figure]:.2f}" for column in COLUMNS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def test_the_table_is_that_of_the_results(repository: Path) -> None:
    results = json.loads((repository / "benchmarks/results/reconcile.json").read_text(encoding="utf-8"))
    text = (repository / "docs/performance.md").read_text(encoding="utf-8")
    expected = "\n".join(table(results["configurations"]))
    assert expected in text, f"put this table there:\n{expected}"
