"""The rules of leader election one by one, with quick timings, inside one process.

What becomes of whole processes is in test_processes_on_server.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.manager._leader_election import LeaderElector, LeaseTimings

from .processes import proxied_server

pytestmark = pytest.mark.envtest

QUICK = LeaseTimings(lease=3.0, renew=1.0, retry=0.1)
NAME = "election.example.com"


class Candidates:
    """Electors for one Lease, and what became of them."""

    def __init__(self, control_plane: ControlPlane, namespace: str, client: Client) -> None:
        self.control_plane = control_plane
        self.namespace = namespace
        self.client = client
        self.lost: list[tuple[str, float]] = []
        self.electors: list[LeaderElector] = []

    def candidate(self, identity: str, kubeconfig: Path | None = None) -> LeaderElector:
        path = kubeconfig or self.control_plane.kubeconfig
        elector = LeaderElector(
            lambda: Client.connect(path),
            name=NAME,
            namespace=self.namespace,
            timings=QUICK,
            identity=identity,
            on_lost=lambda reason: self.lost.append((f"{identity}: {reason}", time.monotonic())),
        )
        self.electors.append(elector)
        return elector

    async def spec(self) -> LeaseSpec:
        lease = await self.client.get(Lease, NAME, namespace=self.namespace)
        assert lease.spec is not None
        return lease.spec

    async def take_by_hand(self, holder: str) -> None:
        await self.client.patch(Lease, NAME, {"spec": {"holderIdentity": holder}}, namespace=self.namespace)


@pytest.fixture
async def candidates(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Candidates]:
    async with Client.connect(control_plane.kubeconfig) as client:
        given = Candidates(control_plane, namespace, client)
        yield given
        for elector in given.electors:
            await elector.release()


async def test_the_first_one_creates_the_lease_and_renews_it(candidates: Candidates) -> None:
    elector = candidates.candidate("a")
    assert not elector.is_leader
    await asyncio.wait_for(elector.acquire(), 10)
    assert elector.is_leader
    first = await candidates.spec()
    assert (first.holderIdentity, first.leaseDurationSeconds, first.leaseTransitions) == ("a", 3, 0)
    async with asyncio.timeout(5):
        while (await candidates.spec()).renewTime == first.renewTime:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    renewed = await candidates.spec()
    assert renewed.acquireTime == first.acquireTime, "renewing is not acquiring"
    assert candidates.lost == []


async def test_a_release_hands_over_at_once_and_counts_a_transition(candidates: Candidates) -> None:
    first, second = candidates.candidate("a"), candidates.candidate("b")
    await asyncio.wait_for(first.acquire(), 10)
    waiting = asyncio.create_task(second.acquire())
    began = time.monotonic()
    await first.release()
    assert not first.is_leader
    await asyncio.wait_for(waiting, 10)
    assert time.monotonic() - began < QUICK.lease, "the next leader did not have to wait for it to run out"
    spec = await candidates.spec()
    assert (spec.holderIdentity, spec.leaseTransitions) == ("b", 1), "as client-go counts"
    assert candidates.lost == []


async def test_a_candidate_waits_a_whole_lease_from_when_it_first_saw_it(candidates: Candidates) -> None:
    """The times in the Lease are another machine's: a clock that is a day behind must not cost the leadership."""
    await candidates.client.create(
        Lease(
            metadata=ObjectMeta(name=NAME, namespace=candidates.namespace),
            spec=LeaseSpec(holderIdentity="silent", leaseDurationSeconds=2),
        )
    )
    await candidates.client.patch(
        Lease, NAME, {"spec": {"renewTime": "2001-01-01T00:00:00.000000Z"}}, namespace=candidates.namespace
    )
    elector = candidates.candidate("a")
    began = time.monotonic()
    await asyncio.wait_for(elector.acquire(), 10)
    assert time.monotonic() - began >= 2.0


async def test_of_many_candidates_one_leads(candidates: Candidates) -> None:
    electors = [candidates.candidate(f"c{number}") for number in range(5)]
    waiting = [asyncio.create_task(elector.acquire()) for elector in electors]
    done, pending = await asyncio.wait(waiting, timeout=2.0, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    assert len(pending) == 4
    await asyncio.sleep(2 * QUICK.retry)
    assert sum(elector.is_leader for elector in electors) == 1
    for task in pending:
        task.cancel()


async def test_a_leader_whose_lease_was_taken_stops_leading(candidates: Candidates) -> None:
    elector = candidates.candidate("a")
    await asyncio.wait_for(elector.acquire(), 10)
    await candidates.take_by_hand("another process")
    began = time.monotonic()
    async with asyncio.timeout(10):
        while not candidates.lost:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert candidates.lost[0][1] - began <= QUICK.renew + 1.0
    assert (await candidates.spec()).holderIdentity == "another process", "it took nothing back"


@pytest.mark.parametrize("fault", ["cut off", "half open"])
async def test_a_leader_that_cannot_renew_gives_up_before_another_may_lead(
    candidates: Candidates, tmp_path: Path, fault: str
) -> None:
    async with proxied_server(candidates.control_plane, tmp_path) as (proxy, through):
        elector = candidates.candidate("a", through)
        await asyncio.wait_for(elector.acquire(), 10)
        other = candidates.candidate("b")
        waiting = asyncio.create_task(other.acquire())
        began = time.monotonic()
        if fault == "cut off":
            proxy.cut_off()
        else:
            proxy.stall()
        await asyncio.wait_for(waiting, 15)
        taken = time.monotonic()
        assert candidates.lost, "the first one was not notified"
        assert candidates.lost[0][1] - began <= QUICK.renew + 0.5
        assert taken - candidates.lost[0][1] >= QUICK.lease - QUICK.renew - 1.0
        assert not elector.is_leader


async def test_a_blocked_event_loop_does_not_cost_the_leadership(candidates: Candidates) -> None:
    elector = candidates.candidate("a")
    await asyncio.wait_for(elector.acquire(), 10)
    time.sleep(QUICK.lease + 0.5)  # noqa: ASYNC251 - what a careless reconciler does
    assert elector.is_leader
    assert candidates.lost == []


async def test_no_permission_for_the_lease_is_told(
    candidates: Candidates, control_plane: ControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    elector = candidates.candidate("a", control_plane.add_user("no-leases"))
    waiting = asyncio.create_task(elector.acquire())
    async with asyncio.timeout(10):
        while not any(record.getMessage() == "No permission for the Lease" for record in caplog.records):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert "leases" in record.error  # type: ignore[attr-defined]
    waiting.cancel()


def test_a_check_after_a_pause_ends_the_leadership() -> None:
    lost: list[str] = []
    elector = LeaderElector(Client.connect, name=NAME, namespace="x", timings=QUICK, on_lost=lost.append)
    elector.check()
    assert lost == [], "it never led"
    elector._elected.set()
    elector._renewed_at = time.monotonic() - QUICK.lease + 1.0
    elector.check()
    assert lost == []
    elector._renewed_at = time.monotonic() - QUICK.lease
    elector.check()
    assert len(lost) == 1


@pytest.mark.parametrize("timings", [(10.0, 15.0, 2.0), (15.0, 10.0, 10.0), (15.0, 10.0, 0.0), (15.0, 15.0, 2.0)])
def test_timings_that_cannot_be_safe_are_refused(timings: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="lease > renew > retry > 0"):
        LeaseTimings(*timings)
