"""The objects of one kind, by key, namespace and index; and the difference that each change makes.

A store is changed from the event loop only and is never awaited, so what a reader sees is always one state.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._index import Index, IndexFunction
from kaiwu_runtime.cache._object import CachedObject

Events = list["ObjectEvent"]


class EventType(enum.Enum):
    """What happened to an object, as seen from the store."""

    ADDED = "Added"
    MODIFIED = "Modified"
    DELETED = "Deleted"


class ObjectEvent(msgspec.Struct, frozen=True):
    """One change of the store.

    Attributes:
        type: Added, modified or deleted.
        object: The object now; for a deletion its last known state.
        old: The object before; None for an addition.
        initial: It comes from the first list and not from a change: less urgent.
    """

    type: EventType
    object: CachedObject
    old: CachedObject | None = None
    initial: bool = False


class Store:
    """Objects of one kind.

    Methods that change it return the events of the change.
    """

    def __init__(self) -> None:
        self._objects: dict[ObjectKey, CachedObject] = {}
        self._by_namespace: dict[str, dict[ObjectKey, CachedObject]] = {}
        self._indexes: dict[str, Index] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[CachedObject]:
        return iter(list(self._objects.values()))

    def get(self, key: ObjectKey) -> CachedObject | None:
        """Return one object, or None."""
        return self._objects.get(key)

    def list(self, namespace: str = "") -> Sequence[CachedObject]:
        """Return the objects of a namespace; empty for all."""
        return list((self._by_namespace.get(namespace, {}) if namespace else self._objects).values())

    @property
    def indexes(self) -> Collection[str]:
        """The names of the indexes."""
        return self._indexes.keys()

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Index the objects, present and future, by the values a function gives.

        Args:
            name: Name of the index.
            function: Returns the values an object is found by; it may return none.

        Raises:
            ValueError: There is an index of that name.
        """
        if name in self._indexes:
            raise ValueError(f"there is an index {name!r} already")
        index = self._indexes[name] = Index(name, function)
        for obj in self._objects.values():
            index.put(obj)

    def by_index(self, name: str, value: str) -> Sequence[CachedObject]:
        """Return the objects whose index has a value.

        Raises:
            KeyError: There is no index of that name.
        """
        return list(self._indexes[name].find(value).values())

    def put(self, obj: CachedObject, *, initial: bool = False) -> Events:
        """Take in an object's present state.

        An object of the same name with another uid was deleted and created again in between: both events are
        returned.
        """
        old = self._objects.get(obj.key)
        if old is None:
            self._insert(obj)
            return [ObjectEvent(EventType.ADDED, obj, initial=initial)]
        if old.is_state_of(obj):
            return []
        self._insert(obj)
        if old.uid != obj.uid:
            return [
                ObjectEvent(EventType.DELETED, old, old),
                ObjectEvent(EventType.ADDED, obj, initial=initial),
            ]
        return [ObjectEvent(EventType.MODIFIED, obj, old)]

    def remove(self, obj: CachedObject) -> Events:
        """Drop a deleted object; the event carries the last state the server reported."""
        old = self._objects.get(obj.key)
        if old is None or old.uid != obj.uid:
            return []  # the event of an object that has a successor already
        self._discard(old)
        return [ObjectEvent(EventType.DELETED, obj, old)]

    def replace(
        self,
        objects: Iterable[CachedObject],
        *,
        namespace: str = "",
        besides: Collection[str] = (),
        initial: bool = False,
    ) -> Events:
        """Make a complete list the content, and report what differs: an object that is gone was deleted.

        Args:
            objects: Everything that exists.
            namespace: Only this namespace was listed; empty for all.
            besides: Namespaces that were not listed.
            initial: See :class:`ObjectEvent`.
        """
        events: Events = []
        seen: set[ObjectKey] = set()
        for obj in objects:
            seen.add(obj.key)
            events.extend(self.put(obj, initial=initial))
        for old in self.list(namespace):
            if old.key not in seen and old.key.namespace not in besides:
                self._discard(old)
                events.append(ObjectEvent(EventType.DELETED, old, old))
        return events

    def _insert(self, obj: CachedObject) -> None:
        key = obj.key
        self._objects[key] = obj
        namespace = self._by_namespace.get(key.namespace)
        if namespace is None:
            namespace = self._by_namespace[key.namespace] = {}
        namespace[key] = obj
        for index in self._indexes.values():
            index.put(obj)

    def _discard(self, obj: CachedObject) -> None:
        for index in self._indexes.values():
            index.discard(obj.key)
        del self._objects[obj.key]
        namespace = self._by_namespace[obj.key.namespace]
        del namespace[obj.key]
        if not namespace:
            del self._by_namespace[obj.key.namespace]
