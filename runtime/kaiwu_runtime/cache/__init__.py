"""Informers: what the API server holds, kept current in memory."""

from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.cache._informer import EventHandler, Informer
from kaiwu_runtime.cache._list_scope import CacheOptions, ListScope, Selectors, Transform
from kaiwu_runtime.cache._object import CachedObject, OwnerReference
from kaiwu_runtime.cache._store import EventType, ObjectEvent

__all__ = [
    "Cache",
    "CacheOptions",
    "CachedClient",
    "CachedObject",
    "EventHandler",
    "EventType",
    "Informer",
    "ListScope",
    "ObjectEvent",
    "OwnerReference",
    "Selectors",
    "Transform",
]
