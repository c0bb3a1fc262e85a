"""Look at the invariants of a scenario during a run."""

from __future__ import annotations

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario, invariants_of


class Invariants:
    """The invariants of a run.

    Args:
        scenario: Has them.
        cluster: What they look at.
        outcome: Gets the first that does not hold.
    """

    def __init__(self, scenario: Scenario, cluster: Cluster, outcome: Outcome) -> None:
        self._scenario = scenario
        self._cluster = cluster
        self._outcome = outcome
        self._checking = False

    async def check(self) -> None:
        """Look at the invariants; the first that does not hold is kept.

        An invariant may send requests, each of which would begin such a check again.
        """
        if self._outcome.broken or self._checking:
            return
        self._checking = True
        try:
            for look in invariants_of(self._scenario):
                try:
                    await look(self._cluster)
                except Exception as error:  # noqa: BLE001 - an assertion, or what it could not look at
                    name = getattr(look, "__name__", "invariant")
                    self._outcome.broken = f"invariant {name}: {describe(error)}"
                    return
        finally:
            self._checking = False
