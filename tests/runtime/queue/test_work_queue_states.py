"""The work queue against a model of what it promises, through whatever sequence of calls hypothesis finds."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kaiwu_runtime.queue import ExponentialBackoff, Priority, WorkQueue

from .virtual_time import VirtualTimeLoop

KEYS = st.sampled_from("abcd")
PRIORITIES = st.sampled_from(list(Priority))
BASE, MOST, FLOOR = 0.005, 1000.0, 1.0


class WorkQueueMachine(RuleBasedStateMachine):
    """For each key the model knows the earliest moment it may run, or that it need not run at all."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.queue: WorkQueue[str] = self.call(self._make)
        self.wanted: dict[str, float] = {}
        self.running: set[str] = set()
        self.floor: dict[str, float] = {}
        self.failures: dict[str, int] = {}

    async def _make(self) -> WorkQueue[str]:
        return WorkQueue(ExponentialBackoff(BASE, MOST, jitter=0.0))

    def call(self, function: Any, *arguments: Any) -> Any:
        """Run something inside the loop, which the queue asks for the time."""

        async def inside() -> Any:
            result = function(*arguments)
            return await result if hasattr(result, "__await__") else result

        return self.loop.run_until_complete(inside())

    def want(self, key: str, when: float) -> None:
        self.wanted[key] = min(self.wanted.get(key, when), when)

    @rule(key=KEYS, priority=PRIORITIES)
    def add(self, key: str, priority: Priority) -> None:
        self.call(self.queue.add, key, priority)
        self.want(key, max(self.loop.time(), self.floor.get(key, 0.0)))

    @rule(key=KEYS, seconds=st.sampled_from([0.01, 0.5, 7.0, 300.0]), priority=PRIORITIES)
    def add_after(self, key: str, seconds: float, priority: Priority) -> None:
        self.call(self.queue.add_after, key, seconds, priority)
        self.want(key, self.loop.time() + seconds)

    @rule(seconds=st.sampled_from([0.001, 0.02, 1.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.call(asyncio.sleep, seconds)

    @precondition(lambda self: len(self.queue) > 0)
    @rule()
    def take(self) -> None:
        key = self.call(self.queue.get)
        assert key not in self.running, "two workers have one key"
        assert key in self.wanted, "it was not requested again"
        assert self.wanted[key] <= self.loop.time() + 1e-5, "too early"
        self.running.add(key)
        del self.wanted[key]

    @precondition(lambda self: bool(self.running))
    @rule(data=st.data(), succeeds=st.booleans())
    def finish(self, data: st.DataObject, succeeds: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        if succeeds:
            self.call(self.queue.forget, key)
            self.floor.pop(key, None)
            self.failures.pop(key, None)
        else:
            self.fail(key)
        self.call(self.queue.done, key)
        self.running.discard(key)

    def fail(self, key: str) -> None:
        failures = self.failures.get(key, 0)
        self.failures[key] = failures + 1
        expected = min(MOST, BASE * 2**failures)
        assert self.call(self.queue.add_rate_limited, key) == expected
        now = self.loop.time()
        self.floor[key] = now + min(expected, FLOOR)
        # Keys with events in the meantime wait for the minimum; all others wait for the whole back-off.
        asked = self.wanted.get(key)
        self.wanted[key] = now + expected if asked is None else min(max(asked, self.floor[key]), now + expected)

    @invariant()
    def what_is_due_is_there_to_be_taken(self) -> None:
        now = self.loop.time()
        due = {key for key, when in self.wanted.items() if when <= now and key not in self.running}
        assert len(self.queue) >= len(due), f"lost among {due}"
        assert len(self.queue) <= len(self.wanted)
        assert self.queue.processing == len(self.running)
        assert self.queue.delayed <= len(self.wanted)

    def teardown(self) -> None:
        """Whatever was asked for runs in the end, each key once more, and then nothing is left."""
        for key in sorted(self.running):
            self.call(self.queue.forget, key)
            self.call(self.queue.done, key)
        self.call(asyncio.sleep, 2 * MOST)
        left = []
        while len(self.queue):
            left.append(self.call(self.queue.get))
        assert sorted(left) == sorted(self.wanted)
        assert self.queue.delayed == 0
        self.loop.close()


TestWorkQueue = WorkQueueMachine.TestCase
TestWorkQueue.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
