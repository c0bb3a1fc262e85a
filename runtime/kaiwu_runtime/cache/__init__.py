"""Informers: what the API server holds, kept current in memory."""

from kaiwu_runtime.cache.cache import Cache
from kaiwu_runtime.cache.cached_client import CachedClient
from kaiwu_runtime.cache.informer import EventHandler, Informer
from kaiwu_runtime.cache.list_scope import CacheOptions, ListScope, Transform
from kaiwu_runtime.cache.object import CachedObject, OwnerReference
from kaiwu_runtime.cache.store import EventType, ObjectEvent

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
    "Transform",
]
