"""Minimise the rules of a role: join equal rules and drop covered ones.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

from msgspec.structs import replace

from kaiwu_runtime.api._rbac import RBACRule

_ANY_NAME = ""
_FIELDS = ("resources", "groups", "urls", "resource_names", "verbs")


def normalize_rules(rules: Iterable[RBACRule]) -> list[RBACRule]:
    """Return the smallest number of rules that grant the same, in a fixed order.

    Rules for the same resources are joined with all their verbs; rules with the same verbs are then joined with all
    their resources, groups and paths; rules that another rule covers are dropped. A ``*`` among verbs, groups or
    resources stands for all of them; ``core`` is the core group.
    """
    current = sorted({_sorted(rule) for rule in rules}, key=_order)
    while True:
        merged = current
        for field in ("verbs", "resources", "groups", "urls", "resource_names"):
            merged = _merge(merged, field)
        merged = _without_covered(merged)
        if merged == current:
            return current
        # Joined rules may now be equal to others in all but one field.
        current = merged


def _without_covered(rules: Sequence[RBACRule]) -> list[RBACRule]:
    """Drop the rules, and the words of rules, that the other rules grant; narrow rules first."""
    current = sorted(rules, key=_breadth)
    for rule in list(current):
        others = [other for other in current if other != rule]
        if _grants_all(others, rule):
            current = others
    for field in _FIELDS:
        for position, rule in enumerate(current):
            current[position] = _trimmed(rule, field, current[:position] + current[position + 1 :])
    return sorted(current, key=_order)


def _trimmed(rule: RBACRule, field: str, others: Sequence[RBACRule]) -> RBACRule:
    """Return a rule without the words of a field that the others grant already."""
    for word in getattr(rule, field):
        rest: dict[str, Any] = {field: tuple(each for each in getattr(rule, field) if each != word)}
        part: dict[str, Any] = {field: (word,)}
        if rest[field] and _grants_all(others, replace(rule, **part)):
            rule = replace(rule, **rest)
    return rule


def _grants_all(rules: Sequence[RBACRule], wanted: RBACRule) -> bool:
    names = wanted.resource_names or (_ANY_NAME,)
    if wanted.urls:
        return all(
            any(_any(_url_covers, rule.urls, url) and _any(_covers, rule.verbs, verb) for rule in rules)
            for url, verb in product(wanted.urls, wanted.verbs)
        )
    return all(
        any(_grants(rule, group, resource, name, verb) for rule in rules)
        for group, resource, name, verb in product(wanted.groups, wanted.resources, names, wanted.verbs)
    )


def _grants(rule: RBACRule, group: str, resource: str, name: str, verb: str) -> bool:
    return (
        _any(_covers, rule.groups, group)
        and _any(_resource_covers, rule.resources, resource)
        and (not rule.resource_names or name in rule.resource_names)
        and _any(_covers, rule.verbs, verb)
    )


def _any(covers: Callable[[str, str], bool], words: Iterable[str], wanted: str) -> bool:
    return any(covers(word, wanted) for word in words)


def _breadth(rule: RBACRule) -> tuple[int, tuple[tuple[str, ...], ...]]:
    """Return a sort key that puts narrow rules first: what two rules grant stays in the broader one."""
    size = len(rule.groups or " ") * len(rule.resources or rule.urls) * len(rule.verbs)
    return size, _order(rule)


def _order(rule: RBACRule) -> tuple[tuple[str, ...], ...]:
    return rule.groups, rule.resources, rule.resource_names, rule.urls, rule.verbs


def _sorted(rule: RBACRule) -> RBACRule:
    return RBACRule(
        groups=_words("groups", {"" if group == "core" else group for group in rule.groups}),
        resources=_words("resources", rule.resources),
        verbs=_words("verbs", rule.verbs),
        resource_names=_words("resource_names", rule.resource_names),
        urls=_words("urls", rule.urls),
    )


def _words(field: str, words: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a field, sorted, without those that a wildcard among them covers."""
    unique = set(words)
    if field == "resource_names":
        return tuple(sorted(unique))
    covers = {"resources": _resource_covers, "urls": _url_covers}.get(field, _covers)
    return tuple(sorted(word for word in unique if not any(covers(own, word) for own in unique - {word})))


def _covers(own: str, word: str) -> bool:
    return own in {"*", word}


def _resource_covers(own: str, resource: str) -> bool:
    subresource = resource.partition("/")[2]
    return own in {"*", resource} or bool(subresource and own == f"*/{subresource}")


def _url_covers(own: str, url: str) -> bool:
    return own in {"*", url} or (own.endswith("*") and url.startswith(own[:-1]))


def _merge(rules: Sequence[RBACRule], field: str) -> list[RBACRule]:
    """Join the rules that differ in one field only."""
    alike: dict[RBACRule, list[RBACRule]] = defaultdict(list)
    merged: list[RBACRule] = []
    for rule in rules:
        if not getattr(rule, field):
            # A rule without names applies to every name, so it is not joined with others.
            merged.append(rule)
            continue
        others: dict[str, Any] = {field: ()}
        alike[replace(rule, **others)].append(rule)
    for rule, same in alike.items():
        joined: dict[str, Any] = {field: _words(field, (word for each in same for word in getattr(each, field)))}
        merged.append(replace(rule, **joined))
    return sorted(merged, key=_order)
