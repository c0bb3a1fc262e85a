"""The permissions of a manager that writes its own certificate: config/webhook/role.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kaiwu_runtime.generator._rbac import OWN_NAMESPACE, build_bindings
from kaiwu_runtime.webhook._declarations import ConversionDeclaration

NAME = "webhook-certificate-role"
SECRET_NAME = "webhook-server-cert"  # noqa: S105 - a name

_API_VERSION = "rbac.authorization.k8s.io/v1"
_PLURALS = {
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}


def webhook_certificate_roles(
    configurations: Sequence[dict[str, Any]], conversions: Iterable[ConversionDeclaration]
) -> list[dict[str, Any]]:
    """Return the roles and their bindings: the Secret in the operator's namespace, and the objects with its authority.

    Args:
        configurations: The webhook configurations.
        conversions: The kinds whose CRDs have a conversion.
    """
    rules = [
        _rule("admissionregistration.k8s.io", _PLURALS[each["kind"]], [each["metadata"]["name"]], ["get", "patch"])
        for each in configurations
    ]
    crds = sorted(f"{each.hub.plural}.{each.hub.group}" for each in conversions)
    if crds:
        rules.append(_rule("apiextensions.k8s.io", "customresourcedefinitions", crds, ["get", "patch"]))
    secrets = [_rule("", "secrets", [], ["create"]), _rule("", "secrets", [SECRET_NAME], ["get", "patch"])]
    roles: list[dict[str, Any]] = [
        {"apiVersion": _API_VERSION, "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": rules},
        {
            "apiVersion": _API_VERSION,
            "kind": "Role",
            "metadata": {"name": NAME, "namespace": OWN_NAMESPACE},
            "rules": secrets,
        },
    ]
    return [*roles, *build_bindings(roles, role_name="")]


def _rule(group: str, resource: str, names: list[str], verbs: list[str]) -> dict[str, Any]:
    rule: dict[str, Any] = {"apiGroups": [group], "resources": [resource], "verbs": verbs}
    return rule | {"resourceNames": names} if names else rule
