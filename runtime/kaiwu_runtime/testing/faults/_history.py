"""What happens in a run: the operator's effects, what it is told, and where the plan's fault belongs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._plans import (
    CALL_FAILURES,
    COMMAND,
    COMMAND_FAILURES,
    REFUSALS,
    Effect,
    Observed,
    Plan,
    Query,
)

logger = logging.getLogger("kaiwu_runtime.testing.faults")

_MOST_EFFECTS = 1000
_MOST_REQUESTS = 200_000


class History:
    """Counts over all lives of a run.

    Args:
        plan: The fault.
        reference: The run without faults; None in that run itself.
        check: Looks at the invariants.
    """

    def __init__(self, plan: Plan, reference: Outcome | None, check: Callable[[], Awaitable[None]]) -> None:
        self._plan = plan
        self._refused_request, number = _refused(plan, reference)
        self._refused_call = _FailingCall(number, reference.calls if number and reference is not None else ())
        self.check = check
        self.effects: list[Effect] = []
        self.events: list[Observed] = []
        self.queries: list[Query] = []
        self.calls: list[str] = []
        self.reached = plan.pattern == "none"
        self.hanging = 0
        """How many commands do not answer: the operator waits for them."""
        self.managers: set[str] = set()
        """Field managers of the operator's writes."""
        self.restless = ""
        """Why the operator was killed for good: it does so much that virtual time stands still."""
        self._most = max(_MOST_EFFECTS, 10 * len(reference.effects) if reference is not None else 0)
        self._asked = 0
        self.behind: int = 0
        """The version that the next life's cache sees; 0 for the newest."""
        self._requests = 0
        self._asked_since: set[str] = set()
        self._versions: list[int] = []
        self._version = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last_version = 0

    def request(self) -> bool:
        """Count a request, and return whether there were too many."""
        self._asked += 1
        if self._asked > _MOST_REQUESTS:
            self.restless = f"{self._asked} requests"
        return bool(self.restless)

    def write(self) -> tuple[int, str]:
        """Count a write request, and return its number and how it is refused, or an empty text."""
        self._requests += 1
        if self._refused_request and self._requests == self._refused_request:
            self._reach()
            return self._requests, self._plan.detail
        return self._requests, ""

    def call(self, text: str) -> tuple[int, str]:
        """Count a call to the outside, and return its number and how it fails, or an empty text."""
        self.calls.append(text)
        number = len(self.calls)
        if self._refused_call.is_it(number, text):
            self._reach()
            return number, self._plan.detail or "unsent"
        return number, ""

    def query(self, text: str, call: int) -> None:
        """Note a call that changed nothing; the same one again is another only after an effect."""
        if text not in self._asked_since:
            self._asked_since.add(text)
            self.queries.append(Query(text, call))

    def written_at(self, version: int) -> None:
        """Note the version that the server had before the write that is counted next."""
        self._version = version

    def effect(self, text: str, request: int, call: int = 0) -> bool:
        """Count an effect, and return whether the operator is killed after it."""
        self.effects.append(Effect(text, request, call))
        self._asked_since.clear()
        self._versions.append(self._version)
        if len(self.effects) > self._most:
            self.restless = f"{len(self.effects)} effects"
            return True
        plan, number = self._plan, len(self.effects)
        if plan.pattern not in {"kill-after", "stale"} or number != plan.number:
            return False
        self._reach()
        if plan.pattern == "stale":
            self.behind = self._versions[max(0, number - int(plan.detail))]
        return True

    def is_down(self, step: int) -> bool:
        """Return whether the operator does not run during a step."""
        found = self._plan.pattern == "down" and self._plan.number == step
        if found:
            self._reach()
        return found

    def _reach(self) -> None:
        self.reached = True
        logger.info("Fault of the plan", extra={"plan": str(self._plan), "at": self._plan.about})

    def next_event(self, stream: str, key: str) -> int:
        """Return which event of an object on a watch this is, from 1."""
        self._counts[stream, key] += 1
        return self._counts[stream, key]

    def observe(self, event: Observed) -> bool:
        """Count an event, and return whether it is held back."""
        self.events.append(event)
        if self._plan.pattern != "unobserved" or len(self.events) != self._plan.number:
            return False
        self._reach()
        return True


class _FailingCall:
    """The call that the plan lets fail: the same as in the run without faults, also if threads or tasks change places.

    Args:
        number: Which call it was there, from 1; 0 for none.
        calls: The calls there.
    """

    def __init__(self, number: int, calls: Sequence[str]) -> None:
        self._number = number
        self._known = frozenset(calls)
        self._text = calls[number - 1] if number else ""
        self._to_pass = calls[: number - 1].count(self._text) if number else 0
        self._is_over = not number

    def is_it(self, number: int, text: str) -> bool:
        """Return whether a call is the one.

        Args:
            number: Which call it is, from 1.
            text: For people. One that differs from run to run, as by a time, is known by its number.
        """
        if self._is_over:
            return False
        if text == self._text:
            self._to_pass -= 1
        self._is_over = (text == self._text and self._to_pass < 0) or (
            number == self._number and text not in self._known
        )
        return self._is_over


def _refused(plan: Plan, reference: Outcome | None) -> tuple[int, int]:
    """Return which write request is refused, and which call to the outside fails; 0 for none."""
    if reference is None:
        return 0, 0
    if plan.pattern == "unanswered" and plan.number <= len(reference.queries):
        asked = reference.queries[plan.number - 1]
        return 0, asked.call if _fits(plan, asked.text) else 0
    if plan.pattern == "refuse" and plan.number <= len(reference.effects):
        text, request, call = reference.effects[plan.number - 1]
        is_of_call = plan.detail in {*CALL_FAILURES, *COMMAND_FAILURES} and _fits(plan, text)
        return request if plan.detail in REFUSALS else 0, call if is_of_call else 0
    return 0, 0


def _fits(plan: Plan, text: str) -> bool:
    """Return whether what fails can fail like that."""
    return plan.detail not in COMMAND_FAILURES or text.startswith(COMMAND)
