"""The results file: one entry per configuration; a run replaces the entries it measured and leaves the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .figures import Sample, medians, ratios, spread
from .report import REFERENCE
from .targets import judge


def entry(
    objects: int, workers: int, samples: Mapping[str, Sequence[Sample]], context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is kept of one configuration.

    Args:
        objects: Number of Benches.
        workers: Reconciles at once.
        samples: All runs, by contender.
        context: Date, machine, versions.
    """
    summary = {name: medians(runs) for name, runs in samples.items() if runs}
    return {
        "objects": objects,
        "workers": workers,
        **context,
        "medians": _rounded(summary),
        "spread": _rounded(
            {name: {key: spread(samples[name], key) for key in values} for name, values in summary.items()}
        ),
        f"ratios to {REFERENCE}": _rounded(ratios(summary, REFERENCE)),
        "targets": [
            {
                "figure": verdict.target.figure,
                "to": verdict.target.reference,
                "bound": verdict.bound,
                "ratio": None if verdict.ratio is None else round(verdict.ratio, 3),
                "met": verdict.met,
            }
            for verdict in judge(summary)
        ],
    }


def merge(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Write entries into the file, in order of objects and workers.

    Raises:
        ValueError: The file that is there is no results file.
    """
    kept: dict[tuple[int, int], dict[str, Any]] = {}
    if path.exists():
        kept = {_key(old): old for old in json.loads(path.read_text(encoding="utf-8"))["configurations"]}
    kept |= {_key(new): new for new in entries}
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"configurations": [kept[key] for key in sorted(kept)]}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _key(configuration: Mapping[str, Any]) -> tuple[int, int]:
    return int(configuration["objects"]), int(configuration["workers"])


def _rounded(values: Mapping[str, Sample]) -> dict[str, dict[str, float]]:
    return {name: {key: float(f"{value:.4g}") for key, value in sample.items()} for name, sample in values.items()}
