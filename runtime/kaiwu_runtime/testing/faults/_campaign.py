"""Runs a scenario with one fault after another, and compares each end with that of a run without faults."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from kaiwu_runtime.testing.faults._blocked import blocked_again
from kaiwu_runtime.testing.faults._end_state import count_differences, differences, differing_fields
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._plans import Plan, misplaced, plans_for, shuffled
from kaiwu_runtime.testing.faults._run import run
from kaiwu_runtime.testing.faults._scenario import Scenario
from kaiwu_runtime.testing.faults._secrets import hidden

BUDGET_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A plan that did not end as the run without faults.

    Attributes:
        plan: The plan; ``none`` for the run without faults itself.
        text: What is wrong, in one line.
    """

    plan: Plan
    text: str

    def __str__(self) -> str:
        where = f"{self.plan} ({self.plan.about})" if self.plan.about else str(self.plan)
        return f"{where}: {self.text}"


@dataclass(slots=True)
class Report:
    """What a campaign found.

    Attributes:
        seed: With which it can be repeated; against a real API server the sample only.
        plans: How many plans there are.
        ran: How many of them ran.
        unreached: How many of these ended before their fault took place, as the operator did something else.
        findings: What is wrong.
        misplaced: Why the only plan was not run: the run without faults has no such place; empty if it has.
        unsteady: Whether the runs without faults differ from each other, so that nothing can be compared with them.
        seconds: Real seconds that it took.
        reference: The run without faults.
    """

    seed: int
    plans: int = 0
    ran: int = 0
    unreached: int = 0
    findings: list[Finding] = field(default_factory=list)
    misplaced: str = ""
    unsteady: bool = False
    seconds: float = 0.0
    reference: Outcome = field(default_factory=Outcome)


def check(
    scenario: type[Scenario],
    *,
    plan: Plan | None = None,
    seed: int = 0,
    budget: float | None = BUDGET_SECONDS,
    on_reference: Callable[[Outcome, int], None] | None = None,
    on_finding: Callable[[Finding], None] | None = None,
) -> Report:
    """Run a scenario without faults, and then with one fault after another; call it outside of an event loop.

    Args:
        scenario: The scenario's class; each run makes an instance.
        plan: Only this one; None for all.
        seed: Of the random numbers that the operator draws, and of the sample.
        budget: Real seconds after which no other plan begins; None for all plans.
        on_reference: Called after the run without faults, with the number of plans.
        on_finding: Called with each finding.

    Raises:
        ConfigurationError: The scenario has no steps.
    """
    began = time.perf_counter()
    report = Report(seed)

    def found(plan: Plan, text: str) -> None:
        finding = finding_of(reference, plan, text)
        report.findings.append(finding)
        if on_finding is not None:
            on_finding(finding)

    def again() -> Outcome:
        with _unlogged(plan is not None):
            return run(scenario, none, None, seed)

    none = Plan("none")
    with _unlogged(plan not in {None, none}):
        report.reference = reference = run(scenario, none, None, seed)
    wrong = reference.failure or reference.broken
    if reference.blocked and not wrong:  # by an import, perhaps: not a second time in this process
        wrong = blocked_again(reference.blocked, run(scenario, none, None, seed).blocked)
    plans: Sequence[Plan] = []
    if not wrong:
        places = (reference.effects, reference.events, list(reference.states), reference.queries)
        every = plans_for(*places)
        report.plans = len(every)
        plans = shuffled(every, seed)
        if plan is not None:
            report.misplaced = hidden(misplaced(plan, *places), reference.secrets)  # a command may have a password
            plans = only(plan, plans) if not report.misplaced else []
    if on_reference is not None:
        on_reference(reference, report.plans)
    for text in [wrong] if wrong else flaws(reference):
        found(none, text)
    if plan == none and not wrong and (unlike := unsteady(reference, again())):
        report.unsteady = True
        found(none, unlike)
    steady = False
    for each in plans:
        if budget is not None and plan is None and time.perf_counter() - began > budget:
            break
        outcome = run(scenario, each, reference, seed)
        report.ran += 1
        report.unreached += not outcome.reached
        text = compared(reference, outcome)
        if text and not steady:
            if unlike := unsteady(reference, again()):
                report.unsteady = True
                found(none, unlike)
                break
            steady = True
        if text:
            found(each, text)
    report.seconds = time.perf_counter() - began
    return report


