"""Defaulters that change their own result: each write of the object, by any client, changes it further."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kaiwu_runtime.testing._admission import Unstable
from kaiwu_runtime.testing.faults._end_state import differences, normalised
from kaiwu_runtime.testing.faults._outcome import Outcome


def note_unstable(outcome: Outcome, ignored: Sequence[str]) -> Callable[[Unstable], None]:
    """Return a function that keeps the first such defaulter; other times than before, for one, do not count.

    Args:
        outcome: Gets it.
        ignored: Fields that may change.
    """

    def note(found: Unstable) -> None:
        text = differences(normalised([found.once], ignored), normalised([found.twice], ignored))
        if text and not outcome.unstable:
            outcome.unstable = f"{found.defaulter} changes its own result: {text}"

    return note
