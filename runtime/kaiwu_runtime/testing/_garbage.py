"""The garbage collector: objects whose owners are gone go too, and policies of deletion are carried out.

See https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._kinds import FakeKind, built_in_kinds
from kaiwu_runtime.testing._rules import Object, WriteOptions
from kaiwu_runtime.testing._storage import Change, Storage
from kaiwu_runtime.testing._writes import Writer

_OPTIONS = WriteOptions("kube-controller-manager")
ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
"""Finalizers that say what becomes of the dependents of an object."""


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
        self._scopes: dict[tuple[str, str], bool] = {}  # whether a kind is namespaced, by its group and name
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
            del self._places[metadata["uid"]]
            self._due |= self._owned.get(metadata["uid"], {})
        else:
            identity = change.kind.identity
            self._scopes[identity.group, identity.kind] = identity.namespaced
            self._places[metadata["uid"]] = place
            self._due[place] = None
        self._due |= {self._places[uid]: None for uid in before.owners if uid in self._places}

    def _step(self, found: _Stored) -> None:
        """Process one object."""
        metadata = found.obj["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if "deletionTimestamp" in metadata and ORPHAN in finalizers:
            for dependent in self._dependents(metadata["uid"]):
                self._update(dependent, _without_owners({metadata["uid"]}))
            self._update(found, _without_finalizer(ORPHAN))
        elif "deletionTimestamp" in metadata and FOREGROUND in finalizers:
            self._delete_in_foreground(found)
        elif "deletionTimestamp" not in metadata:
            self._collect(found)

    def _delete_in_foreground(self, owner: _Stored) -> None:
        uid = owner.obj["metadata"]["uid"]
        for dependent in self._dependents(uid):
            if "deletionTimestamp" not in dependent.obj["metadata"]:
                self._collect(dependent)
        left = [each for dependent in self._dependents(uid) for each in dependent.obj["metadata"]["ownerReferences"]]
        if not any(each["uid"] == uid and each.get("blockOwnerDeletion") for each in left):
            self._update(owner, _without_finalizer(FOREGROUND))

    def _collect(self, found: _Stored) -> None:
        """Delete an object that is not deleted yet and has no owner left, or release it from those that go."""
        metadata = found.obj["metadata"]
        namespace = metadata.get("namespace", "")
        references = metadata.get("ownerReferences") or ()
        if not references or (not namespace and any(map(self._is_namespaced, references))):
            return  # the owner of a cluster-scoped object cannot be namespaced: such a reference is never resolved
        # An owner can be in the object's own namespace, or in none.
        owners = {each["uid"]: self._owner(each["uid"], {"", namespace}) for each in references}
        waiting = {uid for uid, owner in owners.items() if owner is not None and waits_for_dependents(owner)}
        going = waiting | {uid for uid, owner in owners.items() if owner is None}
        if len(going) == len(owners):
            in_foreground = bool(waiting and self._owned.get(metadata["uid"]))
            self._writer.delete(found.kind, found.key, {"propagationPolicy": policy_of(metadata, in_foreground)})
        elif going:
            self._update(found, _without_owners(going))

    def _owner(self, uid: str, namespaces: set[str]) -> Object | None:
        place = self._places.get(uid)
        return self._storage.get(*place) if place is not None and place.key.namespace in namespaces else None

    def _is_namespaced(self, reference: Object) -> bool:
        """Return whether an owner is of a namespaced kind; of a kind that is not known it is not."""
        group, _, version = reference["apiVersion"].rpartition("/")
        name = group, reference["kind"]
        if name not in self._scopes:
            known = {kind.identity.kind: kind.identity.namespaced for kind in built_in_kinds(group, version)}
            return known.get(reference["kind"], False)
        return self._scopes[name]

    def _dependents(self, uid: str) -> list[_Stored]:
        found = [(place, self._storage.get(*place)) for place in self._owned.get(uid, ())]
        return [_Stored(*place, obj) for place, obj in found if obj is not None]

    def _update(self, found: _Stored, change: Callable[[Object], Object]) -> None:
        self._writer.update(found.kind, found.key, change, _OPTIONS)


def policy_of(metadata: Mapping[str, Any], in_foreground: bool) -> str:
    """Return how the garbage collector deletes an object.

    Args:
        metadata: Of the object; its finalizers say what is to become of its dependents.
        in_foreground: Its owner waits for it, and it has dependents itself.
    """
    finalizers = metadata.get("finalizers") or ()
    if in_foreground or (FOREGROUND in finalizers and ORPHAN not in finalizers):
        return "Foreground"
    return "Orphan" if ORPHAN in finalizers else "Background"


def waits_for_dependents(owner: Mapping[str, Any]) -> bool:
    """Return whether an object is deleted as soon as its dependents are."""
    metadata = owner["metadata"]
    return bool(metadata.get("deletionTimestamp")) and FOREGROUND in (metadata.get("finalizers") or ())


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
