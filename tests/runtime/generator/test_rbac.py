# ruff: noqa: E501 - rows of a table read better on one line
"""Roles: the fewest rules that grant the same, in a fixed order."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.api import RBACRule
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_roles
from kaiwu_runtime.generator.rbac import normalize_rules


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def rule(groups: str = "", resources: str = "", verbs: str = "get", **others: Any) -> RBACRule:
    return RBACRule(groups=_words(groups), resources=_words(resources), verbs=_words(verbs), **others)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], []),
        ([rule("apps", "b,a", "list,get")], [rule("apps", "a,b", "get,list")]),
        ([rule("apps", "a", "get"), rule("apps", "a", "list")], [rule("apps", "a", "get,list")]),
        ([rule("apps", "a"), rule("apps", "b")], [rule("apps", "a,b")]),
        ([rule("apps", "a"), rule("batch", "a")], [rule("apps,batch", "a")]),
        ([rule("apps", "a", "get,*")], [rule("apps", "a", "*")]),
        ([rule("core", "pods")], [rule("", "pods")]),
        ([rule("apps", "a,a,b")], [rule("apps", "a,b")]),
        ([rule("b", "x", "get"), rule("a", "x", "list")], [rule("a", "x", "list"), rule("b", "x", "get")]),
        ([rule("a", "x"), rule("a", "x", resource_names=("n",))], [rule("a", "x"), rule("a", "x", resource_names=("n",))]),
        (
            [RBACRule(urls=("/b",), verbs=("get",)), RBACRule(urls=("/a",), verbs=("get",))],
            [RBACRule(urls=("/a", "/b"), verbs=("get",))],
        ),
    ],
    ids=["none", "sorted", "verbs", "resources", "groups", "star", "core", "twice", "order", "names apart", "urls"],
)  # fmt: skip
def test_normalized(rules: list[RBACRule], expected: list[RBACRule]) -> None:
    assert normalize_rules(rules) == expected


def grants(rules: list[RBACRule]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for each in rules:
        names = each.resource_names or ("(any)",)
        found |= set(product(each.groups, each.resources, names, each.verbs))
    return found


def some(words: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3).map(tuple)


random_rules = st.lists(
    st.builds(
        RBACRule,
        groups=some(["", "apps", "batch"]),
        resources=some(["a", "b", "c"]),
        verbs=some(["get", "list", "watch"]),
        resource_names=st.one_of(st.just(()), some(["x", "y"])),
    ),
    max_size=6,
)


@given(random_rules, st.randoms())
def test_merging_grants_the_same_and_no_order_matters(rules: list[RBACRule], random: Any) -> None:
    normalized = normalize_rules(rules)
    assert grants(normalized) == grants(rules)
    shuffled = list(rules)
    random.shuffle(shuffled)
    assert normalize_rules(shuffled) == normalized
    assert normalize_rules(normalized) == normalized


def names(roles: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(r["kind"], r["metadata"].get("namespace", ""), r["metadata"]["name"]) for r in roles]


def test_the_managers_role_is_always_there() -> None:
    [role] = build_roles([], role_name="manager-role")
    assert names([role]) == [("ClusterRole", "", "manager-role")]
    assert role["rules"] == []


def test_a_namespace_gets_a_role_and_a_name_a_role_of_its_own() -> None:
    roles = build_roles(
        [
            rule("apps", "a", namespace="z"),
            rule("apps", "b"),
            rule("apps", "c", namespace="b"),
            rule("apps", "d", namespace="b", role_name="other"),
            rule("apps", "e", role_name="extra"),
        ],
        role_name="manager-role",
    )
    assert names(roles) == [
        ("ClusterRole", "", "extra"),
        ("ClusterRole", "", "manager-role"),
        ("Role", "b", "manager-role"),
        ("Role", "b", "other"),
        ("Role", "z", "manager-role"),
    ]


def test_a_namespaced_project_has_roles_only() -> None:
    roles = build_roles([rule("apps", "a"), rule("apps", "b", namespace="x")], role_name="m", namespaced=True)
    assert names(roles) == [("Role", "", "m"), ("Role", "x", "m")]


def test_a_namespaced_project_cannot_grant_paths() -> None:
    urls = RBACRule(urls=("/metrics",), verbs=("get",), declared_on="Reconciler")
    with pytest.raises(DefinitionError, match=r"Reconciler: @rbac urls=\['/metrics'\] needs a ClusterRole"):
        build_roles([urls], role_name="m", namespaced=True)
