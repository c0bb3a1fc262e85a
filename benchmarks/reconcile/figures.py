"""The figures of a run, and what is computed from several runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that is measured.

    Attributes:
        key: Its name in the results.
        title: Its name for people.
        unit: Of the value.
        digits: After the decimal point.
        more_is_better: False: less is.
    """

    key: str
    title: str
    unit: str
    digits: int = 1
    more_is_better: bool = False


FIGURES = (
    Figure("cpu_ms", "CPU per reconcile", "ms", 2),
    Figure("throughput_start", "throughput, start", "1/s", 0, more_is_better=True),
    Figure("throughput_change", "throughput, change", "1/s", 0, more_is_better=True),
    Figure("latency_p50_ms", "latency p50", "ms"),
    Figure("latency_p99_ms", "latency p99", "ms"),
    Figure("rss_peak_mib", "peak RSS", "MiB"),
    Figure("first_s", "to first reconcile", "s", 2),
    Figure("synced_s", "to all synced", "s", 2),
    Figure("cpu_start_ms", "CPU from start to synced, per object", "ms", 2),
    Figure("cpu_idle_ms", "CPU per single change", "ms", 2),
    Figure("writes", "writes per change", "", 2),
    Figure("stop_s", "to stop", "s", 2),
)

Sample = Mapping[str, float]
"""One run of one contender: values by figure key."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a share of all values do not exceed (nearest rank).

    Args:
        values: In any order.
        share: 0 to 1.

    Raises:
        ValueError: There are no values, or the share is not between 0 and 1.
    """
    if not values or not 0 <= share <= 1:
        raise ValueError(f"no percentile {share} of {len(values)} values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def medians(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the median of each figure that every sample has."""
    if not samples:
        return {}
    return {
        figure.key: statistics.median(sample[figure.key] for sample in samples)
        for figure in FIGURES
        if all(figure.key in sample for sample in samples)
    }


def spread(samples: Sequence[Sample], key: str) -> float:
    """Return how far the middle half of the samples lies apart, as a share of their median."""
    values = [sample[key] for sample in samples]
    middle = statistics.median(values)
    return (percentile(values, 0.75) - percentile(values, 0.25)) / middle if middle else 0.0


def ratios(summary: Mapping[str, Sample], reference: str) -> dict[str, dict[str, float]]:
    """Return each contender's figures divided by the reference's; nothing when that did not run."""
    base = summary.get(reference, {})
    return {
        name: {key: value / base[key] for key, value in values.items() if base.get(key)}
        for name, values in summary.items()
        if base
    }
