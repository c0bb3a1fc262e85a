"""An event that is held back is lost only if a later one of the same object is delivered in its place."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.testing import FakeTransport, virtual_time
from kaiwu_runtime.testing.faults import Plan
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._history import History
from kaiwu_runtime.testing.faults._life import HELD_SECONDS, OperatorLife

PATH = "/api/v1/configmaps"


async def unchecked() -> None:
    """Look at no invariant."""


async def delivered(plan: str, error: Exception | None, *, idle: float, seconds: str, after: float) -> list[str]:
    """Return the objects of a watch that ends some seconds after the last change."""
    server = FakeTransport()
    life = OperatorLife(
        server,
        History(Plan.parse(plan), None, unchecked),
        lambda: None,
        changes=Changes({}),
        failure=lambda _kind, call, _lost: ConnectionError(call),
    )
    seen: list[str] = []
    query = {"watch": "1", "resourceVersion": str(server.version), "timeoutSeconds": seconds}

    async def watch() -> None:
        async with aclosing(life.stream(PATH, params=query, idle_timeout=idle)) as lines:
            async for line in lines:
                seen.append(json.loads(line)["object"]["metadata"]["name"])  # noqa: PERF401 - also before an error

    watching = asyncio.create_task(watch())
    await asyncio.sleep(1)
    for name in ("a", "b"):
        await Client(server).create(ConfigMap(metadata=ObjectMeta(name=name, namespace="x")))
    await asyncio.sleep(after)
    if error is not None or seconds == "9999":
        server.end_watches(ConfigMap, error)
    ended = (await asyncio.gather(watching, return_exceptions=True))[0]
    assert (ended is None) == (error is None and idle > float(seconds))
    return seen


@pytest.mark.parametrize("after", [0.0, HELD_SECONDS / 2, HELD_SECONDS * 2])
@pytest.mark.parametrize("plan", ["none", "unobserved:1", "unobserved:2"])
@pytest.mark.parametrize(
    ("error", "idle", "seconds"),
    [
        pytest.param(None, 1e5, "9999", id="the server ends it"),
        pytest.param(None, 1e5, "5", id="its time is over"),
        pytest.param(None, 5.0, "99", id="nothing comes for too long"),
        pytest.param(APIConnectionError("reset"), 1e5, "9999", id="it breaks"),
    ],
)
def test_the_last_state_arrives_however_the_watch_ends(
    plan: str, error: Exception | None, idle: float, seconds: str, after: float
) -> None:
    with virtual_time() as clock:
        seen = clock.run(delivered(plan, error, idle=idle, seconds=seconds, after=after))
    assert sorted(seen) == ["a", "b"]
