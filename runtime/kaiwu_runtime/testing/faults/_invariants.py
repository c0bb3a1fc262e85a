"""Look at the invariants of a scenario during a run."""

from __future__ import annotations

import sys

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario, invariants_of
from kaiwu_runtime.testing.faults._steps import awaited


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
            outer = sys.exception()  # of the operator, which may write where it handles one
            for look in invariants_of(self._scenario):
                try:
                    await awaited(look, self._cluster)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - an assertion, or what it could not look at
                    _detach(error, outer)
                    name = getattr(look, "__name__", "invariant")
                    self._outcome.broken = f"invariant {name}: {describe(error)}"
                    return
        finally:
            self._checking = False


def _detach(error: BaseException, outer: BaseException | None) -> None:
    """Take what was handled before out of what Python says that an error came from."""
    current: BaseException | None = error
    while outer is not None and current is not None:
        if current.__context__ is outer:
            current.__context__ = None
        current = current.__cause__ or current.__context__
