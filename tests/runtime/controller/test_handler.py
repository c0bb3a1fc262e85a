"""From events to requests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace

from kaiwu_runtime import Request
from kaiwu_runtime.api import ObjectKey, identify
from kaiwu_runtime.cache import CachedObject, EventType, ObjectEvent
from kaiwu_runtime.controller import MapFunction, enqueue_mapped, enqueue_object, enqueue_owner
from kaiwu_runtime.controller._handler import map_typed


def obj(name: str = "child", namespace: str = "a", uid: str = "c", **metadata: Any) -> CachedObject:
    document = {"metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": "1", **metadata}}
    return CachedObject.parse(json.dumps(document).encode())


def owner(**changes: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": "parent", "uid": "p", "controller": True, **changes}


def absent(_: ObjectKey) -> None:
    return None


def test_the_object_itself() -> None:
    assert list(enqueue_object(ObjectEvent(EventType.ADDED, obj()))) == [Request("a", "child")]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param(owner(), [Request("a", "parent")], id="the controller"),
        pytest.param(owner(apiVersion="apps/v1beta2"), [Request("a", "parent")], id="another version"),
        pytest.param(owner(apiVersion="extensions/v1"), [], id="another group"),
        pytest.param(owner(kind="StatefulSet"), [], id="another kind"),
        pytest.param(owner(controller=False), [], id="an owner that is not a controller"),
        pytest.param(owner(controller=None), [], id="controller not said"),
    ],
)
def test_the_owner(reference: dict[str, Any], expected: list[Request]) -> None:
    handle = enqueue_owner(identify(Deployment), absent)
    assert list(handle(ObjectEvent(EventType.ADDED, obj(ownerReferences=[reference])))) == expected


def test_an_owner_that_is_no_controller_when_asked_for() -> None:
    handle = enqueue_owner(identify(Deployment), absent, only_controller=False)
    event = ObjectEvent(EventType.ADDED, obj(ownerReferences=[owner(controller=None)]))
    assert list(handle(event)) == [Request("a", "parent")]


def test_a_successor_of_the_owner_is_not_woken() -> None:
    known = {ObjectKey("a", "parent"): obj("parent", uid="successor")}
    handle = enqueue_owner(identify(Deployment), known.get)
    assert list(handle(ObjectEvent(EventType.ADDED, obj(ownerReferences=[owner()])))) == []
    known[ObjectKey("a", "parent")] = obj("parent", uid="p")
    assert list(handle(ObjectEvent(EventType.ADDED, obj(ownerReferences=[owner()])))) == [Request("a", "parent")]


def test_a_successor_hears_that_the_name_of_its_child_is_free() -> None:
    known = {ObjectKey("a", "parent"): obj("parent", uid="successor")}
    last = obj(ownerReferences=[owner()])
    handle = enqueue_owner(identify(Deployment), known.get)
    assert list(handle(ObjectEvent(EventType.DELETED, last, last))) == [Request("a", "parent")]


def test_a_cluster_scoped_owner_has_no_namespace() -> None:
    handle = enqueue_owner(identify(Namespace), absent)
    reference = owner(apiVersion="v1", kind="Namespace")
    assert list(handle(ObjectEvent(EventType.ADDED, obj(ownerReferences=[reference])))) == [Request("", "parent")]


def test_an_object_that_changes_hands_wakes_both_owners() -> None:
    handle = enqueue_owner(identify(Deployment), absent)
    event = ObjectEvent(
        EventType.MODIFIED, obj(ownerReferences=[owner(name="new")]), obj(ownerReferences=[owner(name="old")])
    )
    assert sorted(request.name for request in handle(event)) == ["new", "old"]


def test_a_deleted_object_wakes_its_owner_by_its_last_state() -> None:
    handle = enqueue_owner(identify(Deployment), absent)
    last = obj(ownerReferences=[owner()])
    assert list(handle(ObjectEvent(EventType.DELETED, last, last))) == [Request("a", "parent")]


def test_a_map_function_names_each_request_once() -> None:
    handle = enqueue_mapped(lambda found: [Request("a", found.labels["to"]), Request("a", "always")])
    event = ObjectEvent(EventType.MODIFIED, obj(labels={"to": "new"}), obj(labels={"to": "old"}))
    assert list(handle(event)) == [Request("a", "new"), Request("a", "always"), Request("a", "old")]


def by_cached(obj: CachedObject) -> list[Request]:
    return [Request(obj.key.namespace, type(obj).__name__)]


def by_quoted(obj: "cache.CachedObject") -> list[Request]:  # type: ignore[name-defined]  # noqa: F821, UP037
    return [Request(obj.key.namespace, type(obj).__name__)]


def by_type(obj: Any) -> list[Request]:
    key = ObjectKey.of(obj)
    return [Request(key.namespace, f"{key.name}-{type(obj).__name__}-{getattr(obj, 'data', None)}")]


@pytest.mark.parametrize(
    ("function", "metadata_only", "name"),
    [
        (by_cached, False, "CachedObject"),
        (by_quoted, False, "CachedObject"),
        (by_type, False, "a-ConfigMap-{'x': 'y'}"),
        (by_type, True, "a-PartialObjectMetadata-None"),
    ],
)
def test_a_map_function_gets_the_object_in_its_type(function: MapFunction, metadata_only: bool, name: str) -> None:
    raw = b'{"metadata":{"name":"a","namespace":"n","uid":"u","resourceVersion":"1"},"data":{"x":"y"}}'
    mapped = map_typed(ConfigMap, function, metadata_only=metadata_only)
    assert list(mapped(CachedObject.parse(raw))) == [Request("n", name)]
