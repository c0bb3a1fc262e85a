"""How a webhook is called, as its class declares it: the arguments of the decorators with defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.serving._certificate_options import SERVICE_NAME

SERVICE_NAMESPACE = "system"
"""What the manifests call the namespace of the Service; kustomize puts the operator's in its place."""


@dataclass(frozen=True, slots=True)
class MatchCondition:
    """A condition on which the API server calls a webhook.

    Attributes:
        name: Qualified name, unique in its webhook: ``exclude-leases``.
        expression: CEL over ``object``, ``oldObject``, ``request`` and ``authorizer``; true calls the webhook.

    See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
    """

    name: str
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeclaration:
    """The arguments of ``@mutating`` or ``@validating`` with defaults filled in.

    Attributes:
        is_mutating: Whether it goes into the MutatingWebhookConfiguration.
        declared_on: The class, for messages.
        identity: The kind whose objects the class takes.
    """

    is_mutating: bool
    declared_on: str
    identity: ResourceIdentity
    name: str
    operations: tuple[str, ...]
    groups: tuple[str, ...]
    versions: tuple[str, ...]
    resources: tuple[str, ...]
    scope: str = ""
    path: str = ""
    url: str = ""
    service_name: str = SERVICE_NAME
    service_namespace: str = SERVICE_NAMESPACE
    service_port: int | None = None
    failure_policy: str = "Fail"
    match_policy: str = ""
    side_effects: str = "None"
    timeout_seconds: int | None = None
    reinvocation_policy: str = ""
    admission_review_versions: tuple[str, ...] = ("v1",)
    namespace_selector: Mapping[str, Any] = field(default_factory=dict)
    object_selector: Mapping[str, Any] = field(default_factory=dict)
    match_conditions: tuple[MatchCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversionDeclaration:
    """The arguments of ``@converting``.

    Attributes:
        hub: The version that all others are converted to and from.
        spokes: The other versions.
        declared_on: The class, for messages.
    """

    hub: ResourceIdentity
    spokes: tuple[ResourceIdentity, ...]
    declared_on: str
