"""After any history of writes, an operator that leaves out unchanged applies has what one has that sends them all.

Its cache is current whenever it writes: a watch that is late is another matter.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lightkube.resources.apps_v1 import Deployment

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.generator import build_crds

from .histories import KINDS, STEPS, Side, Thing

pytestmark = pytest.mark.envtest

EXAMPLES = int(os.environ.get("KAIWU_HISTORIES", "60"))

_names = (f"h{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def things(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, str]]:
    file = tmp_path_factory.mktemp("crds") / "crd.yaml"
    (crd,) = build_crds([Thing])
    file.write_text(yaml.safe_dump(crd.manifest))
    control_plane.install_crds(file)
    yield control_plane.kubeconfig, control_plane.create_namespace(), control_plane.create_namespace()
    control_plane.rest.request(
        "DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.history.example.com"
    )


@asynccontextmanager
async def clients(kubeconfig: Path, namespace: str) -> AsyncIterator[tuple[CachedClient, Client, Client, Cache]]:
    """Yield a client that leaves out applies, one that does not, another one, and the cache of the first."""
    other = Client.connect(kubeconfig)
    cache = Cache(other.transport, namespaces=[namespace])
    running = asyncio.create_task(cache.run())
    remembering = CachedClient(Client(other.transport, field_manager="operator"), cache)
    try:
        yield remembering, Client(other.transport, field_manager="operator"), other, cache
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await other.close()


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(KINDS), STEPS)
@example(Thing, [("other_clears_owners",), ("settle",), ("reconcile", 1), ("want", "k0", None)])
@example(Thing, [("other_clears_owners",), ("other_writes_status", 1), ("reconcile", 1), ("want", "k0", None)])
@example(Thing, [("other_writes_status", 1), ("other_clears_owners",), ("reconcile", 1), ("want", "k0", None)])
@example(Deployment, [("other_clears_owners",), ("other_writes_status", 1), ("reconcile", 1), ("want", "k0", None)])
@example(Thing, [("other_takes_and_restores", "k0"), ("other_writes_status", 1)])
def test_after_any_history(things: tuple[Path, str, str], kind: type[Any], steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(_after(things, kind, steps))


async def _after(things: tuple[Path, str, str], kind: type[Any], steps: list[tuple[Any, ...]]) -> None:
    kubeconfig, one, two = things
    async with clients(kubeconfig, one) as (remembering, forgetful, other, cache):
        await remembering.list(kind)
        name = next(_names)
        sides = (
            Side(kind, ObjectKey(one, name), remembering, other, cache),
            Side(kind, ObjectKey(two, name), forgetful, other, None),
        )
        history = [("reconcile", 1), *steps, ("settle",), ("reconcile", 1), ("settle",), ("reconcile", 1)]
        for step in history:
            if step[0].startswith(("reconcile", "own_")):
                await sides[0].settle()
            ends = [await side.do(step) for side in sides]
            assert ends[0] == ends[1], step
        found, expected = [await side.state() for side in sides]
        for side in sides:
            await side.remove()
        assert found == expected
