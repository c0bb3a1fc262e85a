"""What a run has made of the cluster: the state after a step, and how many objects came and went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kaiwu_runtime.testing.faults._end_state import SKIPPED, State, normalised
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._outside import state_of
from kaiwu_runtime.testing.faults._real._observer import Object, Observer

SIMULATOR = "kube-controller-manager"
"""Field manager of what plays the cluster."""

_ALLOCATED = ("Service.spec.clusterIP", "Service.spec.clusterIPs", "Service.spec.ports.nodePort")
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
        self._stray: set[str] = set()
        self.changes = 0

    def state(self, world: Mapping[type[Any], object]) -> State:
        """Return what there is, comparable with that of another run.

        Args:
            world: What lives outside Kubernetes, by type.
        """
        found = normalised(self._observer.present(), self._ignored)
        return found | {f"outside: {kind.__name__}": state_of(inner) for kind, inner in world.items()}

    def note(self, before: Object | None, after: Object | None) -> None:
        """Note a change of an object."""
        obj = after or before
        assert obj is not None  # noqa: S101 - for mypy
        kind, metadata = obj["kind"], obj["metadata"]
        uid, owners = metadata["uid"], metadata.get("ownerReferences") or ()
        present = self._observer.objects
        if before is None and owners and not any(owner["uid"] in present for owner in owners):
            self._stray.add(uid)  # of an owner that is gone already: the garbage collector takes it at once
        if kind in SKIPPED:
            return
        self.changes += 1
        if uid not in self._stray and not _is_simulated(obj):
            self._outcome.created[kind] += before is None
            self._outcome.deleted[kind] += after is None


def _is_simulated(obj: Object) -> bool:
    """Return whether an object was made by the simulator; how many Pods there are is a matter of time."""
    entries = obj["metadata"].get("managedFields") or ()
    return any(entry["manager"] == SIMULATOR and not entry.get("subresource") for entry in entries)
