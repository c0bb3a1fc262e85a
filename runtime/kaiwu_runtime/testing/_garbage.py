"""The garbage collector: objects whose owners are gone go too, and policies of deletion are carried out.

See https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._rules import Object, WriteOptions
from kaiwu_runtime.testing._storage import Storage
from kaiwu_runtime.testing._writes import Writer

_OPTIONS = WriteOptions("kube-controller-manager")
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"


class _Stored(NamedTuple):
    kind: FakeKind
    key: ObjectKey
    obj: Object


class GarbageCollector:
    """Delete what has no owner any more, before the write that caused it is answered.

    Args:
        storage: Keeps the objects.
        writer: Changes them.
    """

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage = storage
        self._writer = writer

    def collect(self) -> None:
        """Delete, orphan and release objects until nothing is left to do."""
        acted = True
        while acted:
            acted = False
            for found in self._all():
                acted |= self._step(found)

    def _all(self) -> list[_Stored]:
        return [
            _Stored(kind, ObjectKey(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]), obj)
            for kind in self._storage.kinds()
            for obj in self._storage.objects(kind, "")
        ]

    def _step(self, found: _Stored) -> bool:
        """Do what is to be done about one object, and return whether that was anything."""
        if self._storage.get(found.kind, found.key) is not found.obj:
            return False  # changed in this round
        metadata = found.obj["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if "deletionTimestamp" in metadata and _ORPHAN in finalizers:
            for dependent in self._dependents(metadata["uid"]):
                self._update(dependent, _without_owners({metadata["uid"]}))
            return self._update(found, _without_finalizer(_ORPHAN))
        if "deletionTimestamp" in metadata and _FOREGROUND in finalizers:
            return self._delete_in_foreground(found)
        return self._collect(found)

    def _delete_in_foreground(self, owner: _Stored) -> bool:
        uid, acted, blocked = owner.obj["metadata"]["uid"], False, False
        for dependent in self._dependents(uid):
            if "deletionTimestamp" not in dependent.obj["metadata"]:
                self._writer.delete(dependent.kind, dependent.key, {"propagationPolicy": "Foreground"})
                acted = True
            references = dependent.obj["metadata"]["ownerReferences"]
            if any(each["uid"] == uid and each.get("blockOwnerDeletion") for each in references):
                blocked |= self._storage.get(dependent.kind, dependent.key) is not None
        return acted if blocked else self._update(owner, _without_finalizer(_FOREGROUND))

    def _collect(self, found: _Stored) -> bool:
        metadata = found.obj["metadata"]
        references = metadata.get("ownerReferences") or ()
        gone = {each["uid"] for each in references if not self._lives(each["uid"], metadata.get("namespace", ""))}
        if not gone:
            return False
        if len(gone) < len({each["uid"] for each in references}):
            return self._update(found, _without_owners(gone))
        if "deletionTimestamp" in metadata:
            return False
        self._writer.delete(found.kind, found.key, {"propagationPolicy": "Background"})
        return True

    def _lives(self, uid: str, namespace: str) -> bool:
        """Return whether an owner exists where it can be one: in the namespace, or in none."""
        return any(
            found.obj["metadata"]["uid"] == uid and found.key.namespace in {"", namespace} for found in self._all()
        )

    def _dependents(self, uid: str) -> Iterator[_Stored]:
        for found in self._all():
            if any(each["uid"] == uid for each in found.obj["metadata"].get("ownerReferences") or ()):
                yield found

    def _update(self, found: _Stored, change: Callable[[Object], Object]) -> bool:
        self._writer.update(found.kind, found.key, change, _OPTIONS)
        return True


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
