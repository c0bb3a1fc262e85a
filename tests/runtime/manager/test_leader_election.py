"""Giving the Lease back, whatever comes in between; on the API server in memory."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lightkube.resources.coordination_v1 import Lease

from kaiwu_runtime import Client
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.manager._leader_election import LeaderElector, LeaseTimings
from kaiwu_runtime.testing import FakeRequest, FakeTransport

TIMINGS = LeaseTimings(lease=30.0, renew=10.0, retry=0.5)
"""A lease that no test waits for."""


@pytest.mark.parametrize(
    ("verb", "failure"),
    [("patch", 409), ("patch", 500), ("get", 503), ("get", APIConnectionError("reset")), ("patch", 429)],
)
@pytest.mark.parametrize("times", [1, 3])
async def test_a_release_that_fails_is_tried_again(verb: str, failure: int | Exception, times: int) -> None:
    transport = FakeTransport()
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=TIMINGS, identity="a")
    await asyncio.wait_for(elector.acquire(), 10)
    transport.fail(verb, Lease, failure, times)  # type: ignore[arg-type]
    await elector.release()
    lease = await Client(transport).get(Lease, "l", namespace="x")
    assert lease.spec is not None
    assert not lease.spec.holderIdentity


async def test_a_lease_that_another_has_taken_is_left_to_it() -> None:
    transport = FakeTransport()
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=TIMINGS, identity="a")
    await asyncio.wait_for(elector.acquire(), 10)
    await Client(transport).patch(Lease, "l", {"spec": {"holderIdentity": "b"}}, namespace="x")
    await elector.release()
    lease = await Client(transport).get(Lease, "l", namespace="x")
    assert lease.spec is not None
    assert lease.spec.holderIdentity == "b"


@pytest.mark.parametrize("answer", ["late", "lost"])
@pytest.mark.parametrize("present", [False, True], ids=["created", "patched"])
async def test_a_lease_that_is_taken_while_the_candidate_stops_is_given_back(present: bool, answer: str) -> None:
    """Also where the answer never comes: other replicas would wait until it runs out."""
    transport = FakeTransport()
    if present:
        first = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=TIMINGS, identity="first")
        await first.acquire()
        await first.release()
    stored = threading.Event()

    async def answered(_: FakeRequest) -> None:
        if not stored.is_set():
            stored.set()
            await asyncio.sleep(0.1 if answer == "late" else 60)

    transport.after("patch" if present else "create", Lease, answered)
    timings = LeaseTimings(lease=30.0, renew=0.4, retry=0.2)
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=timings, identity="a")
    acquiring = asyncio.create_task(elector.acquire())
    while not stored.is_set():  # noqa: ASYNC110 - of a thread
        await asyncio.sleep(0.005)
    acquiring.cancel()
    await elector.release()
    await elector.release()  # each waits for a while only
    lease = await Client(transport).get(Lease, "l", namespace="x")
    assert lease.spec is not None
    assert not lease.spec.holderIdentity


async def test_a_release_without_an_api_server_ends() -> None:
    transport = FakeTransport()
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=TIMINGS, identity="a")
    await asyncio.wait_for(elector.acquire(), 10)
    transport.fail("*", None, APIConnectionError("no answer"), 1000)
    began = time.monotonic()
    await elector.release()
    assert time.monotonic() - began < TIMINGS.renew


@pytest.mark.parametrize("executor", ["full", "shut down"])
async def test_a_release_needs_no_thread_of_the_event_loop(executor: str) -> None:
    transport = FakeTransport()
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=TIMINGS, identity="a")
    await asyncio.wait_for(elector.acquire(), 10)
    loop = asyncio.get_running_loop()
    go_on = threading.Event()
    threads = ThreadPoolExecutor(1)
    loop.set_default_executor(threads)
    if executor == "full":
        threads.submit(go_on.wait, 60)
    else:
        threads.shutdown()
    try:
        await asyncio.wait_for(elector.release(), 5)
        assert await holder(transport) == ""
    finally:
        go_on.set()
        loop.set_default_executor(ThreadPoolExecutor())


async def holder(transport: FakeTransport) -> str:
    lease = await Client(transport).get(Lease, "l", namespace="x")
    assert lease.spec is not None
    return lease.spec.holderIdentity or ""


async def test_a_lease_that_is_taken_during_the_release_is_given_back() -> None:
    """As when all replicas stop at the same time, and the leader has just released it."""
    transport = FakeTransport()
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=TIMINGS, identity="a")
    under_way, go_on = threading.Event(), threading.Event()

    async def hold(_: object) -> None:
        under_way.set()
        await asyncio.to_thread(go_on.wait, 10)

    transport.before("create", Lease, hold)
    acquiring = asyncio.create_task(elector.acquire())
    assert await asyncio.to_thread(under_way.wait, 10)
    releasing = asyncio.create_task(elector.release())
    await asyncio.sleep(0.05)
    go_on.set()
    await asyncio.wait_for(releasing, 10)
    acquiring.cancel()
    assert await holder(transport) == ""


async def test_others_wait_at_least_as_long_as_the_leader_counts_on() -> None:
    """The Lease has whole seconds; a shorter time than the leader's own would make two of them."""
    transport = FakeTransport()
    timings = LeaseTimings(lease=1.9, renew=1.5, retry=0.1)
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=timings, identity="a")
    await asyncio.wait_for(elector.acquire(), 10)
    lease = await Client(transport).get(Lease, "l", namespace="x")
    assert lease.spec is not None
    assert lease.spec.leaseDurationSeconds == 2
    await elector.release()
