"""What a run of a scenario came to, in memory or against a real API server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kaiwu_runtime.testing.faults._end_state import State
from kaiwu_runtime.testing.faults._plans import Effect, Observed, Query
from kaiwu_runtime.testing.faults._secrets import Secrets


class RunFailed(Exception):  # noqa: N818 - a finding
    """A run did not come to its end; the message is the finding."""


@dataclass(slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        effects: What the operator did.
        events: What it was told.
        queries: What it asked of the outside: the same question once between two effects.
        calls: Every call to the outside, in the order in which they began.
        states: The state after each step, by the step's name.
        created: Number of creations, by kind.
        deleted: Number of deletions, by kind.
        left: The objects that the operator has made and nothing removes, when all it was made for is gone.
        blocked: The first reconcile of each controller that blocked the event loop, as a sentence.
        overwritten: What the operator took from another manager first, as a sentence.
        unstable: The first defaulter that changed its own result, as a sentence.
        broken: The first invariant that did not hold, as a sentence.
        failure: Why the run did not come to its end; empty if it did.
        reached: Whether the fault took place.
        secrets: What no finding may show.
        seconds: Real seconds that it took.
    """

    effects: list[Effect] = field(default_factory=list)
    events: list[Observed] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)
    blocked: dict[str, str] = field(default_factory=dict)
    overwritten: str = ""
    unstable: str = ""
    broken: str = ""
    failure: str = ""
    reached: bool = False
    secrets: Secrets = field(default_factory=Secrets)
    seconds: float = 0.0
