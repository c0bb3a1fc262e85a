"""The comparison that every fault is judged by notices each kind of difference."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from .convergence import cache_differences, reconcile_differences
from .fingerprint import fingerprint

WIDGET: dict[str, Any] = {
    "metadata": {"name": "a", "uid": "1", "resourceVersion": "7", "generation": 2},
    "spec": {"message": "new", "settings": {"x": "1"}},
    "status": {"observedGeneration": 2, "message": "new"},
}
CONFIG_MAP: dict[str, Any] = {
    "metadata": {
        "name": "a",
        "uid": "2",
        "resourceVersion": "8",
        "ownerReferences": [{"uid": "1", "controller": True}],
    },
    "data": {"x": "1", "message": "new"},
}


def test_what_is_reconciled_and_cached_has_no_difference() -> None:
    assert reconcile_differences({"a": WIDGET}, {"a": CONFIG_MAP}) == []
    assert cache_differences("Widget", {"a": WIDGET}, {"a": fingerprint(WIDGET)}) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda widget, _: widget["metadata"].update(generation=3), "status.observedGeneration is 2, not 3"),
        (lambda widget, _: widget.pop("status"), "status.observedGeneration is None, not 2"),
        (lambda widget, _: widget["status"].update(message="old"), "status.message is 'old', not 'new'"),
        (lambda _, config_map: config_map["data"].update(x="2"), "ConfigMap a: is {'x': '2', 'message': 'new'}"),
        (lambda _, config_map: config_map["metadata"].pop("ownerReferences"), "is not owned by its Widget"),
        (lambda widget, _: widget["metadata"].update(uid="3"), "is not owned by its Widget"),
    ],
)
def test_what_is_not_reconciled_is_named(change: Callable[[Any, Any], object], message: str) -> None:
    widget, config_map = copy.deepcopy(WIDGET), copy.deepcopy(CONFIG_MAP)
    change(widget, config_map)
    (found,) = reconcile_differences({"a": widget}, {"a": config_map})
    assert message in found


def test_what_is_missing_or_left_over_is_named() -> None:
    assert reconcile_differences({"a": WIDGET}, {}) == ["ConfigMap a: is missing"]
    assert reconcile_differences({}, {"a": CONFIG_MAP}) == ["ConfigMap a: its Widget is gone"]


@pytest.mark.parametrize(
    "cached",
    [
        {},
        {"a": fingerprint(WIDGET), "b": fingerprint(WIDGET)},
        {"a": fingerprint({**WIDGET, "spec": {}})},
        {"a": fingerprint({**WIDGET, "metadata": {**WIDGET["metadata"], "resourceVersion": "6"}})},
    ],
    ids=["absent", "left over", "other content", "older"],
)
def test_what_the_cache_holds_otherwise_is_named(cached: dict[str, str]) -> None:
    assert len(cache_differences("Widget", {"a": WIDGET}, cached)) == 1


def test_the_way_an_object_was_read_makes_no_difference() -> None:
    watched = {"apiVersion": "v1", "kind": "ConfigMap", **CONFIG_MAP}
    stored = {**CONFIG_MAP, "metadata": {**CONFIG_MAP["metadata"], "managedFields": [{"manager": "x"}]}}
    assert fingerprint(watched) == fingerprint(stored) == fingerprint(CONFIG_MAP)
