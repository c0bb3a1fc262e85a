"""An object that several caches have counts only while they agree on it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.cache import CachedObject, CacheOptions, Informer, ListScope
from kaiwu_runtime.cache import _own_writes as own_writes
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.testing import FakeTransport

from ..generic_kinds import GenericConfigMap

KEY = ObjectKey("x", "a")


def state(version: str, team: str = "a") -> CachedObject:
    metadata = {"name": "a", "namespace": "x", "uid": "u", "resourceVersion": version, "labels": {"team": team}}
    return CachedObject.parse(json.dumps({"metadata": metadata}).encode())


def informer(version: str | None, *, metadata_only: bool = False, synced: bool = True, **scope: Any) -> Informer[Any]:
    """Return an informer that has the object at a version; None: it lacks the object."""
    options = CacheOptions(metadata_only=metadata_only)
    made = Informer(FakeTransport(), ConfigMap, [ListScope(**scope)], options)
    if synced:
        made.replace([] if version is None else [state(version)], scope.get("namespace", ""), "1")
    return made


def found(*informers: Informer[Any]) -> str | None:
    known = KindInformers()
    for each in informers:
        known.add(ConfigMap, each)
    whole = known.whole(ConfigMap, KEY)
    return None if whole is None else whole.resource_version


@pytest.mark.parametrize(
    ("informers", "expected"),
    [
        ([], None),
        ([informer("5")], "5"),
        ([informer(None)], None),
        ([informer("5", synced=False)], None),
        ([informer("5", metadata_only=True)], None),
        ([informer("5", label_selector="team=a")], "5"),
        ([informer("5"), informer("5")], "5"),
        ([informer("5"), informer("6")], None),
        ([informer("6"), informer("5")], None),
        ([informer("5"), informer("6", metadata_only=True)], None),
        ([informer("5"), informer("5", metadata_only=True)], "5"),
        ([informer("5", metadata_only=True), informer("5", metadata_only=True)], None),
        ([informer("5"), informer(None)], None),  # deleted, as one of them knows
        ([informer(None), informer("5")], None),
        ([informer("5"), informer(None, synced=False)], "5"),  # its list is still to come, and wakes controllers
        ([informer("5"), informer(None, label_selector="team=a")], None),
        ([informer("5"), informer(None, label_selector="team=b")], "5"),
        ([informer("5"), informer(None, label_selector="team=b", field_selector="type=x")], "5"),
        ([informer("5"), informer(None, field_selector="type=x")], None),  # it may match
        ([informer("5"), informer(None, namespace="y")], "5"),
        ([informer("5"), informer(None, namespace="x")], None),
    ],
)
async def test_caches_that_disagree_know_nothing(informers: list[Informer[Any]], expected: str | None) -> None:
    assert found(*informers) == expected


async def test_all_types_of_a_resource_are_told_and_agree() -> None:
    generic = GenericConfigMap
    known = KindInformers()
    mine, other = informer("5"), Informer[Any](FakeTransport(), generic, [ListScope()], CacheOptions())
    other.replace([state("5")], "", "1")
    known.add(ConfigMap, mine)
    known.add(generic, other)
    assert list(known.of(ConfigMap)) == list(known.of(generic)) == [mine, other]
    for kind in (ConfigMap, generic):
        assert known.whole(kind, KEY) is not None
    other.put(state("6"))
    for kind in (ConfigMap, generic):
        assert known.whole(kind, KEY) is None, "one of them is behind"


async def test_what_a_transform_left_is_not_the_object() -> None:
    options = CacheOptions(transform=lambda document: document)
    made = Informer(FakeTransport(), ConfigMap, [ListScope()], options)
    made.replace([state("5")], "", "1")
    assert found(made) is None
    assert found(made, informer("5")) == "5"


@pytest.mark.parametrize("failing", [0, 1])
async def test_what_a_failing_watch_shows_may_be_old(failing: int) -> None:
    informers = [informer("5"), informer("5")]
    assert found(*informers) == found(informers[failing]) == "5"
    (reflector,) = informers[failing]._reflectors.values()
    reflector.last_error = APIConnectionError("cut")
    assert found(*informers) is found(informers[failing]) is None
    reflector.last_error = None
    assert found(*informers) == "5"


@pytest.mark.parametrize("late", [0, 1])
async def test_a_cache_that_does_not_show_an_own_write_yet_knows_nothing(late: int) -> None:
    informers = [informer("5"), informer("5")]
    informers[late].own_writes.expect(KEY, "6")
    assert found(*informers) is found(informers[late]) is None
    assert found(informers[1 - late]) == "5"
    for each in informers:
        each.put(state("6"))
    assert found(*informers) == found(informers[late]) == "6"


async def test_an_own_write_that_is_waited_for_no_longer_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    made = informer("5")
    made.own_writes.expect(KEY, "6")
    assert found(made) is None
    monkeypatch.setattr(own_writes, "monotonic", lambda: math.inf)
    assert found(made) == "5"
