"""Configurations and the order of the contenders."""

from __future__ import annotations

from benchmarks.reconcile.schedule import configurations, order


def test_two_series_share_their_first() -> None:
    assert configurations([1000, 100], [10, 1]) == [(1000, 10), (100, 10), (1000, 1)]
    assert configurations([50], [10]) == [(50, 10)]


def test_every_contender_runs_in_every_round_and_none_is_always_first() -> None:
    rounds = [order("abcd", number) for number in range(5)]
    assert all(sorted(names) == list("abcd") for names in rounds)
    assert len({names[0] for names in rounds}) > 1
    assert rounds[0] == list("abcd")
    assert rounds[1] == list("adcb")


def test_two_contenders_take_turns() -> None:
    assert order("a", 7) == ["a"]
