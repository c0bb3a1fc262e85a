# ruff: noqa: E501 - rows of a table read better on one line
"""The rbac decorator."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap, Pod, Service

from kaiwu_runtime.api import rbac, rbac_rules
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._rbac_rules import normalize_rules


@rbac(groups="apps", resources=["deployments", "deployments/status"], verbs=["get", "list"])
@rbac(groups="", resources="pods", verbs="*", namespace="infra", role_name="reader", resource_names=["a"])
@rbac(urls="/metrics", verbs="get")
class Reconciler:
    pass


@rbac(groups="batch", resources="jobs", verbs="get")
class Derived(Reconciler):
    pass


def test_rules_stay_in_the_order_they_are_read() -> None:
    first, second, third = rbac_rules(Reconciler)
    assert (first.groups, first.resources, first.verbs) == (
        ("apps",),
        ("deployments", "deployments/status"),
        ("get", "list"),
    )
    assert (second.groups, second.verbs, second.namespace, second.role_name, second.resource_names) == (("",), ("*",), "infra", "reader", ("a",))  # fmt: skip
    assert (third.urls, third.groups) == (("/metrics",), ())
    assert {rule.declared_on for rule in rbac_rules(Reconciler)} == {"Reconciler"}


def test_rules_of_bases_come_first() -> None:
    assert [rule.declared_on for rule in rbac_rules(Derived)] == ["Reconciler"] * 3 + ["Derived"]
    assert len(rbac_rules(Reconciler)) == 3


def test_a_class_without_rules() -> None:
    assert rbac_rules(object) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": "apps", "resources": "pods", "verbs": ()}, "@rbac needs verbs"),
        ({"groups": "apps", "resources": "pods", "verbs": "get;list"}, "verbs='get;list': write several as a list, verbs=['get', 'list']"),
        ({"groups": "apps,batch", "resources": "pods", "verbs": "get"}, "groups=['apps', 'batch']"),
        ({"groups": "apps", "resources": "pods", "verbs": "Get"}, "verb 'Get' is not a valid verb"),
        ({"groups": "apps", "resources": "pods", "verbs": "get-"}, "verb 'get-' is not a valid verb"),
        ({"groups": "apps", "resources": "pods", "verbs": "gét"}, "verb 'gét' is not a valid verb"),
        ({"groups": "apps", "resources": "pods", "verbs": "get", "resource_names": ""}, "resource_names has an empty name, which no object has"),
        ({"groups": "apps", "resources": "pods", "verbs": "get", "resource_names": ["a", ""]}, "leave it out for all names"),
        ({"groups": "apps", "resources": "Deployment", "verbs": "get"}, "resource 'Deployment' is a kind: use its plural"),
        ({"groups": "apps", "verbs": "get"}, "needs resources (or urls)"),
        ({"resources": "pods", "verbs": "get"}, 'needs groups; the core group is groups=""'),
        ({"groups": "apps", "resources": "pods", "urls": "/x", "verbs": "get"}, "has urls and resources: declare them in two rules"),
        ({"urls": "metrics", "verbs": "get"}, "url 'metrics' must start with '/'"),
        ({"urls": "/a*/b", "verbs": "get"}, "'*' is only allowed at the end"),
        ({"urls": "/a", "verbs": "get", "namespace": "x"}, "urls cannot be granted in a namespace"),
        ({"groups": [1], "resources": "pods", "verbs": "get"}, "groups must be strings, not 1"),
    ],
)  # fmt: skip
def test_mistakes_name_the_class(arguments: dict[str, Any], message: str) -> None:
    class Broken:
        pass

    with pytest.raises(DefinitionError) as caught:
        rbac(**arguments)(Broken)
    assert message in str(caught.value)
    assert "Broken: @rbac" in str(caught.value)


def test_a_rule_of_several_kinds_is_one_for_each() -> None:
    @rbac(ConfigMap, Pod, verbs=["get", "patch"])
    @rbac(Pod, Service, subresource="proxy", verbs="get")
    class Several:
        pass

    @rbac(ConfigMap, verbs=["get", "patch"])
    @rbac(Pod, verbs=["get", "patch"])
    @rbac(Pod, subresource="proxy", verbs="get")
    @rbac(Service, subresource="proxy", verbs="get")
    class Each:
        pass

    several, each = ([(rule.resources, rule.verbs) for rule in rbac_rules(kind)] for kind in (Several, Each))
    assert several == each
    with pytest.raises(DefinitionError, match="a kind and groups"):
        rbac(ConfigMap, Pod, groups="apps", verbs="get")(Each)


@pytest.mark.parametrize(
    ("resources", "verbs", "expected"),
    [
        ("pods/exec", "create", [("pods/exec", "create,get")]),
        ("pods/attach", "get", [("pods/attach", "create,get")]),
        ("pods/portforward", ["get", "watch"], [("pods/portforward", "create,get,watch")]),
        (["pods", "pods/exec"], "get", [("pods", "get"), ("pods/exec", "create,get")]),
        ("pods/exec", ["create", "get"], [("pods/exec", "create,get")]),
        ("pods/exec", "*", [("pods/exec", "*")]),
        ("pods/exec", "delete", [("pods/exec", "delete")]),
        ("pods/log", "get", [("pods/log", "get")]),
        ("pods", "create", [("pods", "create")]),
    ],
)
def test_commands_need_create_and_get(resources: Any, verbs: Any, expected: list[tuple[str, str]]) -> None:
    @rbac(groups="", resources=resources, verbs=verbs, namespace="infra", resource_names="a")
    class Running:
        pass

    rules = normalize_rules(rbac_rules(Running))
    assert [(",".join(each.resources), ",".join(each.verbs)) for each in rules] == expected
    declared = {(each.groups, each.namespace, each.resource_names) for each in rbac_rules(Running)}
    assert declared == {(("",), "infra", ("a",))}


def test_commands_of_another_group_are_something_else() -> None:
    @rbac(groups="example.com", resources="pods/exec", verbs="create")
    class Other:
        pass

    assert [each.verbs for each in rbac_rules(Other)] == [("create",)]


@pytest.mark.parametrize(
    "verb",
    ["approve", "request-serviceaccounts-token-audience", "impersonate:user-info", "impersonate-on:user-info:list"],
)
def test_verbs_of_several_words_are_verbs(verb: str) -> None:
    """They are Kubernetes' own: the API server asks for them before it issues a token or lets a user impersonate."""

    @rbac(groups="", resources="serviceaccounts", verbs=[verb])
    class Issuer:
        pass

    assert [rule.verbs for rule in rbac_rules(Issuer)] == [(verb,)]