def only(plan: Plan, plans: Sequence[Plan]) -> list[Plan]:
    """Return the plan that a user has named, with what is there if it is one of those that a campaign runs.

    Args:
        plan: The user's; for ``none`` there is nothing to run after the run without faults.
        plans: Those of a campaign.
    """
    return [next((each for each in plans if each == plan), plan)] if plan.pattern != "none" else []


def finding_of(reference: Outcome, plan: Plan, text: str) -> Finding:
    """Return a finding that does not show what Secrets contain.

    Args:
        reference: The run without faults, which has made the plan.
        plan: The plan.
        text: What is wrong.
    """
    secrets = reference.secrets
    return Finding(replace(plan, about=hidden(plan.about, secrets)), hidden(text, secrets))


def flaws(reference: Outcome) -> list[str]:
    """Return what is wrong with a run though it came to its end, each in one line.

    The operator leaves objects that nothing owns, or takes fields that another manager has set, or a defaulter changes
    what it made.

    Args:
        reference: The run without faults.
    """
    found = []
    if reference.left:
        step = next(reversed(reference.states), "start")
        cure = "make it with child_of, delete it in finalize, or name its kind in `kept` of the scenario"
        found.append(f"after step {step}: nothing owns {', '.join(reference.left)}, and the operator leaves it: {cure}")
    if reference.overwritten:
        cure = "send only what the operator sets, as client.apply does, or name the field in `ignored` of the scenario"
        found.append(f"{reference.overwritten}: {cure}")
    if reference.unstable:
        cure = "it is called at each write of the object, so let it change only what is not yet as it should be"
        found.append(f"{reference.unstable}: {cure}")
    return found


def unsteady(reference: Outcome, again: Outcome) -> str:
    """Return in what two runs without faults differ, in one line; empty if they do not.

    Args:
        reference: The first run.
        again: The second run.
    """
    text = compared(reference, again)
    if not text:
        return ""
    pairs = [(state, again.states.get(name, {})) for name, state in reference.states.items()]
    fields = list(dict.fromkeys(name for pair in pairs for name in differing_fields(*pair)))
    cure = f"; if this is meant, write ignored = {json.dumps(fields)} in the scenario" if fields else ""
    if any(expected.keys() != state.keys() for expected, state in pairs):
        cure = "; derive the names of objects from their owner, and keep nothing in modules and classes"
    found = f"two runs without faults differ, so others cannot be compared with them: {text}{cure}"
    return hidden(found, again.secrets)


def compared(reference: Outcome, outcome: Outcome) -> str:
    """Return what is wrong with a run, in one line; empty if it ended as the one without faults.

    Args:
        reference: The run without faults.
        outcome: The run.
    """
    return hidden(_compared(reference, outcome), reference.secrets, outcome.secrets)


def _compared(reference: Outcome, outcome: Outcome) -> str:
    if outcome.failure or outcome.broken:
        return outcome.failure or outcome.broken
    for name, expected in reference.states.items():
        if text := differences(expected, outcome.states.get(name, {})):
            return f"after step {name}: {text}"
    return count_differences(reference.created, outcome.created, "created") or count_differences(
        reference.deleted, outcome.deleted, "deleted"
    )


@contextmanager
def _unlogged(silent: bool) -> Iterator[None]:
    """Log nothing: of several runs only that with the plan's fault is shown."""
    before = logging.root.manager.disable
    if silent:
        logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
