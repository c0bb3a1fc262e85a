"""The informers of each kind in all caches of a manager: what is told of every write, and asked before one is left out.

A kind has several where it is in several caches, or its metadata is watched apart from the whole objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._object import CachedObject


class KindInformers:
    """Informers by kind, of one or several caches."""

    def __init__(self) -> None:
        self._by_kind: dict[type[Any], list[Informer[Any]]] = {}

    def add(self, kind: type[Any], informer: Informer[Any]) -> None:
        """Add an informer of a kind."""
        self._by_kind.setdefault(kind, []).append(informer)

    def of(self, kind: type[Any]) -> Sequence[Informer[Any]]:
        """Return the informers of a kind."""
        return self._by_kind.get(kind, ())

    def whole(self, kind: type[Any], key: ObjectKey) -> CachedObject | None:
        """Return what is cached of an object; None if it, or its kind, is not there, or caches show different states.

        Args:
            kind: A project's type or a lightkube kind; it is not watched because of this.
            key: The object's key.
        """
        informers = self._by_kind.get(kind, ())
        if len(informers) == 1:
            informer = informers[0]
            return None if informer.metadata_only or not informer.has_synced else informer.store.get(key)
        return _agreed([informer for informer in informers if informer.has_synced], key)


def _agreed(informers: Sequence[Informer[Any]], key: ObjectKey) -> CachedObject | None:
    """Return an object if every informer that gets it has it in the same state.

    One watch can be behind another. What a controller heard of through the faster one must not be overlooked because
    the slower one does not show it yet: nothing would wake the controller again.
    """
    candidates = (informer.store.get(key) for informer in informers if not informer.metadata_only)
    found = next(filter(None, candidates), None)
    if found is None:
        return None
    for informer in informers:
        present = informer.store.get(key)
        if present is None:
            if informer.scopes.may_have(key.namespace, found.labels):
                return None
        elif not present.is_state_of(found):
            return None
    return found
