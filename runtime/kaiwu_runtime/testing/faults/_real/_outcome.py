"""What a run against a real API server came to."""

from __future__ import annotations

from collections.abc import Sequence

from kaiwu_runtime.testing.faults._outcome import Outcome


class RealOutcome(Outcome):
    """What a run came to.

    Attributes:
        watched: Paths of the watches of the operator.
        unasked: Names of what is outside, and was not called.
    """

    watched: frozenset[str] = frozenset()
    unasked: Sequence[str] = ()
