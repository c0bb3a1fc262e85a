"""The informers of each resource in all caches of a manager: told of every write, and asked before one is left out.

A resource has several where it is in several caches, its metadata is watched apart from the whole objects, or it is
read as several types: those of its API versions, or a generic one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey, identify, subresource_of
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._object import CachedObject


class KindInformers:
    """Informers by resource, of one or several caches."""

    def __init__(self) -> None:
        self._by_resource: dict[tuple[str, str], list[Informer[Any]]] = {}
        self._by_kind: dict[type[Any], list[Informer[Any]]] = {}  # the same lists

    def add(self, kind: type[Any], informer: Informer[Any]) -> None:
        """Add an informer of a kind."""
        self._of(kind).append(informer)

    def of(self, kind: type[Any]) -> Sequence[Informer[Any]]:
        """Return the informers of a kind's resource, in whatever API version they watch it.

        Args:
            kind: A project's type, a lightkube kind, or a subresource class, whose parent is meant.
        """
        found = self._by_kind.get(kind)
        return self._of(kind) if found is None else found

    def whole(self, kind: type[Any], key: ObjectKey) -> CachedObject | None:
        """Return what is cached of an object; None if it is not there, or caches show different states or fail.

        None also while a cache does not show a write of this process yet, in whatever way that was made.

        Args:
            kind: A project's type or a lightkube kind; it is not watched because of this.
            key: The object's key.
        """
        informers = self.of(kind)
        if len(informers) == 1:
            informer = informers[0]
            if informer.kind is not kind or not informer.keeps_whole or not informer.has_synced or informer.is_failing:
                return None
            return None if informer.own_writes.is_pending(key) else informer.store.get(key)
        return _agreed(kind, [informer for informer in informers if informer.has_synced], key)

    def _of(self, kind: type[Any]) -> list[Informer[Any]]:
        subresource = subresource_of(kind)
        identity = identify(kind) if subresource is None else subresource.parent
        found = self._by_resource.setdefault((identity.group, identity.plural), [])
        self._by_kind[kind] = found
        return found


def _agreed(kind: type[Any], informers: Sequence[Informer[Any]], key: ObjectKey) -> CachedObject | None:
    """Return an object if every informer that gets it has it in the same state.

    One watch can be behind another. What a controller heard of through the faster one must not be overlooked because
    the slower one does not show it yet: nothing would wake the controller again.
    """
    candidates = (each.store.get(key) for each in informers if each.keeps_whole and each.kind is kind)
    found = next(filter(None, candidates), None)
    if found is None:
        return None
    for informer in informers:
        if informer.is_failing or informer.own_writes.is_pending(key):
            return None
        present = informer.store.get(key)
        if present is None:
            if informer.scopes.may_have(key.namespace, found.labels):
                return None
        elif not present.is_state_of(found):
            return None
    return found
