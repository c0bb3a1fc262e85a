"""Which configurations are measured, and in which order the contenders come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def configurations(objects: Sequence[int], workers: Sequence[int]) -> list[tuple[int, int]]:
    """Return pairs of objects and workers: every number of objects with the first of workers, and the reverse.

    Not all combinations: the two series show how cost grows, at a fraction of the time.
    """
    pairs = [(count, workers[0]) for count in objects] + [(objects[0], count) for count in workers]
    return list(dict.fromkeys(pairs))


def order(contenders: Sequence[T], round_number: int) -> list[T]:
    """Return the contenders of a round: each round begins with the next, every other one runs backwards.

    So none always runs on the API server that another has just warmed, or bloated.
    """
    first = round_number % len(contenders)
    rotated = [*contenders[first:], *contenders[:first]]
    return rotated[::-1] if round_number % 2 else rotated
