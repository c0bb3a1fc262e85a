"""What a store keeps, and what it says has changed."""

from __future__ import annotations

import json

import pytest

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.cache import CachedObject, EventType, ObjectEvent
from kaiwu_runtime.cache._store import Store


def make(name: str, version: str = "1", *, uid: str = "", namespace: str = "a", **metadata: object) -> CachedObject:
    document = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"uid-{name}",
            "resourceVersion": version,
            **metadata,
        }
    }
    return CachedObject.parse(json.dumps(document).encode())


def told(events: list[ObjectEvent]) -> list[tuple[EventType, str, str]]:
    return [(event.type, event.object.key.name, event.object.resource_version) for event in events]


def test_a_new_object_is_added_and_a_newer_state_modifies_it() -> None:
    store = Store()
    assert told(store.put(make("x"))) == [(EventType.ADDED, "x", "1")]
    (event,) = store.put(make("x", "2"))
    assert (event.type, event.object.resource_version) == (EventType.MODIFIED, "2")
    assert event.old is not None
    assert event.old.resource_version == "1"


def test_the_same_state_again_is_no_event() -> None:
    store = Store()
    store.put(make("x"))
    assert store.put(make("x")) == []


def test_another_uid_is_a_deletion_and_an_addition() -> None:
    store = Store()
    store.put(make("x", "1", uid="first"))
    events = store.put(make("x", "5", uid="second"))
    assert told(events) == [(EventType.DELETED, "x", "1"), (EventType.ADDED, "x", "5")]
    found = store.get(ObjectKey("a", "x"))
    assert found is not None
    assert found.uid == "second"


def test_a_deletion_carries_the_last_state_and_happens_once() -> None:
    store = Store()
    store.put(make("x", "1"))
    assert told(store.remove(make("x", "2"))) == [(EventType.DELETED, "x", "2")]
    assert store.remove(make("x", "2")) == []
    assert len(store) == 0


def test_the_deletion_of_a_predecessor_leaves_the_successor() -> None:
    store = Store()
    store.put(make("x", "9", uid="second"))
    assert store.remove(make("x", "8", uid="first")) == []
    assert store.get(ObjectKey("a", "x")) is not None


def test_a_list_that_lacks_an_object_deletes_it() -> None:
    store = Store()
    for name in "xyz":
        store.put(make(name))
    events = store.replace([make("x"), make("y", "2"), make("new")])
    assert sorted(told(events), key=lambda entry: entry[1]) == [
        (EventType.ADDED, "new", "1"),
        (EventType.MODIFIED, "y", "2"),
        (EventType.DELETED, "z", "1"),
    ]


def test_a_list_of_one_namespace_says_nothing_of_the_others() -> None:
    store = Store()
    store.put(make("x", namespace="a"))
    store.put(make("x", namespace="b"))
    assert told(store.replace([], namespace="a")) == [(EventType.DELETED, "x", "1")]
    assert [obj.key for obj in store.list()] == [ObjectKey("b", "x")]
    assert list(store.list("a")) == []


def test_initial_objects_are_marked() -> None:
    store = Store()
    assert [event.initial for event in store.replace([make("x")], initial=True)] == [True]
    assert [event.initial for event in store.put(make("y"))] == [False]


def test_an_index_follows_every_change() -> None:
    store = Store()
    store.put(make("before", labels={"app": "db"}))
    store.add_index("app", lambda obj: [value for key, value in obj.labels.items() if key == "app"])
    store.put(make("after", labels={"app": "db"}))
    assert sorted(obj.key.name for obj in store.by_index("app", "db")) == ["after", "before"]
    store.put(make("after", "2", labels={"app": "web"}))
    assert [obj.key.name for obj in store.by_index("app", "db")] == ["before"]
    store.remove(make("before", "2"))
    assert list(store.by_index("app", "db")) == []
    with pytest.raises(ValueError, match="app"):
        store.add_index("app", lambda _: [])
    with pytest.raises(KeyError):
        store.by_index("other", "x")


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ('{"metadata":{"name":"a","managedFields":[{"x":1}],"uid":"u"}}', '{"metadata":{"name":"a","uid":"u"}}'),
        ('{"metadata":{"managedFields":[{"x":1}],"name":"a"}}', '{"metadata":{"name":"a"}}'),
        ('{"metadata":{"managedFields":[]},"x":1}', '{"metadata":{},"x":1}'),
        ('{"metadata":{"name":"a","managedFields":null}}', '{"metadata":{"name":"a"}}'),
        ('{"metadata": {"name": "a", "managedFields": [ {"x": 1} ] }}', '{"metadata":{"name":"a"}}'),
        (
            '{"a":{"managedFields":[1]},"metadata":{"name":"a","managedFields":[1]}}',
            '{"a":{"managedFields":[1]},"metadata":{"name":"a"}}',
        ),
        (
            '{"metadata":{"name":"a","annotations":{"b":"{\\"managedFields\\":[1]}"},"managedFields":[1]}}',
            '{"metadata":{"name":"a","annotations":{"b":"{\\"managedFields\\":[1]}"}}}',
        ),
    ],
)
def test_managed_fields_wherever_they_stand(raw: str, kept: str) -> None:
    assert CachedObject.parse(raw.encode()).raw.decode() == kept


def test_managed_fields_are_dropped_from_the_bytes_and_nothing_else() -> None:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "x",
            "resourceVersion": "1",
            "managedFields": [{"manager": "a" * 500}],
            "labels": {"a": "b"},
        },
        "data": {"managedFields": "stays"},
    }
    obj = CachedObject.parse(json.dumps(document).encode())
    kept = json.loads(obj.raw)
    assert kept["metadata"] == {"name": "x", "resourceVersion": "1", "labels": {"a": "b"}}
    assert kept["data"] == {"managedFields": "stays"}
    assert obj.labels == {"a": "b"}


@pytest.mark.parametrize(
    ("entries", "appliers"),
    [
        ([], ""),
        ([("a", "Apply", ""), ("b", "Update", "status"), ("c", "Apply", "scale")], ""),
        ([("a", "Apply", "status"), ("b", "Update", "status")], "a"),
        ([("b", "Apply", "status"), ("a", "Apply", "status"), ("b", "Apply", "status")], "a\nb"),
    ],
)
def test_who_applies_the_status_is_kept(entries: list[tuple[str, str, str]], appliers: str) -> None:
    managed = [{"manager": name, "operation": verb, "subresource": of, "fieldsV1": {}} for name, verb, of in entries]
    raw = json.dumps({"metadata": {"name": "a", "managedFields": managed}}).encode()
    assert CachedObject.parse(raw).status_appliers == appliers
