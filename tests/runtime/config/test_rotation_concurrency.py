"""Requests that begin, are rejected or are cancelled while another one reads replaced credentials."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kaiwu_runtime.client import HTTPTransport
from kaiwu_runtime.config._rotation import Rotation

from .rotation_cluster import IDENTITIES, Cluster, Write, connected, token_of_a_pod

EVERY_IDENTITY = pytest.mark.parametrize("write", IDENTITIES, ids=lambda write: write.__name__)
READING_SECONDS = 0.1


@pytest.fixture
async def slow_reading(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Keep the thread for a while after it has read the files; the event is set meanwhile."""
    loop = asyncio.get_running_loop()
    read: Callable[..., Any] = Rotation.read
    begun = asyncio.Event()

    def slow(self: Rotation, *, force: bool) -> object:
        found = read(self, force=force)
        loop.call_soon_threadsafe(begun.set)
        time.sleep(READING_SECONDS)
        return found

    monkeypatch.setattr(Rotation, "read", slow)
    return begun


def post(transport: HTTPTransport) -> asyncio.Task[bytes]:
    return asyncio.create_task(transport.request("POST", "/x", body=b"{}"))


@asynccontextmanager
async def with_replaced_credentials(
    cluster: Cluster, write: Write, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[HTTPTransport]:
    """Yield a transport whose credentials were accepted once, and are replaced since."""
    write(cluster, "old")
    cluster.accepted = {"old"}
    async with connected(cluster, monkeypatch, pod=write is token_of_a_pod) as transport:
        await transport.request("GET", "/x")
        write(cluster, "new")
        cluster.accepted = {"new"}
        yield transport


@EVERY_IDENTITY
async def test_requests_that_begin_while_the_files_are_read(
    cluster: Cluster, write: Write, monkeypatch: pytest.MonkeyPatch, slow_reading: asyncio.Event
) -> None:
    async with with_replaced_credentials(cluster, write, monkeypatch) as transport:
        requests = [post(transport)]
        # A token file is read by the event loop: nothing is between.
        await asyncio.wait([*requests, asyncio.create_task(slow_reading.wait())], return_when=asyncio.FIRST_COMPLETED)
        for _ in range(5):
            requests.append(post(transport))
            await asyncio.sleep(READING_SECONDS / 10)
        await asyncio.gather(*requests)


@EVERY_IDENTITY
async def test_a_cancelled_request_does_not_lose_what_it_read(
    cluster: Cluster, write: Write, monkeypatch: pytest.MonkeyPatch, slow_reading: asyncio.Event
) -> None:
    """A reconcile that ran out of time, for example."""
    async with with_replaced_credentials(cluster, write, monkeypatch) as transport:
        request, reading = post(transport), asyncio.create_task(slow_reading.wait())
        await asyncio.wait([request, reading], return_when=asyncio.FIRST_COMPLETED)
        request.cancel()
        reading.cancel()
        await asyncio.wait([request])
        await asyncio.gather(*(post(transport) for _ in range(3)))
        await asyncio.sleep(1.5 * READING_SECONDS)
        await transport.request("POST", "/x", body=b"{}")
    assert cluster.callers[-1] == "new"


@EVERY_IDENTITY
@pytest.mark.parametrize("seed", range(8))
async def test_at_any_moment(
    cluster: Cluster, write: Write, seed: int, monkeypatch: pytest.MonkeyPatch, slow_reading: asyncio.Event
) -> None:
    """Every request that is not cancelled succeeds when the credentials are replaced once before it is rejected."""
    chance = random.Random(seed)
    write(cluster, "0")
    cluster.accepted = {"0"}
    async with connected(cluster, monkeypatch, pod=write is token_of_a_pod) as transport:
        for name in ("1", "2"):
            await transport.request("GET", "/x")
            write(cluster, name)
            cluster.accepted = {name}
            kept: list[asyncio.Task[bytes]] = []
            for _ in range(12):
                request = post(transport)
                if chance.random() < 0.3:
                    asyncio.get_running_loop().call_later(chance.uniform(0, READING_SECONDS), request.cancel)
                else:
                    kept.append(request)
                await asyncio.sleep(chance.choice([0, 0, chance.uniform(0, READING_SECONDS / 3)]))
            await asyncio.gather(*kept)
            assert cluster.callers[-1] == name
