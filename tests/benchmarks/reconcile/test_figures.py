"""The statistics behind the tables."""

from __future__ import annotations

import pytest

from benchmarks.reconcile.figures import FIGURES, medians, percentile, ratios, spread


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([3.0], 0.5, 3.0, id="one value"),
        pytest.param([4.0, 1.0, 3.0, 2.0], 0.5, 2.0, id="nearest rank of an even number, unsorted"),
        pytest.param(list(range(1, 201)), 0.99, 198, id="p99 of 200 is the third largest"),
        pytest.param([1.0, 2.0, 3.0], 0.0, 1.0, id="the smallest"),
        pytest.param([1.0, 2.0, 3.0], 1.0, 3.0, id="the largest"),
    ],
)
def test_percentile(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 1.1), ([1.0], -0.1)])
def test_percentile_refuses(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, share)


def test_median_ignores_one_bad_round() -> None:
    assert medians([{"cpu_ms": 1.0}, {"cpu_ms": 90.0}, {"cpu_ms": 1.2}]) == {"cpu_ms": 1.2}


def test_median_of_nothing_and_of_a_figure_that_a_round_lacks() -> None:
    assert medians([]) == {}
    assert medians([{"cpu_ms": 1.0, "stop_s": 1.0}, {"cpu_ms": 1.0}]) == {"cpu_ms": 1.0}


def test_spread_is_a_share_of_the_median() -> None:
    assert spread([{"cpu_ms": value} for value in (8.0, 9.0, 10.0, 11.0, 12.0)], "cpu_ms") == pytest.approx(0.2)
    assert spread([{"cpu_ms": 5.0}] * 3, "cpu_ms") == 0.0


def test_ratios_need_the_reference() -> None:
    summary = {"a": {"cpu_ms": 1.0}, "b": {"cpu_ms": 2.0, "stop_s": 0.0}}
    assert ratios(summary, "b") == {"a": {"cpu_ms": 0.5}, "b": {"cpu_ms": 1.0}}
    assert ratios(summary, "missing") == {}


def test_figures_have_keys_of_their_own() -> None:
    assert len({figure.key for figure in FIGURES}) == len(FIGURES)
