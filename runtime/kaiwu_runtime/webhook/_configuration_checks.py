"""What the API server would reject in a webhook configuration, said where the webhook is declared.

See https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/validating-webhook-configuration-v1/
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from kaiwu_runtime._names import (
    DNS_SUBDOMAIN,
    is_dns_1035_label,
    is_dns_subdomain,
    is_label_value,
    is_qualified_name,
)
from kaiwu_runtime.errors import DefinitionError

OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT", "*")
MAX_CONDITIONS = 64

_PATH = re.compile(rf"(?:/{DNS_SUBDOMAIN})+/?")
_RESOURCE = re.compile(r"(?:[a-z]([-a-z0-9]*[a-z0-9])?|\*)(?:/(?:[a-z]([-a-z0-9]*[a-z0-9])?|\*))?")
_EXPRESSION_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class Condition(Protocol):
    """A match condition."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def expression(self) -> str:
        """CEL."""


class Declaration(Protocol):
    """What is declared of a webhook: the parts that are checked."""

    is_mutating: bool
    name: str
    operations: tuple[str, ...]
    groups: tuple[str, ...]
    versions: tuple[str, ...]
    resources: tuple[str, ...]
    scope: str
    path: str
    url: str
    service_name: str
    service_namespace: str
    service_port: int | None
    failure_policy: str
    match_policy: str
    side_effects: str
    timeout_seconds: int | None
    reinvocation_policy: str
    admission_review_versions: tuple[str, ...]

    @property
    def match_conditions(self) -> Sequence[Condition]:
        """Its match conditions."""


def operation_name(word: str) -> str:
    """Return an operation as the API writes it; kubebuilder's markers have lower case."""
    return word.upper()


def check_webhook(where: str, webhook: Any) -> None:  # noqa: ANN401 - a Declaration, which is frozen
    """Reject what the API server would reject.

    Args:
        where: Class and decorator, for messages.
        webhook: A Declaration.

    Raises:
        DefinitionError: Names the argument, and what it may be.
    """
    if not is_dns_subdomain(webhook.name) or webhook.name.count(".") < 2:
        raise DefinitionError(
            f"{where} name={webhook.name!r}: use a lower-case domain of at least three parts, as in "
            "vshop-v1.web.example.com"
        )
    _check_rule(where, webhook)
    _check_client(where, webhook)
    _one_of(where, "failure_policy", webhook.failure_policy, ("Fail", "Ignore"))
    _one_of(where, "match_policy", webhook.match_policy, ("", "Equivalent", "Exact"))
    _one_of(where, "side_effects", webhook.side_effects, ("None", "NoneOnDryRun"))
    _one_of(where, "reinvocation_policy", webhook.reinvocation_policy, ("", "Never", "IfNeeded"))
    seconds = webhook.timeout_seconds
    if seconds is not None and (type(seconds) is not int or not 1 <= seconds <= 30):
        raise DefinitionError(f"{where} timeout_seconds={seconds!r}: use 1 to 30 seconds")
    reviews = webhook.admission_review_versions
    if not all(map(is_dns_1035_label, reviews)) or "v1" not in reviews:
        raise DefinitionError(f"{where} admission_review_versions={list(reviews)}: v1, which is served, must be in it")
    _check_conditions(where, webhook.match_conditions)


def _check_rule(where: str, webhook: Declaration) -> None:
    for operation in webhook.operations:
        _one_of(where, "operations", operation, OPERATIONS)
    for group in webhook.groups:
        if group not in {"", "*"} and not is_dns_subdomain(group):
            raise DefinitionError(f"{where} groups: {group!r} is not an API group: use a lower-case domain, or '*'")
    for version in webhook.versions:
        if version != "*" and not is_dns_1035_label(version):
            raise DefinitionError(f"{where} versions: {version!r} is not an API version: use v1, or '*'")
    for resource in webhook.resources:
        if not _RESOURCE.fullmatch(resource):
            raise DefinitionError(f"{where} resources: {resource!r}: use a plural such as shops, or shops/status")
    for argument in ("operations", "groups", "versions"):
        words = getattr(webhook, argument)
        if "*" in words and len(words) > 1:
            raise DefinitionError(f"{where} {argument} has '*' and others: '*' stands for all, so use it alone")
    _check_resources(where, webhook.resources)
    _one_of(where, "scope", webhook.scope, ("", "*", "Cluster", "Namespaced"))


def _check_resources(where: str, resources: Collection[str]) -> None:
    """Reject what one of the words covers already, as the API server does."""
    for word in resources:
        covering = {"*/*"} if "/" in word else {"*", "*/*"}
        name, slash, sub = word.partition("/")
        if slash:
            covering |= {f"*/{sub}", f"{name}/*"}
        for other in sorted(covering - {word}):
            if other in resources:
                raise DefinitionError(f"{where} resources has {other!r} and {word!r}: leave out what it covers")


