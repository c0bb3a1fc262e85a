"""A contender that skips work is found out."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from benchmarks.reconcile.verification import problems

BENCH: dict[str, Any] = {
    "metadata": {"name": "a", "uid": "1", "generation": 2},
    "spec": {"message": "now", "settings": {"x": "y"}},
    "status": {
        "observedGeneration": 2,
        "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}],
    },
}
CONFIG_MAP: dict[str, Any] = {
    "metadata": {"name": "a", "ownerReferences": [{"uid": "1", "controller": True}]},
    "data": {"x": "y", "message": "now"},
}


def test_all_is_well() -> None:
    assert problems([BENCH], [CONFIG_MAP], {"a": 2}) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(
            lambda b, c: b["metadata"].update(generation=3), "its generation is 3", id="another client changed it"
        ),
        pytest.param(lambda b, c: b.pop("status"), "observedGeneration is None", id="no status"),
        pytest.param(lambda b, c: b["status"].update(observedGeneration=1), "is 1, not 2", id="an old status"),
        pytest.param(lambda b, c: b["status"].update(conditions=[]), "no Ready condition", id="no condition"),
        pytest.param(
            lambda b, c: b["status"]["conditions"][0].update(observedGeneration=1),
            "Ready is True for generation 1",
            id="an old condition",
        ),
        pytest.param(lambda b, c: c["data"].update(message="before"), "not what the spec asks", id="old content"),
        pytest.param(lambda b, c: c["data"].update(extra="z"), "not what the spec asks", id="content of its own"),
        pytest.param(lambda b, c: c["metadata"].pop("ownerReferences"), "controller", id="no owner"),
        pytest.param(
            lambda b, c: c["metadata"]["ownerReferences"][0].update(uid="0"), "controller", id="owned by a predecessor"
        ),
        pytest.param(
            lambda b, c: c["metadata"]["ownerReferences"][0].update(controller=False), "controller", id="no controller"
        ),
        pytest.param(lambda b, c: c["metadata"].update(name="b"), "no ConfigMap", id="no ConfigMap"),
        pytest.param(lambda b, c: b["metadata"].update(name="b"), "a: is gone", id="no Bench"),
    ],
)
def test_damage_is_found(damage: Callable[[Any, Any], object], reason: str) -> None:
    bench, config_map = deepcopy(BENCH), deepcopy(CONFIG_MAP)
    damage(bench, config_map)
    assert reason in problems([bench], [config_map], {"a": 2})[0]
