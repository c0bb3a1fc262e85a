"""Plans: which fault is injected where, and how a plan is written on a command line.

An effect is a write of the operator that changed something, or a call to the outside that did; one that changed nothing
is a query. Both are numbered as in the run without faults.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal, NamedTuple, get_args

from kaiwu_runtime.errors import ConfigurationError

Pattern = Literal["none", "kill-after", "stale", "unobserved", "refuse", "unanswered", "down"]

REFUSALS = ("409", "429", "500", "lost")
"""How a write is refused; `lost`: it is stored, and the answer does not arrive."""

CALL_FAILURES = ("unsent", "lost")
"""How a call to the outside fails: before it takes effect, or after."""

KILLED = "137"
"""The command of a call is killed before it takes effect: its exit code."""

TIMEOUT = "timeout"
"""The answer of a command that takes effect does not arrive before the operator gives up."""

HANG = "hang"
"""A command does not answer before the operator gives up, and takes no effect."""

_UNANSWERED = (KILLED, TIMEOUT)
"""How a command fails that only asks, which has no effect to take."""

COMMAND_FAILURES = (*_UNANSWERED, HANG)
"""How only a command in a Pod fails."""

COMMAND = "exec in "
"""How the text of a call begins that runs a command in a Pod."""

BEHIND = (1, 3)
"""How many effects a stale cache is behind."""

_NUMBER = re.compile("0*[1-9][0-9]{0,9}")
_PLACES = {"unobserved": "events", "unanswered": "questions to external systems", "down": "steps"}
_FORMS = (
    "kill-after:N, stale:N:K, unobserved:N, refuse:N:409|429|500|lost|unsent|137|timeout|hang, unanswered:N, "
    "unanswered:N:137|timeout or down:N"
)


class Effect(NamedTuple):
    """Something that the operator did.

    Attributes:
        text: For people: ``apply ConfigMap x/a``.
        request: Which write request of the operator it was, from 1; 0 for a call to the outside.
        call: Which call to the outside it was, from 1; 0 for a write, and with a real API server.
    """

    text: str
    request: int
    call: int = 0


class Query(NamedTuple):
    """A call to the outside that changed nothing there.

    Attributes:
        text: For people: ``Engine.is_initialised('a')``.
        call: Which call to the outside it was, from 1.
    """

    text: str
    call: int


class Observed(NamedTuple):
    """An event that was delivered to a watch of the operator.

    Attributes:
        text: For people: ``MODIFIED ConfigMap x/a``.
        stream: Path of the watch, with the media type.
        object: Namespace and name.
        number: Which event of the object on this watch it is, from 1.
    """

    text: str
    stream: str
    object: str
    number: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One fault.

    Attributes:
        pattern: Its kind.
        number: The effect, from 1; for `unobserved` the event, for `unanswered` the query, and for `down` the step in
            which no operator runs.
        detail: For `stale` how many effects the cache is behind, for `refuse` how, for `unanswered` how a command
            fails if it is one that is not just left unanswered.
        about: What happens at this place, for people.
    """

    pattern: Pattern
    number: int = 0
    detail: str = ""
    about: str = field(default="", compare=False)

    def __str__(self) -> str:
        return ":".join(filter(None, (self.pattern, str(self.number or ""), self.detail)))

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Return the plan that is written as ``kill-after:10``.

        Raises:
            ConfigurationError: There is no such plan.
        """
        if text == "none":
            return cls("none")
        pattern, _, rest = text.partition(":")
        number, _, detail = rest.partition(":")
        detail = detail or ("1" if pattern == "stale" else "")
        fitting: dict[str, Collection[str]] = {
            "stale": {detail} if _NUMBER.fullmatch(detail) else (),
            "refuse": {*REFUSALS, *CALL_FAILURES, *COMMAND_FAILURES},
            "unanswered": {"", *_UNANSWERED},
        }
        is_known = pattern in get_args(Pattern) and pattern != "none"
        if not is_known or not _NUMBER.fullmatch(number) or detail not in fitting.get(pattern, {""}):
            raise ConfigurationError(f"PLAN: {_cut(text)!r} is not a plan: use {_FORMS}")
        return cls(pattern, int(number), detail)  # type: ignore[arg-type]


def plans_for(
    effects: Sequence[Effect], events: Sequence[Observed], steps: Sequence[str], queries: Sequence[Query] = ()
) -> list[Plan]:
    """Return every plan for what a run without faults did.

    Args:
        effects: What the operator did.
        events: What it was told.
        steps: What the user did, by name.
        queries: What it asked of the outside.
    """
    numbered = list(enumerate(effects, start=1))
    found = [Plan("kill-after", number, about=effect.text) for number, effect in numbered]
    found += [
        Plan("stale", number, str(behind), effect.text)
        for number, effect in numbered
        for behind in BEHIND
        if behind <= number
    ]
    followed = {(event.stream, event.object, event.number - 1) for event in events}
    found += [
        Plan("unobserved", number, about=event.text)
        for number, event in enumerate(events, start=1)
        if (event.stream, event.object, event.number) in followed
    ]
    found += [Plan("refuse", number, how, effect.text) for number, effect in numbered for how in _refusals(effect)]
    found += [Plan("unanswered", number, about=query.text) for number, query in enumerate(queries, start=1)]
    found += [
        Plan("unanswered", number, how, query.text)
        for number, query in enumerate(queries, start=1)
        for how in (_UNANSWERED if query.text.startswith(COMMAND) else ())
    ]
    return found + [Plan("down", number, about=f"step {name}") for number, name in enumerate(steps, start=1)]


def misplaced(
    plan: Plan,
    effects: Sequence[Effect],
    events: Sequence[Observed],
    steps: Sequence[str],
    queries: Sequence[Query] = (),
) -> str:
    """Return why a plan has no place in a run without faults, for people; empty if it has one.

    Args:
        plan: The plan.
        effects: What the operator did.
        events: What it was told.
        steps: What the user did, by name.
        queries: What it asked of the outside.
    """
    places = {"unobserved": events, "unanswered": queries, "down": steps}.get(plan.pattern, effects)
    if plan.number > len(places):
        return f"{_PLACES.get(plan.pattern, 'effects')} in the run without faults: {len(places)}"
    if plan.pattern == "refuse":
        effect = effects[plan.number - 1]
        if plan.detail not in (fitting := _refusals(effect)):
            return f"effect {plan.number} is {effect.text!r}: use {', '.join(fitting)}"
    if plan.pattern == "unanswered" and plan.detail and not queries[plan.number - 1].text.startswith(COMMAND):
        return f"question {plan.number} is {queries[plan.number - 1].text!r}, which is not a command in a pod"
    return ""


def _refusals(effect: Effect) -> tuple[str, ...]:
    return REFUSALS if effect.request else _call_failures(effect.text)


def _cut(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."


def _call_failures(text: str) -> tuple[str, ...]:
    return (*CALL_FAILURES, *COMMAND_FAILURES) if text.startswith(COMMAND) else CALL_FAILURES


def shuffled(plans: Sequence[Plan], seed: int) -> list[Plan]:
    """Return plans in an order in which any beginning is a fair sample: patterns take turns, each in random order.

    Args:
        plans: All of them.
        seed: Decides the order.
    """
    dice = random.Random(seed)  # noqa: S311 - a sample
    groups: dict[tuple[str, str], list[Plan]] = {}
    for plan in plans:
        groups.setdefault((plan.pattern, plan.detail), []).append(plan)
    for group in groups.values():
        dice.shuffle(group)
    return [plan for turn in zip_longest(*groups.values()) for plan in turn if plan is not None]
