"""How long keys wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kaiwu_runtime.queue import ExponentialBackoff, MaxOf, TokenBucket


def test_each_failure_of_a_key_doubles_its_wait() -> None:
    limiter = ExponentialBackoff(base=1.0, max_delay=1000.0, jitter=0.0)
    assert [limiter.when("a") for _ in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert limiter.when("b") == 1.0
    assert limiter.failures("a") == 4


def test_success_starts_a_key_afresh() -> None:
    limiter = ExponentialBackoff(base=1.0, jitter=0.0)
    limiter.when("a")
    limiter.when("a")
    limiter.forget("a")
    assert limiter.failures("a") == 0
    assert limiter.when("a") == 1.0


def test_the_wait_is_capped_however_many_failures() -> None:
    limiter = ExponentialBackoff(base=0.005, max_delay=10.0, jitter=0.0)
    waits = [limiter.when("a") for _ in range(2000)]
    assert max(waits) == 10.0
    assert waits[-1] == 10.0


def test_jitter_only_shortens() -> None:
    limiter = ExponentialBackoff(base=1.0, max_delay=1.0, jitter=0.5)
    waits = {limiter.when("a") for _ in range(200)}
    assert len(waits) > 100
    assert min(waits) >= 0.5
    assert max(waits) <= 1.0


def test_the_bucket_lets_a_burst_through_and_then_spaces_keys() -> None:
    now = 0.0
    bucket = TokenBucket(rate=10.0, burst=3, clock=lambda: now)
    assert [bucket.when(key) for key in "abc"] == [0.0, 0.0, 0.0]
    assert bucket.when("d") == pytest.approx(0.1)
    assert bucket.when("e") == pytest.approx(0.2)
    now = 1.0
    assert bucket.when("f") == 0.0


def test_the_strictest_limiter_decides() -> None:
    now = 0.0
    limiter = MaxOf(ExponentialBackoff(base=5.0, jitter=0.0), TokenBucket(rate=1.0, burst=1, clock=lambda: now))
    assert limiter.when("a") == 5.0
    assert limiter.when("b") == 5.0
    assert limiter.when("c") == 5.0
    assert limiter.failures("a") == 1
    limiter.forget("a")
    assert limiter.failures("a") == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialBackoff(base=-1), "base=-1 is not valid: use 0 or more"),
        (lambda: ExponentialBackoff(max_delay=float("nan")), "max_delay=nan is not valid: use 0 or more"),
        (lambda: ExponentialBackoff(jitter=1.5), "jitter=1.5 is not valid: use 0 to 1"),
        (lambda: TokenBucket(rate=0), "rate=0 is not valid: use a number of keys per second above 0"),
        (lambda: TokenBucket(rate=float("inf")), "rate=inf is not valid"),
        (lambda: TokenBucket(burst=0), "burst=0 is not valid: use 1 or more"),
        (MaxOf, r"MaxOf\(\) has no limiter"),
    ],
)
def test_a_limiter_that_could_not_limit_is_refused_when_it_is_made(make: Callable[[], object], message: str) -> None:
    """The queue would log a division by zero at each failure, and retry every key after a second."""
    with pytest.raises(ValueError, match=message):
        make()
