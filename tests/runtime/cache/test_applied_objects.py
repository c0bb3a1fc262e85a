"""What is remembered of applies: for how long, of how many objects, and what counts as the content of an object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap, Node

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.cache import CachedObject
from kaiwu_runtime.cache import _applied_objects as applied_objects
from kaiwu_runtime.cache._applied_objects import AppliedObjects

KEY = ObjectKey("x", "a")
PATH = "/api/v1/namespaces/x/configmaps/a"


def document(**changes: Any) -> bytes:
    """Return an object as the API server writes it, without blanks."""
    metadata = {"name": "a", "namespace": "x", "uid": "u", "resourceVersion": "7", "generation": 1}
    metadata |= changes.pop("metadata", {})
    content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}
    return json.dumps(content | changes, separators=(",", ":")).encode()


class Cached:
    """A cache of one object."""

    def __init__(self, raw: bytes | None) -> None:
        self.raw = raw

    def whole(self, kind: type[Any], key: ObjectKey) -> CachedObject | None:
        return None if self.raw is None else CachedObject.parse(self.raw)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def owned(fields: str, **changes: str) -> dict[str, Any]:
    """Return an entry of managedFields, of an apply if nothing else is said."""
    entry: dict[str, Any] = {"manager": "m", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z"}
    return {**entry, "fieldsType": "FieldsV1", "fieldsV1": {f"f:{fields}": {}}, **changes}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"metadata": {"resourceVersion": "8"}}, True),
        ({"metadata": {"resourceVersion": "8"}, "status": {"x": 1}}, True),
        ({"metadata": {"resourceVersion": "8", "generation": 2}, "status": {"x": 1}}, False),  # changed, and put back
        ({"metadata": {"resourceVersion": "8", "uid": "another"}}, False),
        ({"metadata": {"resourceVersion": "8", "labels": {"a": "b"}}}, False),
        ({"metadata": {"resourceVersion": "8", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, False),
        ({"metadata": {"resourceVersion": "8"}, "data": {"a": "1", "resourceVersion": "8", "generation": 1}}, False),
        ({"metadata": {"resourceVersion": "8"}, "data": {"a": "2"}}, False),
        ({"metadata": {"resourceVersion": "8"}, "data": {"a": "1", "b": "1"}}, False),
        ({"metadata": {"resourceVersion": "8"}, "binaryData": {}}, False),
        ({"data": {"a": "2"}}, False),  # of an etcd that was restored from a backup
    ],
)
def test_the_content_of_an_object_with_a_status(changes: dict[str, Any], *, same: bool) -> None:
    cache = Cached(document())
    applies = AppliedObjects(cache)
    applies.sent(Node, PATH, "m", b"{}", document() + b"\n")
    cache.raw = document(**changes)
    found = applies.unchanged(Node, KEY, PATH, "m", b"{}")
    assert found == (CachedObject.parse(cache.raw).raw if same else None)


@pytest.mark.parametrize("status", [{}, {"status": {"x": 2}}])
@pytest.mark.parametrize(
    ("owners", "same"),
    [
        ([owned("a"), owned("b", manager="n")], True),
        ([owned("b", manager="n"), owned("a")], True),
        ([owned("a", time="2026-01-01T00:00:01Z"), owned("b", manager="n")], True),
        ([owned("a"), owned("b", manager="n"), owned("c", operation="Update")], True),
        ([owned("a"), owned("b", manager="n"), owned("c", subresource="status")], True),
        ([owned("a")], False),
        ([owned("a", operation="Update"), owned("b", manager="n")], False),
        ([owned("a", apiVersion="v2"), owned("b", manager="n")], False),
        ([owned("c"), owned("b", manager="n")], False),
        ([owned("b"), owned("a", manager="n")], False),
        ([{}], False),
        ([], False),
    ],
)
def test_the_ownership_of_fields(owners: list[dict[str, Any]], status: dict[str, Any], *, same: bool) -> None:
    before = document(metadata={"managedFields": [owned("a"), owned("b", manager="n")]}, status={"x": 1})
    cache = Cached(before)
    applies = AppliedObjects(cache)
    applies.sent(Node, PATH, "m", b"{}", before)
    cache.raw = document(metadata={"resourceVersion": "8", "managedFields": owners}, **{"status": {"x": 1}} | status)
    assert (applies.unchanged(Node, KEY, PATH, "m", b"{}") is not None) is same


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("first", ["apiVersion", "kind"])
def test_a_list_of_a_built_in_kind_leaves_out_the_type_names(first: str, *, listed: bool) -> None:
    names = {"apiVersion": "v1", "kind": "Node"}
    names = {first: names[first], **names}
    content: dict[str, dict[str, Any]] = {
        "metadata": {"name": "a", "uid": "u", "resourceVersion": "7"},
        "spec": {"a": 1},
    }
    answer = json.dumps({**names, **content}, separators=(",", ":")).encode()
    cache = Cached(answer)
    applies = AppliedObjects(cache)
    applies.sent(Node, PATH, "m", b"{}", answer)
    content["metadata"]["resourceVersion"] = "8"
    cache.raw = json.dumps(({} if listed else names) | content, separators=(",", ":")).encode()
    assert applies.unchanged(Node, KEY, PATH, "m", b"{}") == cache.raw
    content["spec"]["a"] = 2
    content["metadata"]["resourceVersion"] = "9"
    cache.raw = json.dumps(({} if listed else names) | content, separators=(",", ":")).encode()
    assert applies.unchanged(Node, KEY, PATH, "m", b"{}") is None


def test_each_field_manager_is_remembered_and_forgotten() -> None:
    applies = AppliedObjects(Cached(document()))

    def known() -> list[int]:
        return [
            number
            for number in range(9)
            if applies.unchanged(ConfigMap, KEY, PATH, f"m{number}", b"%d" % number) is not None
        ]

    for number in (0, 1, 2):
        applies.sent(ConfigMap, PATH, f"m{number}", b"%d" % number, document())
    assert known() == [0, 1, 2]
    applies.forget(PATH, "m1")
    applies.forget(PATH, "m7")
    assert known() == [0, 2]
    applies.sent(ConfigMap, PATH, "m0", b"0", document())
    assert known() == [0, 2]
    for number in range(9):
        applies.sent(ConfigMap, PATH, f"m{number}", b"%d" % number, document())
    assert known() == [5, 6, 7, 8], "the latest ones"
    for number in (5, 6, 7):
        applies.forget(PATH, f"m{number}")
    assert known() == [8]
    applies.forget(PATH)
    assert known() == []
    applies.sent(ConfigMap, PATH, "m1", b"1", document())
    applies.forget(PATH, "m1")
    assert known() == []
    assert not applies._records


@pytest.mark.parametrize("owners", [7, {}, "x", [7], [{"fieldsV1": 7, "operation": []}]])
def test_an_ownership_that_cannot_be_read_is_none(owners: object) -> None:
    assert CachedObject.parse(document(metadata={"managedFields": owners})).ownership == 0


def test_an_ownership_that_is_not_utf_8_is_none() -> None:
    raw = document(metadata={"managedFields": [{"manager": "?", "operation": "Apply"}]})
    assert CachedObject.parse(raw.replace(b'"?"', b'"\xff"')).ownership == 0


def test_a_status_that_changes_all_the_time_is_followed() -> None:
    cache = Cached(document())
    applies = AppliedObjects(cache)
    applies.sent(Node, PATH, "m", b"{}", document())
    for version in range(8, 20):
        cache.raw = document(metadata={"resourceVersion": str(version)}, status={"x": version})
        assert applies.unchanged(Node, KEY, PATH, "m", b"{}") is not None
        assert applies.unchanged(Node, KEY, PATH, "m", b"{}") is not None


@pytest.mark.parametrize("last", [{}, {"zone": "after the status"}])
def test_a_field_like_the_status_is_not_taken_for_it(last: dict[str, Any]) -> None:
    status = {"x": 1}
    before = {"spec": {"a": {"b": 1, "status": status}, "c": 2}}
    after = {"spec": {"a": {"b": 1}, "status": status, "c": 2}}
    cache = Cached(document(**before, status=status, **last))
    applies = AppliedObjects(cache)
    assert cache.raw is not None
    applies.sent(Node, PATH, "m", b"{}", cache.raw)
    cache.raw = document(**after, metadata={"resourceVersion": "8"}, status=status, **last)
    assert applies.unchanged(Node, KEY, PATH, "m", b"{}") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/apis/g.io/v1/namespaces/x/things/a", "/apis/g.io/v2beta1/namespaces/x/things/a", True),
        ("/apis/g.io/v1/things/a", "/apis/g.io/v2/things/a", True),
        ("/apis/g.io/v1/things/a", "/apis/g.io/v1/things/b", False),
        ("/apis/g.io/v1/things/a", "/apis/h.io/v1/things/a", False),
        ("/apis/g.io/v1/things/a", "/apis/g.io/v1/others/a", False),
        ("/apis/g.io/v1/namespaces/x/things/a", "/apis/g.io/v1/namespaces/y/things/a", False),
        ("/api/v1/namespaces/a", "/api/v1/nodes/a", False),
        ("/api/v1/nodes/a", "/api/v1/nodes/b", False),
    ],
)
def test_an_object_is_the_same_in_all_versions(one: str, other: str, *, same: bool) -> None:
    cache = Cached(document())
    applies = AppliedObjects(cache)
    applies.sent(ConfigMap, one, "m", b"{}", document())
    applies.forget(other)
    assert (applies.unchanged(ConfigMap, KEY, one, "m", b"{}") is None) is same


@pytest.mark.parametrize(("version", "same"), [("7", True), ("8", False)])
def test_the_content_of_an_object_without_a_status_is_its_version(version: str, *, same: bool) -> None:
    cache = Cached(document(metadata={"resourceVersion": version}))
    applies = AppliedObjects(cache)
    applies.sent(ConfigMap, PATH, "m", b"{}", document() + b"\n")
    assert applies.unchanged(ConfigMap, KEY, PATH, "m", b"{}") == (cache.raw if same else None)


@pytest.mark.parametrize(("manager", "body"), [("another", b"{}"), ("m", b"{} "), ("", b"{}")])
def test_another_apply_is_sent(manager: str, body: bytes) -> None:
    applies = AppliedObjects(Cached(document()))
    applies.sent(ConfigMap, PATH, "m", b"{}", document())
    assert applies.unchanged(ConfigMap, KEY, PATH, manager, body) is None


def test_it_is_sent_again_after_a_while_and_not_all_at_once() -> None:
    clock = Clock()
    applies = AppliedObjects(Cached(document()), resend_seconds=100, clock=clock)
    for number in range(200):
        applies.sent(ConfigMap, f"{PATH}{number}", "m", b"{}", document())
    left = []
    for clock.now in (89, 95, 100, 105, 111):
        left.append(
            sum(applies.unchanged(ConfigMap, KEY, f"{PATH}{number}", "m", b"{}") is not None for number in range(200))
        )
    assert (left[0], left[-1]) == (200, 0)
    assert 200 > left[1] > left[2] > left[3] > 0


def test_as_many_are_remembered_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied_objects, "_MOST", 3)
    applies = AppliedObjects(Cached(document()))
    for number in (0, 1, 2, 0, 3):
        applies.sent(ConfigMap, str(number), "m", b"{}", document())
    known = [number for number in range(4) if applies.unchanged(ConfigMap, KEY, str(number), "m", b"{}") is not None]
    assert known == [0, 2, 3], "the one that was applied longest ago makes room"


@pytest.mark.parametrize("kind", [ConfigMap, Node])
@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"metadata": 7}', b'{"a":' * 100_000, b"\xff"])
def test_an_answer_that_cannot_be_read_is_not_remembered(answer: bytes, kind: type[Any]) -> None:
    applies = AppliedObjects(Cached(document()))
    assert applies.sent(kind, PATH, "m", b"{}", answer) == ""
    assert applies.unchanged(kind, KEY, PATH, "m", b"{}") is None
