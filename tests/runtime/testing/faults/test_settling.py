"""When a step has settled, and what a run says that does not come to its end."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Manager, ObjectKey, Request, Result, RetryAfter, TerminalError
from kaiwu_runtime.testing import wait_for
from kaiwu_runtime.testing.faults import Cluster, check, step
from kaiwu_runtime.testing.faults._unsettled import false_value, is_behind

from ..api import Gadget
from ..test_unplayable import UNPLAYABLE
from .workers import Once, Worker, config_map, outcome


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


def test_a_false_settled_is_reported_with_the_reconcile_that_fails() -> None:
    class Broken(Worker):
        async def reconcile(self, request: Request) -> Result:
            raise ValueError("no such plan")

    class Unsettled(Once):
        worker = Broken

        async def settled(self, cluster: Cluster) -> object:
            return await cluster.client.find(Gadget, "a", namespace="default") is None

    report = check(Unsettled, budget=None)
    reason = "settled() returned a false value; reconcile of gadget default/a fails: ValueError: no such plan"
    assert [str(finding) for finding in report.findings] == [f"none: step create: not settled after 3600 s: {reason}"]


@pytest.mark.parametrize(
    ("change", "behind"),
    [
        ({}, False),
        ({"status": None}, False),
        ({"status": {"observedGeneration": 2}}, False),
        ({"status": {"observedGeneration": 1}}, True),
        ({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, True),
        ({"apiVersion": "apps/v1", "status": {"observedGeneration": 1}}, False),
        ({"apiVersion": "batch.k8s.io/v1", "status": {"observedGeneration": 1}}, False),
    ],
)
def test_an_operator_may_come_late_to_what_changed(change: dict[str, Any], behind: bool) -> None:
    site = {"apiVersion": "web.example.com/v1", "kind": "Site", "metadata": {"name": "a", "generation": 2}}
    assert is_behind([{**site, **change}]) == behind


@pytest.mark.parametrize("error", [RetryAfter("two members are missing", seconds=5), TerminalError("no such plan")])
def test_a_false_settled_is_reported_with_what_the_reconciler_means(error: Exception) -> None:
    class Waits(Worker):
        async def reconcile(self, request: Request) -> Result:
            raise error

    class Unsettled(Once):
        worker = Waits

        async def settled(self, cluster: Cluster) -> object:
            return await cluster.client.find(Gadget, "a", namespace="default") is None

    report = check(Unsettled, budget=None)
    reason = f"settled() returned a false value; reconcile of gadget default/a: {error}"
    assert [str(finding) for finding in report.findings] == [f"none: step create: not settled after 3600 s: {reason}"]


def test_a_false_settled_is_reported_with_the_conditions() -> None:
    condition = {"type": "Ready", "status": "False", "reason": "Scaling", "message": "1 of 3 members"}
    site: dict[str, Any] = {
        "apiVersion": "web.example.com/v1",
        "kind": "Site",
        "metadata": {"name": "a", "namespace": "x"},
        "status": {"conditions": [{"type": "Known", "status": "True"}, condition]},
    }
    said = "settled() returned a false value; Site x/a: Ready is False: Scaling: 1 of 3 members"
    assert false_value([site], [""]) == said
    assert (
        false_value([{**site, "apiVersion": "apps/v1"}], ["late", "later"]) == "settled() returned a false value; late"
    )
    unlike: list[Any] = [None, [], {"conditions": None}, {"conditions": ["Ready"]}, {"conditions": [{"type": "Ready"}]}]
    assert false_value([{**site, "status": each} for each in unlike], []) == "settled() returned a false value"
    bare = {**site, "metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert false_value([bare] * 9, []).count("; Site a: Ready is False") == 3


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


def test_a_cluster_that_cannot_be_played_is_a_finding() -> None:
    class Unplayable(Once):
        @step
        async def create(self, cluster: Cluster) -> None:
            body = json.dumps(UNPLAYABLE).encode()
            await cluster.client.transport.request("POST", "/apis/apps/v1/namespaces/x/deployments", body=body)

    report = check(Unplayable, budget=None)
    assert "the simulator has failed: ValueError: Deployment x/bad cannot be played" in report.findings[0].text


class Waiting(Once):
    """Its step waits for what the operator makes, and uses it."""

    @step
    async def create(self, cluster: Cluster) -> None:
        await super().create(cluster)
        await wait_for(cluster.client, ConfigMap, ObjectKey(cluster.namespace, "a"))
        await cluster.client.patch(ConfigMap, "a", {"data": {"by": "a user"}}, namespace=cluster.namespace)


class Quiet(Worker):
    async def reconcile(self, request: Request) -> Result:
        await self.client.patch(
            Gadget, request.name, {"metadata": {"labels": {"seen": "yes"}}}, namespace=request.namespace
        )
        await self.client.apply(config_map("a"))
        return Result()


def test_a_step_can_wait_for_an_operator_that_is_killed_or_down() -> None:
    report = check(type("Waits", (Waiting,), {"worker": Quiet}), budget=None)
    assert [str(finding) for finding in report.findings] == []
    assert report.ran == report.plans > 10
    assert report.unreached == 0


def test_a_step_that_waits_in_vain_says_why() -> None:
    class Hopeless(Quiet):
        async def reconcile(self, request: Request) -> Result:
            return Result()

    report = check(type("Vain", (Waiting,), {"worker": Hopeless}), budget=None)
    assert [str(finding) for finding in report.findings] == [
        "none: step create: TimeoutError: ConfigMap default/a: condition not met within 30 s: it does not exist"
    ]

    class Gone(Quiet):
        def setup_with_manager(self, manager: Manager) -> None:
            super().setup_with_manager(manager)
            manager.add(Crash())

    class Crash:
        async def run(self) -> None:
            raise OSError("disk full")

    class Patient(Waiting):
        @step
        async def create(self, cluster: Cluster) -> None:
            await wait_for(cluster.client, ConfigMap, ObjectKey(cluster.namespace, "none"), timeout=10_000)

    report = check(type("Ends", (Patient,), {"worker": Gone}), budget=None)
    assert "the operator ends again and again: OSError: disk full" in report.findings[0].text


@pytest.mark.parametrize("error", [TerminalError("as it is meant"), RetryAfter("later", seconds=300)])
def test_what_a_reconciler_means_does_not_count(error: Exception) -> None:
    class Meant(Worker):
        async def reconcile(self, request: Request) -> Result:
            raise error

    assert outcome(Meant, "none")[0].failure == ""
