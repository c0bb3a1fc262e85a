"""Exponential back-off with jitter, for retries of requests that were rejected or got no response."""

from __future__ import annotations

import random

_MOST_DOUBLINGS = 32
"""Maximum exponent: larger powers exceed every cap and finally the range of a float."""


def back_off(failures: int, *, first: float, max_delay: float) -> float:
    """Return the seconds to wait, at random between half of the delay and all of it.

    Args:
        failures: Number of failures before this one.
        first: Delay in seconds after the first failure; doubled with each further one.
        max_delay: Maximum delay in seconds.
    """
    due = min(max_delay, first * 2.0 ** min(failures, _MOST_DOUBLINGS))
    return random.uniform(due / 2, due)  # noqa: S311
