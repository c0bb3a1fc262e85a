"""Roles of other namespaces, in a project's layout, through the real kustomize."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kaiwu_runtime.api import RBACRule
from kaiwu_runtime.generator._rbac import build_bindings, build_roles, namespace_transformers
from kaiwu_runtime.generator._yaml_output import to_yaml

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

ACCOUNT = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: controller-manager, namespace: system}\n"
BINDING = """apiVersion: rbac.authorization.k8s.io/v1
kind: %sBinding
metadata: {name: manager-rolebinding}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: manager-role}
subjects: [{kind: ServiceAccount, name: controller-manager, namespace: system}]
"""
RULES = "resources: [account.yaml, role.yaml, binding.yaml]\n"
DEFAULT = "namespace: shop-system\nnamePrefix: %s\nresources: [../rbac]\ntransformers: [role_namespaces.yaml]\n"


def build(folder: Path, rules: list[RBACRule], *, namespaced: bool, prefix: str) -> list[dict[str, Any]]:
    roles = build_roles(rules, role_name="manager-role", namespaced=namespaced)
    kind = "Role" if namespaced else "ClusterRole"
    bindings = build_bindings(roles, role_name="manager-role")
    for name, text in {
        "rbac/account.yaml": ACCOUNT,
        "rbac/role.yaml": to_yaml([*roles, *bindings]),
        "rbac/binding.yaml": BINDING % (kind, kind),
        "rbac/kustomization.yaml": RULES,
        "default/role_namespaces.yaml": to_yaml(namespace_transformers(roles)),
        "default/kustomization.yaml": DEFAULT % prefix,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    result = subprocess.run(
        ["kubectl", "kustomize", str(folder / "default")], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.builds(
            RBACRule,
            groups=st.just(("",)),
            resources=st.sampled_from([("pods",), ("secrets",)]),
            verbs=st.just(("get",)),
            namespace=st.sampled_from(["", "system", "kube-public", "users", "shop-system"]),
            role_name=st.sampled_from(["", "reader", "kube-public"]),
        ),
        max_size=6,
    ),
    st.booleans(),
    st.sampled_from(["shop-", "manager-role-"]),
)
def test_every_role_is_in_its_namespace_and_bound(
    tmp_path: Path, rules: list[RBACRule], namespaced: bool, prefix: str
) -> None:
    # kustomize rejects a name that is another one with its prefix: it cannot tell which of the two a binding means.
    assume(prefix == "shop-" or all(rule.role_name != "kube-public" for rule in rules))
    objects = build(tmp_path, rules, namespaced=namespaced, prefix=prefix)
    roles = {
        (role["kind"], role["metadata"].get("namespace", ""), role["metadata"]["name"]): role
        for role in objects
        if role["kind"].endswith("Role")
    }
    granted = set()
    for binding in objects:
        if binding["kind"].endswith("Binding"):
            assert binding["subjects"][0]["name"] == f"{prefix}controller-manager"
            assert binding["subjects"][0]["namespace"] == "shop-system"
            namespace = binding["metadata"].get("namespace", "")
            role = roles[binding["roleRef"]["kind"], namespace, binding["roleRef"]["name"]]
            granted |= {(namespace, resource) for rule in role["rules"] for resource in rule["resources"]}
    own = "shop-system" if namespaced else ""
    expected = set()
    for rule in rules:
        namespace = "shop-system" if rule.namespace == "system" else rule.namespace or own
        expected |= {(namespace, resource) for resource in rule.resources}
    assert granted == expected
