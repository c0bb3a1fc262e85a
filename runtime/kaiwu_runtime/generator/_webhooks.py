"""Webhook configurations, and the conversion of CRDs, from the decorators of a project's webhooks.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._crd import CustomResourceDefinition
from kaiwu_runtime.generator._match_conditions import condition_error
from kaiwu_runtime.serving._certificate_options import MUTATING, SERVICE_NAME, VALIDATING
from kaiwu_runtime.webhook._declarations import SERVICE_NAMESPACE, ConversionDeclaration, WebhookDeclaration
from kaiwu_runtime.webhook._local_configuration import OWN_NAMESPACE

_API_VERSION = "admissionregistration.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class FoundWebhooks:
    """What the decorators of a project declare.

    Attributes:
        webhooks: With ``@mutating`` and ``@validating``.
        conversions: With ``@converting``.
    """

    webhooks: tuple[WebhookDeclaration, ...] = ()
    conversions: tuple[ConversionDeclaration, ...] = ()


def build_webhook_configurations(
    webhooks: Iterable[WebhookDeclaration], *, namespaced: bool = False
) -> list[dict[str, Any]]:
    """Return the configurations of a project, the mutating one first; webhooks are sorted by name.

    Args:
        webhooks: What ``@mutating`` and ``@validating`` declare.
        namespaced: Call them for objects of the operator's own namespace only, where a webhook has no namespace
            selector and its kind is in namespaces.

    Raises:
        DefinitionError: Two webhooks of a configuration have the same name, or a match condition is not valid CEL.
    """
    every = sorted(webhooks, key=lambda webhook: webhook.name)
    configurations = []
    for kind, name, is_mutating in (
        ("MutatingWebhookConfiguration", MUTATING, True),
        ("ValidatingWebhookConfiguration", VALIDATING, False),
    ):
        own = [webhook for webhook in every if webhook.is_mutating is is_mutating]
        _check_names(own)
        if own:
            entries = [_webhook(webhook, namespaced=namespaced) for webhook in own]
            metadata = {"name": name}
            configurations.append({"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "webhooks": entries})
    return configurations


def with_conversions(
    crds: Sequence[CustomResourceDefinition], conversions: Iterable[ConversionDeclaration]
) -> list[CustomResourceDefinition]:
    """Return CRDs whose ``spec.conversion`` names the webhook server where ``@converting`` declares it.

    Args:
        crds: Those of the project.
        conversions: What ``@converting`` declares.

    Raises:
        DefinitionError: A kind is converted twice or is not one of the project's, or one of its versions is missing.
    """
    declared: dict[tuple[str, str], ConversionDeclaration] = {}
    for conversion in conversions:
        key = conversion.hub.group, conversion.hub.kind
        if key in declared:
            raise DefinitionError(
                f"{conversion.declared_on} and {declared[key].declared_on} are both @converting({conversion.hub.kind}, "
                "...): a kind has one conversion"
            )
        declared[key] = conversion
    found = []
    for crd in crds:
        wanted = declared.pop((crd.group, crd.versions[0].definition.identity.kind), None)
        found.append(crd if wanted is None else _converted(crd, wanted))
    for missing in declared.values():
        raise DefinitionError(f"{missing.declared_on}: @converting: {missing.hub.kind} is not a type of this project")
    return found


def _converted(crd: CustomResourceDefinition, conversion: ConversionDeclaration) -> CustomResourceDefinition:
    versions = {version.definition.identity.version for version in crd.versions}
    named = {identity.version for identity in (conversion.hub, *conversion.spokes)}
    if versions != named:
        missing, unknown = sorted(versions - named), sorted(named - versions)
        what = f"lacks version {missing[0]}" if missing else f"has version {unknown[0]}, which is not a type here"
        raise DefinitionError(
            f"{conversion.declared_on}: @converting({conversion.hub.kind}, ...) {what}: name every version"
        )
    client = {"service": {"name": SERVICE_NAME, "namespace": SERVICE_NAMESPACE, "path": "/convert"}}
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    spec = crd.manifest["spec"] | {"conversion": {"strategy": "Webhook", "webhook": webhook}}
    return replace(crd, manifest=crd.manifest | {"spec": spec})


def _check_names(webhooks: Sequence[WebhookDeclaration]) -> None:
    seen: dict[str, str] = {}
    for webhook in webhooks:
        if webhook.name in seen:
            raise DefinitionError(
                f"{seen[webhook.name]} and {webhook.declared_on}: two webhooks are named {webhook.name}: give one of "
                "them another name="
            )
        seen[webhook.name] = webhook.declared_on


def _webhook(webhook: WebhookDeclaration, *, namespaced: bool) -> dict[str, Any]:
    for condition in webhook.match_conditions:
        if problem := condition_error(condition.expression):
            raise DefinitionError(f"{webhook.declared_on}: the match condition {condition.name!r} {problem}")
    rule: dict[str, Any] = {
        "apiGroups": list(webhook.groups),
        "apiVersions": list(webhook.versions),
        "operations": list(webhook.operations),
        "resources": list(webhook.resources),
    }
    if webhook.scope:
        rule["scope"] = webhook.scope
    entry: dict[str, Any] = {
        "name": webhook.name,
        "admissionReviewVersions": list(webhook.admission_review_versions),
        "clientConfig": _client(webhook),
        "failurePolicy": webhook.failure_policy,
        "rules": [rule],
        "sideEffects": webhook.side_effects,
    }
    own = OWN_NAMESPACE if namespaced else {}
    optional = {
        "matchConditions": [
            {"name": condition.name, "expression": condition.expression} for condition in webhook.match_conditions
        ],
        "matchPolicy": webhook.match_policy,
        "namespaceSelector": dict(webhook.namespace_selector) or (own if webhook.identity.namespaced else {}),
        "objectSelector": dict(webhook.object_selector),
        "reinvocationPolicy": webhook.reinvocation_policy,
        "timeoutSeconds": webhook.timeout_seconds,
    }
    return entry | {key: value for key, value in optional.items() if value}


def _client(webhook: WebhookDeclaration) -> dict[str, Any]:
    if webhook.url:
        return {"url": webhook.url}
    service = {"name": webhook.service_name, "namespace": webhook.service_namespace, "path": webhook.path}
    return {"service": service if webhook.service_port is None else service | {"port": webhook.service_port}}
