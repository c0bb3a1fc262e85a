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
from kaiwu_runtime.generator._rbac import build_bindings
from kaiwu_runtime.generator._rbac_rules import normalize_rules


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
        ([rule("a", "x"), rule("a", "x", resource_names=("n",))], [rule("a", "x")]),
        ([rule("a", "x", resource_names=("m",)), rule("a", "x", resource_names=("n",))], [rule("a", "x", resource_names=("m", "n"))]),
        ([rule("a", "x", "list"), rule("a", "x", resource_names=("n",))], [rule("a", "x", "list"), rule("a", "x", "get", resource_names=("n",))]),
        ([rule("*", "*", "*"), rule("apps", "a"), rule("b", "x/status", "patch")], [rule("*", "*", "*")]),
        ([rule("a", "*/scale", "get,patch"), rule("a", "x/scale,y/status", "get")], [rule("a", "*/scale", "get,patch"), rule("a", "y/status", "get")]),
        ([rule("a", "x", "get,list"), rule("a", "x,y", "get")], [rule("a", "x", "get,list"), rule("a", "y")]),
        (
            [RBACRule(urls=("/a/*",), verbs=("get",)), RBACRule(urls=("/a/b", "/c"), verbs=("get",))],
            [RBACRule(urls=("/a/*", "/c"), verbs=("get",))],
        ),
        (
            [RBACRule(urls=("/b",), verbs=("get",)), RBACRule(urls=("/a",), verbs=("get",))],
            [RBACRule(urls=("/a", "/b"), verbs=("get",))],
        ),
    ],
    ids=["none", "sorted", "verbs", "resources", "groups", "star", "core", "twice", "order", "names covered", "names joined", "names apart", "covered by all", "covered subresource", "covered word", "covered path", "urls"],
)  # fmt: skip
def test_normalized(rules: list[RBACRule], expected: list[RBACRule]) -> None:
    assert normalize_rules(rules) == expected


def grants(rules: list[RBACRule]) -> set[tuple[str, ...]]:
    """Return which requests an API server lets through, of all that the random rules could be about."""
    requests = product(
        ("", "apps", "other"), ("a", "b", "a/scale", "b/scale"), ("x", "y", ""), ("get", "list", "watch")
    )
    return {request for request in requests if any(lets_through(rule, *request) for rule in rules)}


def lets_through(rule: RBACRule, group: str, resource: str, name: str, verb: str) -> bool:
    of_any = "*/" + resource.partition("/")[2] if "/" in resource else "*"
    return (
        bool({"*", verb} & set(rule.verbs))
        and bool({"*", group} & set(rule.groups))
        and bool({"*", resource, of_any} & set(rule.resources))
        and (not rule.resource_names or name in rule.resource_names)
    )


def some(words: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3).map(tuple)


random_rules = st.lists(
    st.builds(
        RBACRule,
        groups=some(["", "apps", "*"]),
        resources=some(["a", "b", "a/scale", "*/scale", "*"]),
        verbs=some(["get", "list", "watch", "*"]),
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
    for each in normalized:
        others = [other for other in normalized if other != each]
        assert grants([*others, each]) != grants(others) or "*" in each.resources + each.groups + each.verbs, each


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
        ("Role", "b", "manager-role-b"),
        ("Role", "b", "other"),
        ("Role", "z", "manager-role-z"),
    ]


def test_one_name_in_two_namespaces_is_two_names() -> None:
    rules = [rule("apps", "a", namespace=n, role_name="other") for n in ("b", "c")]
    assert names(build_roles(rules, role_name="m"))[1:] == [("Role", "b", "other-b"), ("Role", "c", "other-c")]


def test_names_that_would_meet_are_refused() -> None:
    rules = [rule("apps", "a", namespace="b"), rule("apps", "a", namespace="b", role_name="m-b")]
    with pytest.raises(DefinitionError, match="would be called 'm-b', and so is another"):
        build_roles(rules, role_name="m")


def test_every_role_but_the_managers_has_a_binding() -> None:
    rules = [rule("apps", "a"), rule("apps", "b", namespace="b"), rule("apps", "c", role_name="extra")]
    roles = build_roles(rules, role_name="m")
    bindings = build_bindings(roles, role_name="m")
    assert names(bindings) == [
        ("ClusterRoleBinding", "", "extra-binding"),
        ("RoleBinding", "b", "m-b-binding"),
    ]
    assert [(b["roleRef"]["kind"], b["roleRef"]["name"]) for b in bindings] == [
        ("ClusterRole", "extra"),
        ("Role", "m-b"),
    ]


def test_a_namespaced_project_has_roles_only() -> None:
    roles = build_roles([rule("apps", "a"), rule("apps", "b", namespace="x")], role_name="m", namespaced=True)
    assert names(roles) == [("Role", "", "m"), ("Role", "x", "m-x")]


def test_a_namespaced_project_cannot_grant_paths() -> None:
    urls = RBACRule(urls=("/metrics",), verbs=("get",), declared_on="Reconciler")
    with pytest.raises(DefinitionError, match=r"Reconciler: @rbac urls=\['/metrics'\] needs a ClusterRole"):
        build_roles([urls], role_name="m", namespaced=True)
