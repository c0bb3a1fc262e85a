"""Which of an informer's objects a reader asks for: by namespace and by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._selector import field_selector
from kaiwu_runtime.errors import ConfigurationError

KEY_FIELDS = {"metadata.name": "name", "metadata.namespace": "namespace"}
"""The fields of a selector that need no index, and the parts of an object's key that they are."""


def watched_namespace(informer: Informer[Any], namespace: str) -> str:
    """Return the namespace to search: empty for a cluster-scoped kind.

    Raises:
        ConfigurationError: The namespace is not watched: an empty result would be wrong.
    """
    if not informer.identity.namespaced:
        return ""
    if namespace and informer.namespaces and namespace not in informer.namespaces:
        option = "the cache's namespaces" if informer.cache else "--namespace"
        raise ConfigurationError(
            f"{informer.identity} in namespace {namespace!r}: {informer.held_in} watches only "
            f"{', '.join(informer.namespaces)}; add the namespace to {option}, or read with manager.api_reader"
        )
    return namespace


def select(informer: Informer[Any], namespace: str, selector: str) -> Sequence[CachedObject]:
    """Return the objects that a field selector selects.

    Raises:
        ConfigurationError: It selects a namespace that is not watched.
        ValueError: It is malformed, or selects by a field that is not indexed and is not the name or namespace.
    """
    names: list[tuple[str, str]] = []
    indexed: list[tuple[str, str]] = []
    for field, value in field_selector(selector):
        if field in KEY_FIELDS:
            if field == "metadata.namespace":
                watched_namespace(informer, value)
            names.append((KEY_FIELDS[field], value))
        elif field in informer.store.indexes:
            indexed.append((field, value))
        else:
            raise ValueError(
                f"field selector {selector!r}: the cache knows no field {field} of {informer.identity}; index it with "
                "manager.cache.index_field, or use the uncached reader"
            )
    if namespace:
        names.append(("namespace", namespace))
    found = informer.store.by_index(*indexed[0]) if indexed else informer.store.list(namespace)
    also = [{obj.key for obj in informer.store.by_index(field, value)} for field, value in indexed[1:]]
    return [
        obj
        for obj in found
        if all(obj.key in keys for keys in also) and all(getattr(obj.key, name) == value for name, value in names)
    ]
