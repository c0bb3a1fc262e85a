"""How long somebody waits who was refused or found nobody: longer each time, and never together with the others."""

from __future__ import annotations

import random

_MOST_DOUBLINGS = 32
"""More is over every cap, and in the end no float: a night without an API server has a thousand failures."""


def back_off(failures: int, *, first: float, max_delay: float) -> float:
    """Return the seconds to wait, between half of what is due and all of it.

    Args:
        failures: How many there were before this one.
        first: Seconds that are due after the first; doubled with each further one.
        max_delay: Seconds that are never exceeded.
    """
    due = min(max_delay, first * 2.0 ** min(failures, _MOST_DOUBLINGS))
    return random.uniform(due / 2, due)  # noqa: S311
