"""Roles from the rules that reconcilers declare, merged and sorted the way controller-gen does it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from kaiwu_runtime.api._rbac import RBACRule
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._rbac_rules import normalize_rules

_API_GROUP = "rbac.authorization.k8s.io"
_API_VERSION = f"{_API_GROUP}/v1"

OWN_NAMESPACE = "system"
"""The namespace that kustomize replaces with the operator's own, in the manifests and in ``@rbac``."""

SERVICE_ACCOUNT = "controller-manager"
"""Name of the operator's ServiceAccount before kustomize puts the project's prefix in front of it."""


def build_roles(rules: Iterable[RBACRule], *, role_name: str, namespaced: bool = False) -> list[dict[str, Any]]:
    """Return the roles, sorted: the ClusterRoles, then the Roles of namespaces.

    The role called ``role_name`` is always returned, without rules if nothing was declared, because a binding refers to
    it. A Role in a namespace is called ``ROLE-NAMESPACE``, unless ``@rbac(role_name=)`` names it and no other
    namespace has a role of that name: kustomize needs a unique name for each.

    Args:
        rules: Rules of all reconcilers.
        role_name: Name of the role for rules without a role name.
        namespaced: Return a Role instead of the ClusterRole, for an operator that watches its own namespace.

    Raises:
        DefinitionError: A rule that a Role cannot hold, or two roles of one name.
    """
    grouped: dict[tuple[str, str], list[RBACRule]] = defaultdict(list)
    own = OWN_NAMESPACE if namespaced else ""
    grouped[own, role_name] = []
    for rule in rules:
        if namespaced and rule.urls:
            raise DefinitionError(
                f"{rule.declared_on}: @rbac urls={list(rule.urls)!r} needs a ClusterRole, and this project "
                "is namespaced: drop the rule, or create the project without --namespaced"
            )
        grouped[rule.namespace or own, rule.role_name or role_name].append(rule)
    roles: list[dict[str, Any]] = []
    taken: dict[tuple[str, str], tuple[str, str]] = {}
    for namespace, name in sorted(grouped):
        alike = {each for each, other in grouped if other == name and each}
        unique = name if not _renamed(namespace, name, role_name, alike, own) else f"{name}-{namespace}"
        kind = "Role" if namespace else "ClusterRole"
        if taken.setdefault((kind, unique), (namespace, name)) != (namespace, name):
            raise DefinitionError(
                f"@rbac: the {kind} of namespace {namespace!r} would be called {unique!r}, and so is another: "
                "choose another role_name="
            )
        roles.append(
            _role("" if namespaced and namespace == own else namespace, kind, unique, grouped[namespace, name])
        )
    return roles


def _renamed(namespace: str, name: str, role_name: str, alike: set[str], own: str) -> bool:
    """Return whether the namespace is part of the role's name."""
    if not namespace or namespace == own:
        return False
    return name == role_name or len(alike) > 1


def build_bindings(roles: Iterable[dict[str, Any]], *, role_name: str) -> list[dict[str, Any]]:
    """Return the bindings that grant roles to the operator's ServiceAccount.

    Args:
        roles: The result of :func:`build_roles`.
        role_name: The role to leave out: config/rbac/role_binding.yaml binds it.
    """
    bindings: list[dict[str, Any]] = []
    for role in roles:
        metadata = role["metadata"]
        if metadata["name"] == role_name and "namespace" not in metadata:
            continue
        bindings.append(
            {
                "apiVersion": _API_VERSION,
                "kind": "ClusterRoleBinding" if role["kind"] == "ClusterRole" else "RoleBinding",
                "metadata": metadata | {"name": _binding_name(metadata["name"])},
                "roleRef": {"apiGroup": _API_GROUP, "kind": role["kind"], "name": metadata["name"]},
                "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": OWN_NAMESPACE}],
            }
        )
    return bindings


def namespace_transformers(roles: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the kustomize transformers that move the Roles of other namespaces back into them.

    ``namespace:`` in a kustomization moves every object, so these run after it. kustomize does not resolve the subject
    of the bindings they move, so the subject is copied from the ServiceAccount.

    See https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/transformers/
    """
    foreign = [role["metadata"] for role in roles if role["metadata"].get("namespace", OWN_NAMESPACE) != OWN_NAMESPACE]
    if not foreign:
        return []
    transformers: list[dict[str, Any]] = []
    for metadata in foreign:
        names = f"{re.escape(metadata['name'])}|{re.escape(_binding_name(metadata['name']))}"
        patch = [{"op": "replace", "path": "/metadata/namespace", "value": metadata["namespace"]}]
        transformers.append(
            {
                "apiVersion": "builtin",
                "kind": "PatchTransformer",
                "metadata": {"name": f"namespace-of-{metadata['name']}"},
                "target": {"group": _API_GROUP, "kind": "Role|RoleBinding", "name": names},
                "patch": json.dumps(patch),
            }
        )
    bindings = [{"kind": "RoleBinding", "name": _binding_name(metadata["name"])} for metadata in foreign]
    transformers.append(
        {
            "apiVersion": "builtin",
            "kind": "ReplacementTransformer",
            "metadata": {"name": "subjects-of-roles"},
            "replacements": [
                {
                    "source": {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "fieldPath": f"metadata.{field}"},
                    "targets": [{"select": binding, "fieldPaths": [f"subjects.0.{field}"]} for binding in bindings],
                }
                for field in ("name", "namespace")
            ],
        }
    )
    return transformers


def _binding_name(role: str) -> str:
    return f"{role}-binding"


def _role(namespace: str, kind: str, name: str, rules: Sequence[RBACRule]) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": _API_VERSION,
        "kind": kind,
        "metadata": metadata,
        "rules": [_policy(rule) for rule in normalize_rules(rules)],
    }


def _policy(rule: RBACRule) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    if rule.groups:
        policy["apiGroups"] = list(rule.groups)
    if rule.urls:
        policy["nonResourceURLs"] = list(rule.urls)
    if rule.resource_names:
        policy["resourceNames"] = list(rule.resource_names)
    if rule.resources:
        policy["resources"] = list(rule.resources)
    policy["verbs"] = list(rule.verbs)
    return policy
