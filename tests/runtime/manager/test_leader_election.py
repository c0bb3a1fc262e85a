"""Giving the Lease back, whatever comes in between; on the API server in memory."""

from __future__ import annotations

import asyncio
import time

import pytest
from lightkube.resources.coordination_v1 import Lease

from kaiwu_runtime import Client
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.manager._leader_election import LeaderElector, LeaseTimings
from kaiwu_runtime.testing import FakeTransport

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


async def test_a_release_without_an_api_server_ends() -> None:
    transport = FakeTransport()
    elector = LeaderElector(lambda: Client(transport), name="l", namespace="x", timings=TIMINGS, identity="a")
    await asyncio.wait_for(elector.acquire(), 10)
    transport.fail("*", None, APIConnectionError("no answer"), 1000)
    began = time.monotonic()
    await elector.release()
    assert time.monotonic() - began < TIMINGS.renew
