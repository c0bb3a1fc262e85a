"""Roles from the rules that reconcilers declare, merged and sorted the way controller-gen does it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from kaiwu_runtime.api.rbac import RBACRule
from kaiwu_runtime.errors import DefinitionError

_API_VERSION = "rbac.authorization.k8s.io/v1"


def build_roles(rules: Iterable[RBACRule], *, role_name: str, namespaced: bool = False) -> list[dict[str, Any]]:
    """Return the ClusterRole, then the Roles of namespaces, sorted.

    The role called ``role_name`` is always there, with no rules if nothing was declared: a binding refers to
    it.

    Args:
        rules: Rules of all reconcilers.
        role_name: Name of the role of rules that name none.
        namespaced: Makes a Role instead of the ClusterRole, for an operator that watches its own namespace.

    Raises:
        DefinitionError: A rule that a Role cannot hold.
    """
    grouped: dict[tuple[str, str], list[RBACRule]] = defaultdict(list)
    grouped["", role_name] = []
    for rule in rules:
        if namespaced and rule.urls:
            raise DefinitionError(
                f"{rule.declared_on}: @rbac urls={list(rule.urls)!r} needs a ClusterRole, and this project "
                "is namespaced: drop the rule, or make the project without --namespaced"
            )
        grouped[rule.namespace, rule.role_name or role_name].append(rule)
    return [_role(namespace, name, grouped[namespace, name], namespaced) for namespace, name in sorted(grouped)]


def _role(namespace: str, name: str, rules: Sequence[RBACRule], namespaced: bool) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": _API_VERSION,
        "kind": "Role" if namespace or namespaced else "ClusterRole",
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


def normalize_rules(rules: Iterable[RBACRule]) -> list[RBACRule]:
    """Return the fewest rules that grant the same, in a fixed order.

    Rules about the same things share their verbs; rules with the same verbs then share resources, groups and
    paths. A ``*`` among the verbs stands for all of them; ``core`` is the core group.
    """
    current = sorted({_sorted(rule) for rule in rules}, key=_order)
    while True:
        merged = current
        for field in ("verbs", "resources", "groups", "urls"):
            merged = _merge(merged, field)
        if merged == current:
            return current
        # Joined rules may now be equal to others in all but one field.
        current = merged


def _order(rule: RBACRule) -> tuple[tuple[str, ...], ...]:
    return rule.groups, rule.resources, rule.resource_names, rule.urls, rule.verbs


def _sorted(rule: RBACRule) -> RBACRule:
    return RBACRule(
        groups=tuple(sorted({"" if group == "core" else group for group in rule.groups})),
        resources=tuple(sorted(set(rule.resources))),
        verbs=_verbs(rule.verbs),
        resource_names=tuple(sorted(set(rule.resource_names))),
        urls=tuple(sorted(set(rule.urls))),
    )


def _verbs(verbs: Iterable[str]) -> tuple[str, ...]:
    unique = set(verbs)
    return ("*",) if "*" in unique else tuple(sorted(unique))


def _merge(rules: Sequence[RBACRule], field: str) -> list[RBACRule]:
    """Join the rules that differ in one field only."""
    alike: dict[RBACRule, list[RBACRule]] = defaultdict(list)
    for rule in rules:
        others: dict[str, Any] = {field: ()}
        alike[replace(rule, **others)].append(rule)
    merged: list[RBACRule] = []
    for rule, same in alike.items():
        joined: dict[str, Any] = {field: _joined(field, [getattr(each, field) for each in same])}
        merged.append(replace(rule, **joined))
    return sorted(merged, key=_order)


def _joined(field: str, values: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    unique = {word for words in values for word in words}
    return _verbs(unique) if field == "verbs" else tuple(sorted(unique))
