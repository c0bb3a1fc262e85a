"""What a run has made of the cluster: the state after a step, and how many objects came and went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kaiwu_runtime.testing.faults._end_state import SKIPPED, State, normalised, outside_state
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._real._observer import Object, Observer
from kaiwu_runtime.testing.faults._tally import is_simulated
from kaiwu_runtime.testing.faults._volatile import Volatile

_ALLOCATED = (
    "Service.spec.clusterIP",
    "Service.spec.clusterIPs",
    "Service.spec.healthCheckNodePort",
    "Service.spec.ports.nodePort",
)
"""What the API server gives out as it likes."""


class Tally:
    """Counts creations and deletions, by kind.

    Args:
        observer: Knows every object.
        outcome: Gets the counts.
        ignored: Fields whose values may differ from run to run.

    Attributes:
        changes: How many changes there were.
    """

    def __init__(self, observer: Observer, outcome: Outcome, ignored: Sequence[str]) -> None:
        self._observer = observer
        self._outcome = outcome
        self._ignored = (*_ALLOCATED, *ignored)
        self._volatile = Volatile(allocates=True)
        self._created: dict[str, Object] = {}
        self._deleted: dict[str, Object] = {}
        self.changes = 0

    def state(self, world: Mapping[type[Any], object]) -> State:
        """Return what there is, comparable with that of another run.

        Args:
            world: What lives outside Kubernetes, by type.
        """
        objects = self._observer.present()
        found = normalised(objects, self._ignored, self._volatile)
        return found | outside_state(world, objects, self._ignored, self._volatile)

    def note(self, before: Object | None, after: Object | None) -> None:
        """Note a change of an object."""
        obj = after or before
        assert obj is not None  # noqa: S101 - for mypy
        if after is not None:
            self._outcome.secrets.note(after)
        if before is None:
            self._volatile.note(obj)
        if obj["kind"] in SKIPPED:
            return
        self.changes += 1
        if not is_simulated(obj):
            if before is None:
                self._created[obj["metadata"]["uid"]] = obj
            if after is None:
                self._deleted[obj["metadata"]["uid"]] = obj

    def count(self) -> None:
        """Count what was created and deleted; at the end, as the watches of two kinds have no order between them."""
        stray = {uid for uid, obj in self._created.items() if self._is_stray(obj)}
        for found, counts in ((self._created, self._outcome.created), (self._deleted, self._outcome.deleted)):
            counts.update(obj["kind"] for uid, obj in found.items() if uid not in stray)

    def _is_stray(self, obj: Object) -> bool:
        """Return whether an object was created when its owners were gone: the garbage collector takes it at once."""
        metadata = obj["metadata"]
        owners = [owner["uid"] for owner in metadata.get("ownerReferences") or ()]
        created, present, removed = int(metadata["resourceVersion"]), self._observer.objects, self._observer.removed
        return bool(owners) and not any(uid in present or created < removed.get(uid, 0) for uid in owners)
