"""When a step has settled, and what a run says that does not come to its end."""

from __future__ import annotations

import time

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Request, Result, RetryAfter, TerminalError
from kaiwu_runtime.testing.faults import Cluster, check, step

from ..api import Gadget
from .workers import Once, Worker, outcome


def test_an_operator_that_never_rests_is_a_finding_and_not_a_hang() -> None:
    class Restless(Worker):
        async def reconcile(self, request: Request) -> Result:
            while True:
                await self.client.patch(
                    Gadget, "a", {"metadata": {"labels": {"n": str(time.perf_counter_ns())}}}, namespace="default"
                )

    report = check(type("Restless", (Once,), {"worker": Restless}), budget=None)
    assert "does not come to rest" in report.findings[0].text


def test_a_step_that_fails_is_a_finding() -> None:
    class Failing(Once):
        @step
        async def change(self, cluster: Cluster) -> None:
            await cluster.client.get(ConfigMap, "missing", namespace="x")

        @step
        async def wait(self, cluster: Cluster) -> None:
            raise AssertionError("never reached")

    report = check(Failing, budget=None)
    assert [str(finding) for finding in report.findings] == ['none: step change: configmaps "missing" not found']


def test_settled_says_why_not() -> None:
    class Unsettled(Once):
        limit = 100.0

        async def settled(self, cluster: Cluster) -> object:
            assert await cluster.client.find(ConfigMap, "never", namespace="x"), "no ConfigMap"
            return True

    report = check(Unsettled, budget=None)
    assert "not settled after 100 s: settled: AssertionError: no ConfigMap" in report.findings[0].text


def test_a_reconcile_that_fails_forever_has_not_settled() -> None:
    class Broken(Worker):
        async def reconcile(self, request: Request) -> Result:
            raise ValueError("no such plan")

    report = check(type("Broken", (Once,), {"worker": Broken}), budget=None)
    assert [str(finding) for finding in report.findings] == [
        "none: step create: not settled after 3600 s: reconcile of gadget default/a fails: ValueError: no such plan"
    ]


def test_a_reconcile_that_fails_at_first_settles() -> None:
    class Slow(Worker):
        async def reconcile(self, request: Request) -> Result:
            self.log.note("tried")
            if len(self.log.done) < 18:  # the back-off grows beyond the minute after which a step has settled
                raise ValueError("not yet")
            return Result()

    reference, log = outcome(Slow, "none")
    assert reference.failure == ""
    assert len(log) == 18


@pytest.mark.parametrize("error", [TerminalError("as it is meant"), RetryAfter("later", seconds=300)])
def test_what_a_reconciler_means_does_not_count(error: Exception) -> None:
    class Meant(Worker):
        async def reconcile(self, request: Request) -> Result:
            raise error

    assert outcome(Meant, "none")[0].failure == ""
