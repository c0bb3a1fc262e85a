"""Who is found by an index, also when its function fails or changes its mind."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from kaiwu_runtime.cache import CachedObject
from kaiwu_runtime.cache._index import Index
from kaiwu_runtime.errors import DecodeError


def make(name: str, app: str) -> CachedObject:
    metadata = {"name": name, "namespace": "a", "uid": name, "resourceVersion": "1", "labels": {"app": app}}
    return CachedObject.parse(json.dumps({"metadata": metadata}).encode())


def by_app(obj: CachedObject) -> Iterable[str]:
    if obj.labels["app"] == "broken":
        raise DecodeError("Boat a/x: spec: broken")
    return obj.labels["app"].split("-")


def found(index: Index, value: str) -> list[str]:
    return [key.name for key in index.find(value)]


def test_objects_are_found_by_each_of_their_values() -> None:
    index = Index("app", by_app)
    index.put(make("x", "db-web-db"))
    index.put(make("y", "web"))
    assert (found(index, "db"), found(index, "web"), found(index, "other")) == (["x"], ["x", "y"], [])
    index.put(make("x", "db"))
    assert (found(index, "db"), found(index, "web")) == (["x"], ["y"])
    index.discard(make("x", "db").key)
    index.discard(make("x", "db").key)
    assert (found(index, "db"), found(index, "web")) == ([], ["y"])


def test_a_function_that_fails_costs_one_object_its_entries(caplog: pytest.LogCaptureFixture) -> None:
    index = Index("app", by_app)
    index.put(make("x", "db"))
    index.put(make("x", "broken"))
    index.put(make("y", "db"))
    assert found(index, "db") == ["y"]
    (record,) = caplog.records
    assert (record.index, record.object, record.error) == ("app", "a/x", "Boat a/x: spec: broken")  # type: ignore[attr-defined]
    assert record.exc_info is None, "the object is at fault, not the function"
    index.put(make("x", "db"))
    assert sorted(found(index, "db")) == ["x", "y"]


def test_a_str_is_rejected_as_a_list_of_values(caplog: pytest.LogCaptureFixture) -> None:
    """Its characters would be the values, and every selector would find nothing."""
    index = Index("app", lambda obj: obj.labels["app"])
    index.put(make("x", "db"))
    assert (found(index, "d"), found(index, "db")) == ([], [])
    assert caplog.records[0].error == "it returned a str: return a list of values"  # type: ignore[attr-defined]


def test_a_mistake_in_a_function_is_logged_with_its_stack(caplog: pytest.LogCaptureFixture) -> None:
    index = Index("app", lambda obj: [obj.labels["absent"]])
    index.put(make("x", "db"))
    assert caplog.records[0].exc_info is not None


def test_a_function_that_changes_its_mind_leaves_nothing_behind() -> None:
    numbers = iter(range(10))
    index = Index("number", lambda _: [str(next(numbers))])
    index.put(make("x", "db"))
    index.put(make("x", "db"))
    assert (found(index, "0"), found(index, "1")) == ([], ["x"])
    index.discard(make("x", "db").key)
    assert [found(index, str(number)) for number in range(10)] == [[]] * 10


@pytest.mark.parametrize(
    ("values", "message"),
    [([8080], "it returned int 8080: return strings"), (["a", b"b"], "it returned bytes b'b': return strings")],
)
def test_values_that_no_selector_finds_are_a_mistake(
    caplog: pytest.LogCaptureFixture, values: list[str], message: str
) -> None:
    """A selector has text: what is indexed under a number would never be found, and nothing would say why."""
    index = Index("port", lambda obj: values)
    index.put(make("x", "db"))
    assert found(index, "a") == []
    assert caplog.records[0].error == message  # type: ignore[attr-defined]


def test_none_is_no_value(caplog: pytest.LogCaptureFixture) -> None:
    """As of an optional field that is not set."""
    values: list[Any] = ["a", None]
    index = Index("secret", lambda obj: values)
    index.put(make("x", "db"))
    assert found(index, "a") == ["x"]
    assert not caplog.records
