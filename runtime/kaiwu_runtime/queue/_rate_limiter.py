"""Delays before a key is retried.

The values are client-go's: 5 ms doubled per failure up to 1000 s, and ten keys a second with bursts of a hundred
over all keys together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Hashable
from typing import Protocol

from kaiwu_runtime._clock import monotonic


class RateLimiter(Protocol):
    """Decides when a key may be retried."""

    def when(self, key: Hashable) -> float:
        """Return the seconds to wait before the next attempt, and count a failure."""

    def forget(self, key: Hashable) -> None:
        """Reset the failures of a key: it succeeded."""

    def failures(self, key: Hashable) -> int:
        """Return how often `when` was asked for a key since it was last forgotten."""


class ExponentialBackoff:
    """Doubles the wait with each failure of a key.

    Args:
        base: Seconds after the first failure.
        max_delay: Seconds that are never exceeded.
        jitter: Part of the wait that is random, so that keys that failed together do not return together; 0 to 1.

    Raises:
        ValueError: A number is not valid: it would show only when a key fails.
    """

    def __init__(self, base: float = 0.005, max_delay: float = 1000.0, *, jitter: float = 0.1) -> None:
        for name, value, most in (
            ("base", base, math.inf),
            ("max_delay", max_delay, math.inf),
            ("jitter", jitter, 1.0),
        ):
            if not 0.0 <= value <= most:
                allowed = "0 to 1" if most == 1.0 else "0 or more"
                raise ValueError(f"ExponentialBackoff: {name}={value!r} is not valid: use {allowed}")
        self._base = base
        self._max_delay = max_delay
        self._jitter = jitter
        self._failures: dict[Hashable, int] = {}

    def when(self, key: Hashable) -> float:
        """Return the wait of a key, longer each time."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        # 2**64 times anything is over every cap; beyond that the power itself would not fit a float.
        wait = min(self._max_delay, self._base * 2.0 ** min(failures, 64))
        return wait * random.uniform(1.0 - self._jitter, 1.0)  # noqa: S311

    def forget(self, key: Hashable) -> None:
        """Start a key afresh."""
        self._failures.pop(key, None)

    def failures(self, key: Hashable) -> int:
        """Return how often a key failed since it was last forgotten."""
        return self._failures.get(key, 0)


class TokenBucket:
    """Limit the rate of all keys together (token bucket).

    Args:
        rate: Keys per second, more than 0.
        burst: Keys that may come at once, 1 or more.
        clock: Monotonic seconds.

    Raises:
        ValueError: A number is not valid: it would show only when a key fails.
    """

    def __init__(self, rate: float = 10.0, burst: int = 100, *, clock: Callable[[], float] = monotonic) -> None:
        if not 0.0 < rate < math.inf:
            raise ValueError(f"TokenBucket: rate={rate!r} is not valid: use a number of keys per second above 0")
        if not burst >= 1:
            raise ValueError(f"TokenBucket: burst={burst!r} is not valid: use 1 or more")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def when(self, key: Hashable) -> float:  # noqa: ARG002 - the limit is on all keys together
        """Take a token, and return how long it takes until it exists."""
        now = self._clock()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)

    def forget(self, key: Hashable) -> None:
        """Do nothing: tokens come back with time."""

    def failures(self, key: Hashable) -> int:  # noqa: ARG002
        """Return 0: it counts no failures."""
        return 0


class MaxOf:
    """Return the longest delay of several limiters.

    Args:
        limiters: The limiters, one or more.

    Raises:
        ValueError: There is none.
    """

    def __init__(self, *limiters: RateLimiter) -> None:
        if not limiters:
            raise ValueError("MaxOf() has no limiter: give it one or more, as in MaxOf(ExponentialBackoff())")
        self._limiters = limiters

    def when(self, key: Hashable) -> float:
        """Return the longest wait."""
        return max(limiter.when(key) for limiter in self._limiters)

    def forget(self, key: Hashable) -> None:
        """Start a key afresh in each."""
        for limiter in self._limiters:
            limiter.forget(key)

    def failures(self, key: Hashable) -> int:
        """Return the largest count."""
        return max(limiter.failures(key) for limiter in self._limiters)


def default_rate_limiter() -> RateLimiter:
    """Return a new limiter with client-go's values."""
    return MaxOf(ExponentialBackoff(), TokenBucket())
