"""The garbage collector: objects whose owners are gone go too, and policies of deletion are carried out.

See https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._rules import Object, WriteOptions
from kaiwu_runtime.testing._storage import Change, Storage
from kaiwu_runtime.testing._writes import Writer

_OPTIONS = WriteOptions("kube-controller-manager")
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"


class _Stored(NamedTuple):
    kind: FakeKind
    key: ObjectKey
    obj: Object


class _Place(NamedTuple):
    kind: FakeKind
    key: ObjectKey


class GarbageCollector:
    """Delete objects without an owner, before the write that caused it is answered.

    Args:
        storage: Keeps the objects.
        writer: Changes them.
    """

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage = storage
        self._writer = writer
        self._present: dict[str, str] = {}  # the namespace of each uid
        self._owned: dict[str, dict[_Place, None]] = {}  # by the owner's uid
        self._places: dict[str, _Place] = {}
        self._due: dict[_Place, None] = {}
        storage.listen(self._changed)

    def collect(self) -> None:
        """Delete, orphan and release objects until nothing is left to do."""
        while self._due:
            place = next(iter(self._due))
            del self._due[place]
            obj = self._storage.get(*place)
            if obj is not None:
                self._step(_Stored(*place, obj))

    def _changed(self, change: Change) -> None:
        """Record the owners of an object, and which objects have to be checked."""
        before, after = _Ties.of(change.before), _Ties.of(change.after)
        if before == after:
            return
        obj = change.after or change.before or {}
        metadata = obj["metadata"]
        place = _Place(change.kind, ObjectKey(metadata.get("namespace", ""), metadata["name"]))
        for uid in before.owners:
            self._owned[uid].pop(place, None)
        for uid in after.owners:
            self._owned.setdefault(uid, {})[place] = None
        if change.after is None:
            del self._present[metadata["uid"]], self._places[metadata["uid"]]
            self._due |= self._owned.get(metadata["uid"], {})
        else:
            self._present[metadata["uid"]] = place.key.namespace
            self._places[metadata["uid"]] = place
            self._due[place] = None
        self._due |= {self._places[uid]: None for uid in before.owners if uid in self._places}

    def _step(self, found: _Stored) -> None:
        """Process one object."""
        metadata = found.obj["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if "deletionTimestamp" in metadata and _ORPHAN in finalizers:
            for dependent in self._dependents(metadata["uid"]):
                self._update(dependent, _without_owners({metadata["uid"]}))
            self._update(found, _without_finalizer(_ORPHAN))
        elif "deletionTimestamp" in metadata and _FOREGROUND in finalizers:
            self._delete_in_foreground(found)
        else:
            self._collect(found)

    def _delete_in_foreground(self, owner: _Stored) -> None:
        uid, blocked = owner.obj["metadata"]["uid"], False
        for dependent in self._dependents(uid):
            if "deletionTimestamp" not in dependent.obj["metadata"]:
                self._writer.delete(dependent.kind, dependent.key, {"propagationPolicy": "Foreground"})
            references = dependent.obj["metadata"]["ownerReferences"]
            if any(each["uid"] == uid and each.get("blockOwnerDeletion") for each in references):
                blocked |= self._storage.get(dependent.kind, dependent.key) is not None
        if not blocked:
            self._update(owner, _without_finalizer(_FOREGROUND))

    def _collect(self, found: _Stored) -> None:
        metadata = found.obj["metadata"]
        references = metadata.get("ownerReferences") or ()
        # An owner can be in the object's own namespace, or in none.
        places = {"", metadata.get("namespace", "")}
        gone = {each["uid"] for each in references if self._present.get(each["uid"]) not in places}
        if gone and len(gone) < len({each["uid"] for each in references}):
            self._update(found, _without_owners(gone))
        elif gone and "deletionTimestamp" not in metadata:
            self._writer.delete(found.kind, found.key, {"propagationPolicy": "Background"})

    def _dependents(self, uid: str) -> list[_Stored]:
        found = [(place, self._storage.get(*place)) for place in self._owned.get(uid, ())]
        return [_Stored(*place, obj) for place, obj in found if obj is not None]

    def _update(self, found: _Stored, change: Callable[[Object], Object]) -> None:
        self._writer.update(found.kind, found.key, change, _OPTIONS)


class _Ties(NamedTuple):
    """The parts of an object that decide about its deletion and that of its dependents."""

    uid: str = ""
    owners: tuple[str, ...] = ()
    finalizers: tuple[str, ...] = ()
    deleted: bool = False

    @classmethod
    def of(cls, obj: Object | None) -> _Ties:
        if obj is None:
            return cls()
        metadata = obj["metadata"]
        owners = tuple(each["uid"] for each in metadata.get("ownerReferences") or ())
        return cls(metadata["uid"], owners, tuple(metadata.get("finalizers") or ()), "deletionTimestamp" in metadata)


def _without_owners(uids: set[str]) -> Callable[[Object], Object]:
    def change(obj: Object) -> Object:
        metadata: dict[str, Any] = obj["metadata"]
        kept = [each for each in metadata.get("ownerReferences") or () if each["uid"] not in uids]
        return {**obj, "metadata": {**metadata, "ownerReferences": kept}}

    return change


def _without_finalizer(name: str) -> Callable[[Object], Object]:
    def change(obj: Object) -> Object:
        metadata: dict[str, Any] = obj["metadata"]
        kept = [each for each in metadata.get("finalizers") or () if each != name]
        return {**obj, "metadata": {**metadata, "finalizers": kept}}

    return change
