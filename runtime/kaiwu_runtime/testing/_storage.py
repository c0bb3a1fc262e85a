"""The objects of a fake API server with their history, from which lists and watches are answered.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._kinds import FakeKind

COMPACT = (",", ":")
"""Separators of JSON as the API server writes it: the cache looks for some members in the bytes."""

_ENCODED = 1024

FIRST_VERSION = 1000
"""The first version; a large number, so that a test does not confuse versions with counts."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write.

    Attributes:
        version: The resourceVersion it made.
        kind: What was written.
        before: The object before; None when it is new.
        after: The object after; None when it is gone. Neither is there in a bookmark.
    """

    version: int
    kind: FakeKind
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(slots=True, eq=False)
class Watcher:
    """One open watch.

    Attributes:
        kind: What it watches.
        changes: Changes that were not delivered yet; None ends the watch, an exception breaks it.
    """

    kind: FakeKind
    changes: asyncio.Queue[Change | Exception | None] = field(default_factory=asyncio.Queue)


class Storage:
    """Store every object and its history since the last compaction.

    Objects are never changed once they are stored: versions share their parts, and nothing is copied.
    """

    def __init__(self) -> None:
        self._objects: dict[FakeKind, dict[ObjectKey, dict[str, Any]]] = {}
        self._history: dict[FakeKind, list[Change]] = {}
        self._snapshots: list[tuple[int, list[dict[str, Any]]]] = []
        self._compacted = 0
        self.version = FIRST_VERSION
        self._listeners: list[Callable[[Change], None]] = []
        self._encoded: dict[int, tuple[dict[str, Any], bytes]] = {}
        self.watchers: list[Watcher] = []

    def get(self, kind: FakeKind, key: ObjectKey) -> dict[str, Any] | None:
        """Return an object, or None; do not change it."""
        return self._objects.get(kind, {}).get(key)

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call a function at each change, after it was stored."""
        self._listeners.append(listener)

    def objects(self, kind: FakeKind, namespace: str) -> list[dict[str, Any]]:
        """Return the objects of a namespace, empty for all, by namespace and name; not to be changed."""
        objects = self._objects.get(kind, {})
        return [objects[key] for key in sorted(objects) if not namespace or key.namespace == namespace]

    def everything(self) -> list[dict[str, Any]]:
        """Return every object, by kind, namespace and name; not to be changed."""
        kinds = sorted(self._objects, key=lambda kind: (kind.identity.kind, kind.identity.group))
        return [obj for kind in kinds for obj in self.objects(kind, "")]

    def objects_at(self, kind: FakeKind, version: int) -> list[dict[str, Any]] | None:
        """Return the objects there were at a version, by namespace and name; None when that is too old or too new.

        Args:
            kind: The resource.
            version: A resourceVersion.
        """
        if not max(self._compacted, FIRST_VERSION) <= version <= self.version:
            return None
        objects = dict(self._objects.get(kind, {}))
        for change in reversed(self._history.get(kind, [])):
            if change.version <= version:
                break
            metadata = (change.before or change.after or {})["metadata"]
            key = ObjectKey(metadata.get("namespace", ""), metadata["name"])
            if change.before is None:
                del objects[key]
            else:
                objects[key] = change.before
        return [objects[key] for key in sorted(objects)]

    def put(self, kind: FakeKind, key: ObjectKey, obj: dict[str, Any]) -> dict[str, Any]:
        """Store an object with a new resourceVersion, and return what is stored; neither is to be changed then."""
        before = self._objects.get(kind, {}).get(key)
        self.version += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        self._objects.setdefault(kind, {})[key] = stored
        self._tell(Change(self.version, kind, before, stored))
        return stored

    def remove(self, kind: FakeKind, key: ObjectKey) -> None:
        """Remove an object; watches are told of the state it was stored in, with the version of the removal."""
        gone = self._objects[kind].pop(key)
        self.version += 1
        self._tell(Change(self.version, kind, gone, None))

    def encoded(self, obj: dict[str, Any]) -> bytes:
        """Return the JSON of an object; of one that is stored it is kept."""
        known = self._encoded.get(id(obj))
        if known is not None and known[0] is obj:
            return known[1]
        if len(self._encoded) >= _ENCODED:
            self._encoded.clear()
        data = json.dumps(obj, separators=COMPACT).encode()
        self._encoded[id(obj)] = (obj, data)
        return data

    def remember(self, objects: list[dict[str, Any]]) -> int:
        """Keep a list that is read page by page, and return its number."""
        self._snapshots.append((self.version, objects))
        return len(self._snapshots) - 1

    def recall(self, number: int) -> tuple[int, list[dict[str, Any]]] | None:
        """Return the version and the objects of a list that was kept, or None when it was compacted."""
        found = self._snapshots[number] if 0 <= number < len(self._snapshots) else None
        return found if found is not None and found[0] >= self._compacted else None

    def compact(self) -> None:
        """Forget the history: watches from now on need this version or a newer one, and lists cannot be continued."""
        self._history.clear()
        self._compacted = self.version

    def open(self, kind: FakeKind, version: str) -> Watcher | None:
        """Begin a watch after a version, or return None when that is too old.

        Args:
            kind: What to watch.
            version: Empty or ``0`` to be told of every object there is first.
        """
        watcher = Watcher(kind)
        if version in {"", "0"}:
            for obj in self.objects(kind, ""):
                watcher.changes.put_nowait(Change(int(obj["metadata"]["resourceVersion"]), kind, None, obj))
        elif int(version) < max(self._compacted, FIRST_VERSION):
            return None
        else:
            history = self._history.get(kind, [])
            for change in history[bisect_right(history, int(version), key=lambda change: change.version) :]:
                watcher.changes.put_nowait(change)
        self.watchers.append(watcher)
        return watcher

    def bookmark(self, kind: FakeKind | None) -> None:
        """Send a bookmark to the open watches of a kind; None for all."""
        for watcher in self.watchers:
            if kind is None or watcher.kind == kind:
                watcher.changes.put_nowait(Change(self.version, watcher.kind, None, None))

    def _tell(self, change: Change) -> None:
        self._history.setdefault(change.kind, []).append(change)
        for listener in self._listeners:
            listener(change)
        for watcher in self.watchers:
            if watcher.kind == change.kind:
                watcher.changes.put_nowait(change)
