"""The kinds of Kubernetes are found as people write them, and what is missing is listed."""

from __future__ import annotations

import importlib

import pytest

from kaiwuctl.errors import UsageError
from kaiwuctl.names.builtin import find_builtin


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("apps", "Deployment"), ("apps", "deployments", True)),
        (("core", "Pod"), ("", "pods", True)),
        (("core", "Node"), ("", "nodes", False)),
        (("batch", "CronJob"), ("batch", "cronjobs", True)),
        (("networking", "Ingress"), ("networking.k8s.io", "ingresses", True)),
        (("networking.k8s.io", "IngressClass"), ("networking.k8s.io", "ingressclasses", False)),
        (("rbac", "ClusterRole"), ("rbac.authorization.k8s.io", "clusterroles", False)),
    ],
)
def test_find(asked: tuple[str, str], expected: tuple[str, str, bool]) -> None:
    group, kind = asked
    builtin = find_builtin(group, "v1", kind)
    assert builtin is not None
    assert (builtin.group, builtin.plural, builtin.namespaced) == expected
    cls = getattr(importlib.import_module(builtin.module), kind)
    definition = cls._api_info.resource
    assert (definition.group, definition.version, definition.kind) == (expected[0], "v1", kind)


def test_a_group_of_somebody_else_is_none() -> None:
    assert find_builtin("kaiwu", "v1", "Deployment") is None


def test_a_kind_that_the_group_lacks_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"--kind 'Pod': apps/v1 has only .*Deployment"):
        find_builtin("apps", "v1", "Pod")


def test_a_version_that_the_group_lacks_is_refused_with_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"--version 'v2': the group apps of Kubernetes has only v1"):
        find_builtin("apps", "v2", "Deployment")
