"""Tables, the chart and the results file."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from benchmarks.reconcile import chart, report, results

SUMMARY = {
    "kaiwu-runtime": {"cpu_ms": 0.5, "throughput_start": 1200.0, "rss_peak_mib": 60.0},
    "controller-runtime": {"cpu_ms": 1.0, "throughput_start": 1000.0, "rss_peak_mib": 50.0},
}


def _text(table: object) -> str:
    console = Console(width=160, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_figures_with_ratios() -> None:
    text = _text(report.figures_table("title", SUMMARY))
    assert "0.50 0.50 x" in text
    assert "1,200 1.20 x" in text


def test_another_version_is_the_reference_where_there_is_one() -> None:
    text = _text(report.figures_table("title", {**SUMMARY, "baseline": {"cpu_ms": 0.25}}))
    assert "0.50 2.00 x" in text
    assert "1.00 4.00 x" in text


def test_targets_met_missed_and_not_measured() -> None:
    lines = [line for line in _text(report.targets_table(SUMMARY)).splitlines() if "CPU" in line or "RSS" in line]
    unmeasured = [line for line in lines if "not measured" in line]
    assert len(unmeasured) == 6  # kopf and kube-rs, and two of each operator that updates
    assert any("0.50" in line and "met" in line for line in lines)
    assert any("1.20" in line and "missed" in line for line in lines)


def test_a_log_with_brackets_is_shown_as_it_is() -> None:
    assert "[error] x" in _text(report.failures_table([("kopf", "[error] x")]))


def test_chart_is_well_formed_and_longest_bars_fill_the_panel() -> None:
    text = chart.draw("a <title>", 'a "note" & more', SUMMARY, "kaiwu-runtime")
    root = ET.fromstring(text)
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(bars) == 6
    assert [bar.get("class") for bar in bars] == ["bar own", "bar"] * 3
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert widths[0] == pytest.approx(widths[1] / 2, abs=0.1)
    assert widths[1] == widths[2] == widths[4]
    assert "prefers-color-scheme: dark" in text


def test_results_replace_only_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "reconcile.json"
    context = {"date": "2026-01-01"}
    samples = {name: [values, values] for name, values in SUMMARY.items()}
    results.merge(path, [results.entry(objects, 10, samples, context) for objects in (1000, 100)])
    results.merge(path, [results.entry(1000, 10, samples, {"date": "2026-02-02"})])
    configurations = json.loads(path.read_text())["configurations"]
    assert [(entry["objects"], entry["date"]) for entry in configurations] == [
        (100, "2026-01-01"),
        (1000, "2026-02-02"),
    ]
    assert configurations[0]["medians"]["kaiwu-runtime"]["cpu_ms"] == 0.5
    assert configurations[0]["ratios to controller-runtime"]["kaiwu-runtime"]["cpu_ms"] == 0.5
    assert configurations[0]["spread"]["kaiwu-runtime"]["cpu_ms"] == 0
    assert {target["met"] for target in configurations[0]["targets"]} == {True, False, None}