def _check_client(where: str, webhook: Declaration) -> None:
    if webhook.path and not _PATH.fullmatch(webhook.path):
        raise DefinitionError(
            f"{where} path={webhook.path!r}: use a path without a query, of lower-case letters, digits, '-' and '.', "
            "as in /validate-shop"
        )
    if webhook.path.rstrip("/") == "/convert":
        raise DefinitionError(f"{where} path={webhook.path!r}: conversions are served there; use another path")
    if webhook.url:
        try:
            parts = urlsplit(webhook.url)
            fits = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fits = False
        if not fits or "@" in parts.netloc or parts.query or parts.fragment or " " in webhook.url:
            raise DefinitionError(
                f"{where} url={webhook.url!r}: use https://host:port/path, without a user, query or fragment"
            )
        return
    for argument in ("service_name", "service_namespace"):
        if not is_dns_1035_label(getattr(webhook, argument)):
            raise DefinitionError(f"{where} {argument}={getattr(webhook, argument)!r}: use a name such as web-webhook")
    port = webhook.service_port
    if port is not None and (type(port) is not int or not 1 <= port <= 65535):
        raise DefinitionError(f"{where} service_port={port!r}: use 1 to 65535")


def _check_conditions(where: str, conditions: Sequence[Condition]) -> None:
    if len(conditions) > MAX_CONDITIONS:
        raise DefinitionError(f"{where} has {len(conditions)} match_conditions: use at most {MAX_CONDITIONS}")
    seen: set[str] = set()
    for condition in conditions:
        name, expression = getattr(condition, "name", None), getattr(condition, "expression", None)
        if not isinstance(name, str) or not isinstance(expression, str):
            raise DefinitionError(f"{where} match_conditions: {condition!r}: use MatchCondition(name, expression)")
        if not is_qualified_name(name):
            raise DefinitionError(
                f"{where} match_conditions: the name {name!r} is not valid: use letters, digits, '-', '_' and '.', "
                "as in exclude-leases"
            )
        if name in seen:
            raise DefinitionError(f"{where} match_conditions: two conditions are named {name!r}: rename one")
        if not expression.strip():
            raise DefinitionError(f"{where} match_conditions: {name} is empty: write a CEL expression")
        seen.add(name)


def selector(where: str, argument: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - a mapping or lightkube's type
    """Return a LabelSelector as a mapping.

    Args:
        where: Class and decorator, for messages.
        argument: Its name, for messages.
        value: A mapping, lightkube's LabelSelector, or None for no limit.

    Raises:
        DefinitionError: It is not a LabelSelector.
    """
    if value is None:
        return {}
    given = value if isinstance(value, Mapping) else value.to_dict() if hasattr(value, "to_dict") else None
    problem = "use a LabelSelector with matchLabels or matchExpressions"
    if given is None or not given.keys() <= {"matchLabels", "matchExpressions"}:
        raise DefinitionError(f"{where} {argument}={value!r}: {problem}")
    labels, expressions = given.get("matchLabels") or {}, given.get("matchExpressions") or []
    if not isinstance(labels, Mapping) or not isinstance(expressions, list | tuple):
        raise DefinitionError(f"{where} {argument}={value!r}: {problem}")
    for key, text in labels.items():
        if not _is_label(key, text):
            raise DefinitionError(f"{where} {argument}: {key!r}: {text!r} is not a label")
    for expression in expressions:
        if not _is_expression(expression):
            raise DefinitionError(
                f"{where} {argument}: {expression!r}: use key, operator ({', '.join(_EXPRESSION_OPERATORS)}) and values"
            )
    found: dict[str, Any] = {}
    if labels:
        found["matchLabels"] = dict(labels)
    if expressions:
        found["matchExpressions"] = [dict(expression) for expression in expressions]
    return found


def _is_expression(expression: Any) -> bool:  # noqa: ANN401 - a part of YAML
    if not isinstance(expression, Mapping) or not expression.keys() <= {"key", "operator", "values"}:
        return False
    key, operator, values = expression.get("key"), expression.get("operator"), expression.get("values") or []
    if operator not in _EXPRESSION_OPERATORS or not isinstance(values, list | tuple):
        return False
    return all(_is_label(key, value) for value in [*values, ""]) and bool(values) == operator.endswith("In")


def _is_label(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, str) and is_qualified_name(key) and is_label_value(value)


def _one_of(where: str, argument: str, value: object, allowed: Sequence[str]) -> None:
    if value not in allowed:
        words = ", ".join(word for word in allowed if word)
        raise DefinitionError(f"{where} {argument}={value!r}: use {words}")
