"""What a run in memory has made of the cluster: the state after a step, and how many objects came and went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kaiwu_runtime.testing._simulation._objects import simulating
from kaiwu_runtime.testing._storage import Change
from kaiwu_runtime.testing.faults._end_state import SKIPPED, State, normalised, outside_state
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._volatile import Volatile

SIMULATOR = "kube-controller-manager"
"""Field manager of what plays the cluster."""


class Tally:
    """Counts creations and deletions, by kind.

    Args:
        outcome: Gets the counts.
        ignored: Fields whose values may differ from run to run.

    Attributes:
        changes: How many changes there were.
    """

    def __init__(self, outcome: Outcome, ignored: Sequence[str]) -> None:
        self._outcome = outcome
        self._ignored = ignored
        self._volatile = Volatile()
        self._present: set[str] = set()
        self._stray: set[str] = set()
        self.changes = 0

    def state(self, objects: Sequence[Mapping[str, Any]], world: Mapping[type[Any], object]) -> State:
        """Return what there is, comparable with that of another run.

        Args:
            objects: As they are stored.
            world: What lives outside Kubernetes, by type.
        """
        found = normalised(objects, self._ignored, self._volatile)
        return found | outside_state(world, objects, self._ignored, self._volatile)

    def note(self, change: Change) -> None:
        """Note a change of an object."""
        obj = change.after or change.before or {}
        kind, metadata = obj["kind"], obj["metadata"]
        uid, owners = metadata["uid"], metadata.get("ownerReferences") or ()
        if change.after is not None:
            self._outcome.secrets.note(obj)
        if change.before is None:
            self._volatile.note(obj)
            self._present.add(uid)
            # Of an owner that is gone already: the garbage collector takes it at once.
            if owners and not any(owner["uid"] in self._present for owner in owners):
                self._stray.add(uid)
        elif change.after is None:
            self._present.discard(uid)
        if kind in SKIPPED:
            return
        self.changes += 1
        if uid not in self._stray and not simulating.get() and not is_simulated(obj):
            self._outcome.created[kind] += change.before is None
            self._outcome.deleted[kind] += change.after is None


def is_simulated(obj: Mapping[str, Any]) -> bool:
    """Return whether an object was made by the simulator; how many Pods there are is a matter of time."""
    entries = obj["metadata"].get("managedFields") or ()
    return any(entry["manager"] == SIMULATOR and not entry.get("subresource") for entry in entries)
