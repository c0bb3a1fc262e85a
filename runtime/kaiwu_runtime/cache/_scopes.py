"""Which objects an informer gets: the scopes of a kind, one for each namespace, or one for all others.

See https://pkg.go.dev/sigs.k8s.io/controller-runtime/pkg/cache#ByObject for the model it follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kaiwu_runtime._names import is_dns_label
from kaiwu_runtime.api._identity import ResourceIdentity, identify
from kaiwu_runtime.cache._list_scope import ListScope, Selectors
from kaiwu_runtime.cache._selector import label_selector
from kaiwu_runtime.errors import ConfigurationError

Namespaces = Sequence[str] | Mapping[str, Selectors]
"""Namespaces to watch; a mapping has selectors for each of them, and an empty name stands for all others."""


class KindScopes(msgspec.Struct, frozen=True):
    """What `Cache.configure` said of the objects of a kind.

    Attributes:
        selectors: Those of every namespace that has none of its own.
        namespaces: The namespaces with their own selectors; empty for all, None for those of the cache.
    """

    selectors: Selectors = Selectors()
    namespaces: Mapping[str, Selectors] | None = None

    @classmethod
    def of(cls, kind: type[Any], label_selector: str, field_selector: str, namespaces: Namespaces | None) -> KindScopes:
        """Return what the arguments of `Cache.configure` say.

        Raises:
            ConfigurationError: One of them is malformed; the message names it.
        """
        identity = identify(kind)
        given = None if namespaces is None else _by_namespace(identity, namespaces)
        selectors = Selectors(label_selector, field_selector)
        _check_labels(f"{identity}: label_selector", selectors)
        for namespace, own in (given or {}).items():
            _check_labels(f"{identity}: namespaces[{namespace!r}]", own)
        return cls(selectors, given)

    def scopes(self, namespaces: Sequence[str], *, namespaced: bool) -> list[ListScope]:
        """Return the scopes of the kind.

        Args:
            namespaces: Those of the cache, for a kind that has none of its own.
            namespaced: Whether the kind has namespaces.
        """
        chosen = dict.fromkeys(namespaces, Selectors()) if self.namespaces is None else self.namespaces
        chosen = chosen if namespaced else {}
        others = tuple(sorted(filter(None, chosen)))
        return [
            ListScope(
                namespace,
                (self.selectors.label_selector if own.label_selector is None else own.label_selector) or "",
                (self.selectors.field_selector if own.field_selector is None else own.field_selector) or "",
                besides=() if namespace else others,
            )
            for namespace, own in (chosen or {"": Selectors()}).items()
        ]


class Scopes:
    """The scopes of one informer.

    Args:
        scopes: At least one; each namespace is in one of them at most.

    Attributes:
        namespaces: The namespaces that are watched; empty for all, and for a cluster-scoped kind.
        besides: The namespaces that have a scope of their own beside the one for all others.
        whole: By namespace, whether every object is watched; the empty name is for all others.
    """

    def __init__(self, scopes: Sequence[ListScope]) -> None:
        self._by_namespace = {scope.namespace: scope for scope in scopes}
        self._others = self._by_namespace.get("")
        self.whole = {namespace: not scope.described() for namespace, scope in self._by_namespace.items()}
        self.namespaces = () if self._others is not None else tuple(self._by_namespace)
        self.besides = frozenset(self._others.besides if self._others is not None else ())

    def described_in(self, namespace: str) -> str:
        """Return the selectors of a namespace for a message; empty where there are none."""
        scope = self._by_namespace.get(namespace, self._others)
        return scope.described() if scope is not None else ""

    def describe(self) -> str:
        """Return all selectors for a message; empty where there are none."""
        found = {namespace: scope.described() for namespace, scope in self._by_namespace.items()}
        if len(set(found.values())) == 1:
            return next(iter(found.values()))
        return "; ".join(f"{namespace or 'others'}: {text or 'all'}" for namespace, text in found.items())

    def selectors_in(self, namespace: str) -> tuple[str, str] | None:
        """Return the label selector and the field selector of a namespace; None where it is not watched."""
        scope = self._by_namespace.get(namespace, self._others)
        return None if scope is None else (scope.label_selector, scope.field_selector)

    def may_have(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Return whether an object of a namespace may be watched, as far as its labels tell."""
        scope = self._by_namespace.get(namespace, self._others)
        return scope is not None and label_selector(scope.label_selector)(labels)


def _by_namespace(identity: ResourceIdentity, namespaces: Namespaces) -> Mapping[str, Selectors]:
    if isinstance(namespaces, str):
        raise ConfigurationError(f"{identity}: namespaces={namespaces!r}: use a list, [{namespaces!r}]")
    if namespaces and not identity.namespaced:
        raise ConfigurationError(f"{identity}: a cluster-scoped kind has no namespaces: use label_selector")
    given = dict(namespaces) if isinstance(namespaces, Mapping) else dict.fromkeys(namespaces, Selectors())
    for namespace, selectors in given.items():
        if namespace and not is_dns_label(namespace):
            raise ConfigurationError(f"{identity}: {namespace!r} is not a valid namespace name")
        if not isinstance(selectors, Selectors):
            raise ConfigurationError(
                f"{identity}: namespaces[{namespace!r}]: invalid value {selectors!r}: "
                "use Selectors(label_selector=..., field_selector=...)"
            )
    return given


def _check_labels(where: str, selectors: Selectors) -> None:
    try:
        label_selector(selectors.label_selector or "")
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error}") from None
