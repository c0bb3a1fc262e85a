"""Decorators that declare how the API server calls a webhook: the source of config/webhook/manifests.yaml.

::

    @mutating()
    class ShopDefaults(Defaulter[Shop]): ...

    @validating(operations=["CREATE", "UPDATE", "DELETE"], timeout_seconds=5)
    class ShopRules(Validator[Shop]): ...

    @converting(Shop, OldShop)
    class ShopWebhook(Webhook): ...

Group, version, resource and path follow from the type. See
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-configuration
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.serving._certificate_options import SERVICE_NAME
from kaiwu_runtime.webhook._configuration_checks import check_webhook
from kaiwu_runtime.webhook._declarations import (
    SERVICE_NAMESPACE,
    ConversionDeclaration,
    MatchCondition,
    WebhookDeclaration,
)
from kaiwu_runtime.webhook._decorator_arguments import declaration_of, first_duplicate

WEBHOOK_ATTRIBUTE = "__kaiwu_webhooks__"
CONVERSION_ATTRIBUTE = "__kaiwu_conversion__"

FailurePolicy = Literal["Fail", "Ignore"]
MatchPolicy = Literal["Equivalent", "Exact"]
SideEffects = Literal["None", "NoneOnDryRun"]
ReinvocationPolicy = Literal["Never", "IfNeeded"]
RuleScope = Literal["*", "Cluster", "Namespaced"]

C = TypeVar("C", bound=type[Any])


class WebhookArguments(TypedDict, total=False):
    """The arguments that ``@mutating`` and ``@validating`` have in common."""

    name: str
    operations: str | Sequence[str]
    groups: str | Sequence[str]
    versions: str | Sequence[str]
    resources: str | Sequence[str]
    scope: RuleScope | None
    path: str
    url: str
    service_name: str
    service_namespace: str
    service_port: int | None
    failure_policy: FailurePolicy
    match_policy: MatchPolicy | None
    side_effects: SideEffects
    timeout_seconds: int | None
    admission_review_versions: str | Sequence[str]
    namespace_selector: Mapping[str, Any] | Any
    object_selector: Mapping[str, Any] | Any
    match_conditions: Sequence[MatchCondition] | Mapping[str, str]


def mutating(
    kind: type[Any] | None = None,
    /,
    *,
    reinvocation_policy: ReinvocationPolicy | None = None,
    **how: Unpack[WebhookArguments],
) -> Callable[[C], C]:
    """Declare that the API server calls a Defaulter.

    Args:
        kind: The type whose objects it takes; default is that of ``Defaulter[...]``.
        reinvocation_policy: ``IfNeeded`` calls it again when a later webhook changes the object; default is the API
            server's, ``Never``.
        how: The other arguments of :func:`validating`.

    Raises:
        DefinitionError: The API server would reject the webhook.
    """
    return _declare(kind, is_mutating=True, reinvocation_policy=reinvocation_policy or "", **how)


def validating(
    kind: type[Any] | None = None,
    /,
    *,
    name: str = "",
    operations: str | Sequence[str] = ("CREATE", "UPDATE"),
    groups: str | Sequence[str] = (),
    versions: str | Sequence[str] = (),
    resources: str | Sequence[str] = (),
    scope: RuleScope | None = None,
    path: str = "",
    url: str = "",
    service_name: str = SERVICE_NAME,
    service_namespace: str = SERVICE_NAMESPACE,
    service_port: int | None = None,
    failure_policy: FailurePolicy = "Fail",
    match_policy: MatchPolicy | None = None,
    side_effects: SideEffects = "None",
    timeout_seconds: int | None = None,
    admission_review_versions: str | Sequence[str] = ("v1",),
    namespace_selector: Mapping[str, Any] | Any = None,  # noqa: ANN401 - lightkube's LabelSelector
    object_selector: Mapping[str, Any] | Any = None,  # noqa: ANN401
    match_conditions: Sequence[MatchCondition] | Mapping[str, str] = (),
) -> Callable[[C], C]:
    """Declare that the API server calls a Validator.

    Args:
        kind: The type whose objects it takes; default is that of ``Validator[...]``.
        name: Qualified name of the webhook; default is ``vshop-v1.web.example.com``, with ``m`` for a mutating one.
        operations: ``CREATE``, ``UPDATE``, ``DELETE``, ``CONNECT``, or ``*`` for all.
        groups: API groups; default is that of the type. ``core`` and the empty string are the core group.
        versions: API versions; default is that of the type. The API server converts requests in other versions.
        resources: Plural names, subresources as ``shops/status``; default is the plural of the type.
        scope: ``Namespaced`` or ``Cluster`` limits it to resources of that scope; default is the API server's, both.
        path: Where it is served; default follows from the type: ``/validate-web-example-com-v1-shop``.
        url: Instead of the Service: ``https://host:port/path``.
        service_name: Service that the API server calls; kustomize puts the deployed name in its place.
        service_namespace: Namespace of the Service; kustomize puts the operator's in its place.
        service_port: Port of the Service; default is the API server's, 443.
        failure_policy: ``Fail`` rejects requests while the webhook cannot be reached; ``Ignore`` lets them pass.
        match_policy: ``Exact`` ignores requests in other versions; default is the API server's, ``Equivalent``.
        side_effects: ``NoneOnDryRun`` if the webhook changes other things, except when ``request.dry_run`` is set.
        timeout_seconds: How long the API server waits, 1 to 30 seconds; default is the API server's, 10.
        admission_review_versions: Versions of AdmissionReview, in order of preference; ``v1`` must be one of them.
        namespace_selector: LabelSelector for the namespaces of the objects, as a mapping or lightkube's type.
        object_selector: LabelSelector for the objects.
        match_conditions: At most 64 conditions, or a mapping of names to CEL expressions.

    Raises:
        DefinitionError: The API server would reject the webhook.
    """
    return _declare(
        kind,
        is_mutating=False,
        name=name,
        operations=operations,
        groups=groups,
        versions=versions,
        resources=resources,
        scope=scope,
        path=path,
        url=url,
        service_name=service_name,
        service_namespace=service_namespace,
        service_port=service_port,
        failure_policy=failure_policy,
        match_policy=match_policy,
        side_effects=side_effects,
        timeout_seconds=timeout_seconds,
        admission_review_versions=admission_review_versions,
        namespace_selector=namespace_selector,
        object_selector=object_selector,
        match_conditions=match_conditions,
    )


def converting(hub: type[Any], /, *spokes: type[Any]) -> Callable[[C], C]:
    """Declare that the versions of a kind are converted by the webhook server: ``spec.conversion`` of its CRD.

    Args:
        hub: The version that all others are converted to and from.
        spokes: The other versions.

    Raises:
        DefinitionError: The types are not versions of one kind, or one version is missing.
    """

    def declare(webhook: C) -> C:
        where = f"{webhook.__qualname__}: @converting"
        try:
            first, *others = [identify(kind) for kind in (hub, *spokes)]
        except TypeError as error:
            raise DefinitionError(f"{where}: {error}") from None
        if not others:
            raise DefinitionError(f"{where} has no other version: write @converting({first.kind}, Old{first.kind})")
        for other in others:
            if (other.group, other.kind) != (first.group, first.kind):
                raise DefinitionError(f"{where}: {other} is not a version of {first}")
        versions = [each.version for each in (first, *others)]
        if len(set(versions)) != len(versions):
            raise DefinitionError(f"{where} has version {first_duplicate(versions)} twice")
        own: tuple[ConversionDeclaration, ...] = webhook.__dict__.get(CONVERSION_ATTRIBUTE, ())
        declaration = ConversionDeclaration(first, tuple(others), webhook.__qualname__)
        setattr(webhook, CONVERSION_ATTRIBUTE, (declaration, *own))
        return webhook

    return declare


def declared_webhooks(cls: type[Any]) -> tuple[WebhookDeclaration, ...]:
    """Return what ``@mutating`` and ``@validating`` declare on a class itself."""
    found: tuple[WebhookDeclaration, ...] = cls.__dict__.get(WEBHOOK_ATTRIBUTE, ())
    return found


def declared_conversions(cls: type[Any]) -> tuple[ConversionDeclaration, ...]:
    """Return what ``@converting`` declares on a class itself."""
    found: tuple[ConversionDeclaration, ...] = cls.__dict__.get(CONVERSION_ATTRIBUTE, ())
    return found


def _declare(kind: type[Any] | None, *, is_mutating: bool, **how: Any) -> Callable[[C], C]:  # noqa: ANN401
    decorator = "@mutating" if is_mutating else "@validating"

    def declare(webhook: C) -> C:
        where = f"{webhook.__qualname__}: {decorator}"
        declaration = declaration_of(where, webhook, kind, is_mutating=is_mutating, **how)
        check_webhook(where, declaration)
        # Decorators apply bottom-up; the declarations stay in the order they are read.
        setattr(webhook, WEBHOOK_ATTRIBUTE, (declaration, *declared_webhooks(webhook)))
        return webhook

    return declare
