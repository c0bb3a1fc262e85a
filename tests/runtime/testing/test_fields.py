"""Paths of fields and of requests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.testing._fields import fields_of, from_fields_v1, to_fields_v1
from kaiwu_runtime.testing._kinds import Target, built_in, parse_path

elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"1"'])
paths = st.lists(elements, min_size=1, max_size=4).map(tuple)


@given(st.frozensets(paths, max_size=8))
def test_fields_v1_says_the_same_as_the_paths(fields: frozenset[tuple[str, ...]]) -> None:
    assert from_fields_v1(to_fields_v1(fields)) == fields


@pytest.mark.parametrize(
    ("obj", "tree"),
    [
        pytest.param({"data": {"a": "1"}}, {"f:data": {"f:a": {}}}, id="map"),
        pytest.param({"data": {}}, {"f:data": {}}, id="empty map"),
        pytest.param({"spec": {"tags": ["a"]}}, {"f:spec": {"f:tags": {}}}, id="atomic list"),
        pytest.param({"spec": {"selector": {"app": "a"}}}, {"f:spec": {"f:selector": {}}}, id="atomic map"),
        pytest.param(
            {"spec": {"env": [{"name": "A", "value": "1"}]}},
            {"f:spec": {"f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}}},
            id="list by key",
        ),
        pytest.param({"spec": {"env": [{"value": "1"}]}}, {"f:spec": {"f:env": {}}}, id="list whose key is missing"),
        pytest.param({"spec": {"env": ["A=1"]}}, {"f:spec": {"f:env": {}}}, id="list of that name of scalars"),
        pytest.param(
            {"spec": {"ports": [{"port": 80}]}},
            {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}}},
            id="key with a default",
        ),
        pytest.param(
            {"metadata": {"name": "a", "uid": "1", "finalizers": ["x.com/a"]}},
            {"f:metadata": {"f:finalizers": {'v:"x.com/a"': {}}}},
            id="set, and what the server owns",
        ),
    ],
)
def test_fields_of_an_object(obj: dict[str, Any], tree: dict[str, Any]) -> None:
    assert to_fields_v1(fields_of(obj)) == tree


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1/pods", Target("", "v1", "", "pods", "", "")),
        ("/api/v1/namespaces/x/pods/a/status", Target("", "v1", "x", "pods", "a", "status")),
        ("/api/v1/namespaces", Target("", "v1", "", "namespaces", "", "")),
        ("/api/v1/namespaces/x", Target("", "v1", "", "namespaces", "x", "")),
        ("/api/v1/namespaces/x/status", Target("", "v1", "", "namespaces", "x", "status")),
        ("/apis/a.b/v1/cs/system:x%3Fy", Target("a.b", "v1", "", "cs", "system:x?y", "")),
        ("/apis/a.b/v1", None),
        ("/version", None),
        ("/api/v1/namespaces/x/pods/a/b/c", None),
    ],
)
def test_request_paths(path: str, target: Target | None) -> None:
    assert parse_path(path) == target


@pytest.mark.parametrize(
    ("group", "plural", "status"),
    [
        ("", "configmaps", False),
        ("", "namespaces", True),
        ("apps", "deployments", True),
        ("rbac.authorization.k8s.io", "clusterroles", False),
        ("events.k8s.io", "events", False),
        ("apiextensions.k8s.io", "customresourcedefinitions", True),
    ],
)
def test_kinds_of_kubernetes_are_known(group: str, plural: str, status: bool) -> None:
    kind = built_in(group, "v1", plural)
    assert kind is not None
    assert (kind.identity.plural, kind.status, kind.custom) == (plural, status, False)


def test_a_kind_that_kubernetes_does_not_have() -> None:
    assert built_in("", "v1", "nothings") is None
    assert built_in("nowhere.example.com", "v1", "nothings") is None
