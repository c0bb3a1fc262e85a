"""What happens in a run: the operator's effects, what it is told, and where the plan's fault belongs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from kaiwu_runtime.testing.faults._plans import Effect, Observed, Plan

_MOST_EFFECTS = 1000
_MOST_REQUESTS = 200_000


class History:
    """Counts over all lives of a run.

    Args:
        plan: The fault.
        effects: Those of the run without faults; empty in that run itself.
        check: Looks at the invariants.
    """

    def __init__(self, plan: Plan, effects: list[Effect], check: Callable[[], Awaitable[None]]) -> None:
        self._plan = plan
        self._refused_request = (
            effects[plan.number - 1].request if plan.pattern == "refuse" and plan.number <= len(effects) else 0
        )
        self.check = check
        self.effects: list[Effect] = []
        self.events: list[Observed] = []
        self.reached = plan.pattern == "none"
        self.managers: set[str] = set()
        """Field managers of the operator's writes."""
        self.restless = ""
        """Why the operator was killed for good: it does so much that virtual time stands still."""
        self._most = max(_MOST_EFFECTS, 10 * len(effects))
        self._asked = 0
        self.behind: int = 0
        """The version that the next life's cache sees; 0 for the newest."""
        self._requests = 0
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
            self.reached = True
            return self._requests, self._plan.detail
        return self._requests, ""

    def written_at(self, version: int) -> None:
        """Note the version that the server had before the write that is counted next."""
        self._version = version

    def effect(self, text: str, request: int, *, command: bool = False) -> bool:
        """Count an effect, and return whether the operator is killed after it."""
        self.effects.append(Effect(text, request, command))
        self._versions.append(self._version)
        if len(self.effects) > self._most:
            self.restless = f"{len(self.effects)} effects"
            return True
        plan, number = self._plan, len(self.effects)
        if plan.pattern not in {"kill-after", "stale"} or number != plan.number:
            return False
        self.reached = True
        if plan.pattern == "stale":
            self.behind = self._versions[max(0, number - int(plan.detail))]
        return True

    def loses_answer(self) -> bool:
        """Return whether the answer of the last effect, a command in a pod, is lost."""
        plan = self._plan
        found = (plan.pattern, plan.number, plan.detail) == ("refuse", len(self.effects), "lost")
        self.reached |= found
        return found

    def is_down(self, step: int) -> bool:
        """Return whether the operator does not run during a step."""
        found = self._plan.pattern == "down" and self._plan.number == step
        self.reached |= found
        return found

    def next_event(self, stream: str, key: str) -> int:
        """Return which event of an object on a watch this is, from 1."""
        self._counts[stream, key] += 1
        return self._counts[stream, key]

    def observe(self, event: Observed) -> bool:
        """Count an event, and return whether it is held back."""
        self.events.append(event)
        if self._plan.pattern != "unobserved" or len(self.events) != self._plan.number:
            return False
        self.reached = True
        return True
