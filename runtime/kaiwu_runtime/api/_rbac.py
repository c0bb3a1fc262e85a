"""The permissions a reconciler needs, declared where they are used.

``make manifests`` merges the rules of every reconciler into config/rbac/role.yaml.
See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from kaiwu_runtime._lazy_pattern import lazy_pattern
from kaiwu_runtime._names import LABEL_LENGTH, is_dns_label
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.errors import DefinitionError

READ = ("get", "list", "watch")
"""The verbs of a client that reads from the cache or past it."""

WRITE = ("create", "patch")
"""The verbs of a server-side apply."""

STREAMED = frozenset({"pods/exec", "pods/attach", "pods/portforward"})
"""What the API server authorizes as ``create``, since Kubernetes 1.35 also over WebSocket, which is a GET: as ``get``
before."""

RBAC_ATTRIBUTE = "__kaiwu_rbac__"

_T = TypeVar("_T")

_VERB = lazy_pattern(r"[a-z][a-z0-9]*([-:][a-z0-9]+)*")
"""A verb, also one of several words such as ``request-serviceaccounts-token-audience`` or ``impersonate:user-info``."""


class RBACRule(msgspec.Struct, frozen=True):
    """One declared permission.

    Attributes:
        groups: API groups; the empty string is the core group.
        resources: Plural resource names, with subresources as ``pods/log``.
        verbs: Lower-case verbs, or ``*``.
        resource_names: Names the rule is limited to; empty means every name.
        urls: Paths outside the resource API, for example ``/metrics``.
        namespace: The namespace a Role is made in; empty for the manager's ClusterRole.
        role_name: Name of the role the rule goes into; empty for the one given to the generator.
        declared_on: The class that declares it, for messages.
    """

    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    namespace: str = ""
    role_name: str = ""
    declared_on: str = ""


def rbac(
    *kinds: type[Any],
    verbs: str | Sequence[str],
    subresource: str = "",
    groups: str | Sequence[str] = (),
    resources: str | Sequence[str] = (),
    resource_names: str | Sequence[str] = (),
    urls: str | Sequence[str] = (),
    namespace: str = "",
    role_name: str = "",
) -> Callable[[type[_T]], type[_T]]:
    """Declare a permission of a reconciler; repeat the decorator for each rule.

    ::

        @rbac(ConfigMap, Service, verbs=WRITE)
        @rbac(Pod, subresource="exec", verbs=["create", "get"])
        @rbac(groups="apps", resources=["deployments"], verbs=["get"])

    A rule for ``pods/exec``, ``pods/attach`` or ``pods/portforward`` that grants ``create`` or ``get`` grants both:
    which one a command needs depends on the version of Kubernetes.

    What an ObjectReconciler needs for its own kind, and for what its ``build`` owns and watches, is declared by the
    class itself.

    Args:
        kinds: A project's types or lightkube kinds, instead of ``groups`` and ``resources``.
        subresource: Of the kinds, for example ``log``.
        verbs: For example ``["get", "list", "watch"]``.
        groups: API groups of the resources; ``""`` is the core group.
        resources: Plural names, subresources as ``"deployments/status"``.
        resource_names: Limits the rule to objects of these names.
        urls: Non-resource paths, for example ``"/metrics"``; excludes ``groups`` and ``resources``.
        namespace: Puts the rule into a Role in this namespace instead of the manager's ClusterRole. The
            namespace must exist when the operator is deployed; ``system`` is the operator's own.
        role_name: Name of the role the rule goes into; default is the generator's ``--role-name``. The role is
            bound to the operator's ServiceAccount like the other.

    Raises:
        DefinitionError: The API server would reject the rule.
    """

    def declare(reconciler: type[_T]) -> type[_T]:
        name = reconciler.__qualname__
        if kinds and (groups or resources or urls):
            raise DefinitionError(f"{name}: @rbac has a kind and groups, resources or urls: use one of both")
        if subresource and not kinds:
            raise DefinitionError(f"{name}: @rbac subresource={subresource!r} needs a kind, as in @rbac(Pod, ...)")
        declared: list[RBACRule] = []
        named: list[tuple[str | Sequence[str], str | Sequence[str]]] = [(groups, resources)]
        if kinds:
            named = [_resource_of(name, kind, subresource) for kind in kinds]
        for api_groups, plurals in named:
            rule = RBACRule(
                groups=_words(name, "groups", api_groups),
                resources=_words(name, "resources", plurals),
                verbs=_words(name, "verbs", verbs),
                resource_names=_words(name, "resource_names", resource_names),
                urls=_words(name, "urls", urls),
                namespace=namespace,
                role_name=role_name,
                declared_on=name,
            )
            _check(rule)
            declared += [rule, *_counterpart(rule)]
        own: tuple[RBACRule, ...] = reconciler.__dict__.get(RBAC_ATTRIBUTE, ())
        # Decorators apply bottom-up; the rules stay in the order they are read.
        setattr(reconciler, RBAC_ATTRIBUTE, (*declared, *own))
        return reconciler

    return declare


def rbac_rules(reconciler: type[Any]) -> tuple[RBACRule, ...]:
    """Return the rules a class declares, its bases' rules included, and those it needs by itself.

    Raises:
        DefinitionError: What the class needs cannot be found out; see `ObjectReconciler.required_rules`.
    """
    required = getattr(reconciler, "required_rules", None)
    rules: list[RBACRule] = list(required()) if required is not None else []
    for base in reversed(reconciler.__mro__):
        rules.extend(rule for rule in base.__dict__.get(RBAC_ATTRIBUTE, ()) if rule not in rules)
    return tuple(rules)


def _resource_of(owner: str, kind: type[Any], subresource: str) -> tuple[str, str]:
    try:
        identity = identify(kind)
    except TypeError as error:
        raise DefinitionError(f"{owner}: @rbac(...): {error}") from None
    return identity.group, f"{identity.plural}/{subresource}" if subresource else identity.plural


def _counterpart(rule: RBACRule) -> tuple[RBACRule, ...]:
    """Return the rule that grants ``create`` beside ``get``, or the other way round, for what needs both."""
    streamed = tuple(resource for resource in rule.resources if resource in STREAMED)
    granted = {"create", "get"} & set(rule.verbs)
    if not streamed or "" not in rule.groups or len(granted) != 1:
        return ()
    return (replace(rule, groups=("",), resources=streamed, verbs=("create", "get")),)


def _words(owner: str, argument: str, value: str | Sequence[str]) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else tuple(value)
    for word in words:
        if not isinstance(word, str):
            raise DefinitionError(f"{owner}: @rbac {argument} must be strings, not {word!r}")
        if word != word.strip() or any(separator in word for separator in ";, "):
            raise DefinitionError(
                f"{owner}: @rbac {argument}={word!r}: write several as a list, "
                f"{argument}={[part for part in word.replace(';', ' ').replace(',', ' ').split() if part]!r}"
            )
    return words


def _check(rule: RBACRule) -> None:
    where = f"{rule.declared_on}: @rbac"
    if not rule.verbs or "" in rule.verbs:
        raise DefinitionError(f'{where} needs verbs, for example verbs=["get", "list", "watch"]')
    for verb in rule.verbs:
        if verb != "*" and not _VERB().fullmatch(verb):
            raise DefinitionError(
                f"{where} verb {verb!r} is not a valid verb: use a lower-case word such as 'get', or '*'"
            )
    if rule.namespace and not is_dns_label(rule.namespace):
        raise DefinitionError(
            f"{where} namespace={rule.namespace!r} is not a valid namespace: use at most {LABEL_LENGTH} "
            "lower-case letters, digits and '-'"
        )
    if rule.role_name in {".", ".."} or "/" in rule.role_name or "%" in rule.role_name:
        raise DefinitionError(f"{where} role_name={rule.role_name!r} is not a valid name: leave out '/' and '%'")
    if rule.urls:
        _check_urls(where, rule)
    else:
        _check_resources(where, rule)


def _check_urls(where: str, rule: RBACRule) -> None:
    if rule.groups or rule.resources or rule.resource_names:
        raise DefinitionError(f"{where} has urls and resources: declare them in two rules")
    if rule.namespace:
        raise DefinitionError(f"{where} urls cannot be granted in a namespace: drop namespace=")
    for url in rule.urls:
        if url != "*" and not url.startswith("/"):
            raise DefinitionError(f"{where} url {url!r} must start with '/'")
        if "*" in url[:-1]:
            raise DefinitionError(f"{where} url {url!r}: '*' is only allowed at the end")


def _check_resources(where: str, rule: RBACRule) -> None:
    if not rule.resources or "" in rule.resources:
        raise DefinitionError(f'{where} needs resources (or urls), for example resources=["deployments"]')
    if not rule.groups:
        raise DefinitionError(f'{where} for {", ".join(rule.resources)} needs groups; the core group is groups=""')
    if "" in rule.resource_names:
        raise DefinitionError(
            f"{where} resource_names has an empty name, which no object has: leave it out for all names"
        )
    for resource in rule.resources:
        if resource != resource.lower():
            raise DefinitionError(f"{where} resource {resource!r} is a kind: use its plural, as in 'deployments'")
