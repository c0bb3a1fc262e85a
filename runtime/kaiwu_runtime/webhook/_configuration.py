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
from typing import Any, Literal, TypedDict, TypeVar, Unpack, get_args, get_origin

from kaiwu_runtime.api._identity import ResourceIdentity, identify
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.serving._certificate_options import SERVICE_NAME
from kaiwu_runtime.webhook._configuration_checks import check_webhook, operation_name, selector
from kaiwu_runtime.webhook._declarations import (
    SERVICE_NAMESPACE,
    ConversionDeclaration,
    MatchCondition,
    WebhookDeclaration,
)
from kaiwu_runtime.webhook._paths import mutate_path, validate_path

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
            raise DefinitionError(f"{where} has version {_duplicate(versions)} twice")
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
        declaration = _declaration(where, webhook, kind, is_mutating=is_mutating, **how)
        check_webhook(where, declaration)
        # Decorators apply bottom-up; the declarations stay in the order they are read.
        setattr(webhook, WEBHOOK_ATTRIBUTE, (declaration, *declared_webhooks(webhook)))
        return webhook

    return declare


def _declaration(
    where: str,
    webhook: type[Any],
    kind: type[Any] | None,
    *,
    is_mutating: bool,
    name: str = "",
    operations: str | Sequence[str] = ("CREATE", "UPDATE"),
    groups: str | Sequence[str] = (),
    versions: str | Sequence[str] = (),
    resources: str | Sequence[str] = (),
    path: str = "",
    url: str = "",
    scope: str | None = None,
    match_policy: str | None = None,
    admission_review_versions: str | Sequence[str] = ("v1",),
    namespace_selector: Any = None,  # noqa: ANN401
    object_selector: Any = None,  # noqa: ANN401
    match_conditions: Sequence[MatchCondition] | Mapping[str, str] = (),
    **rest: Any,  # noqa: ANN401
) -> WebhookDeclaration:
    try:
        identity = identify(kind if kind is not None else _type_argument(where, webhook))
    except TypeError as error:
        raise DefinitionError(f"{where}: {error}") from None
    if path and url:
        raise DefinitionError(f"{where} has a path and a url: use one of both")
    default_path = mutate_path(identity) if is_mutating else validate_path(identity)
    conditions = match_conditions
    if isinstance(conditions, Mapping):
        conditions = [MatchCondition(*pair) for pair in conditions.items()]
    try:
        return WebhookDeclaration(
            is_mutating=is_mutating,
            declared_on=webhook.__qualname__,
            identity=identity,
            name=name or _default_name(identity, is_mutating=is_mutating),
            operations=tuple(map(operation_name, _words(where, "operations", operations))),
            groups=tuple("" if each == "core" else each for each in _words(where, "groups", groups, (identity.group,))),
            versions=_words(where, "versions", versions, (identity.version,)),
            resources=_words(where, "resources", resources, (identity.plural,)),
            path="" if url else path or default_path,
            url=url,
            scope=scope or "",
            match_policy=match_policy or "",
            admission_review_versions=_words(where, "admission_review_versions", admission_review_versions),
            namespace_selector=selector(where, "namespace_selector", namespace_selector),
            object_selector=selector(where, "object_selector", object_selector),
            match_conditions=tuple(conditions),
            **rest,
        )
    except TypeError as error:
        # An argument of @mutating that does not exist.
        raise DefinitionError(f"{where}: {str(error).partition('() ')[2] or error}") from None


def _type_argument(where: str, webhook: type[Any]) -> type[Any]:
    """Return the type in ``Defaulter[Shop]``."""
    for cls in webhook.__mro__:
        for base in cls.__dict__.get("__orig_bases__", ()):
            arguments = [each for each in get_args(base) if isinstance(each, type)]
            if isinstance(get_origin(base), type) and arguments:
                return arguments[0]
    raise DefinitionError(f"{where} does not know the kind: write Defaulter[Kind] or Validator[Kind] as the base class")


def _default_name(identity: ResourceIdentity, *, is_mutating: bool) -> str:
    # The API server wants at least three labels.
    group = identity.group if "." in identity.group else ".".join(filter(None, (identity.group, "kaiwuctl.io")))
    return f"{'m' if is_mutating else 'v'}{identity.kind.lower()}-{identity.version}.{group}"


def _words(where: str, argument: str, value: str | Sequence[str], default: tuple[str, ...] = ()) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(word, str) for word in words):
        raise DefinitionError(f"{where} {argument}={value!r}: use strings")
    words = words or default
    if not words:
        raise DefinitionError(f"{where} {argument} is empty: name at least one, or leave it out")
    if len(set(words)) != len(words):
        raise DefinitionError(f"{where} {argument} names {_duplicate(words)!r} twice")
    return words


def _duplicate(values: Sequence[str]) -> str:
    return next(value for index, value in enumerate(values) if value in values[:index])
