"""A cache that a field selector limits: a read waits for what it will get, and for nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.cache import _cache as cache_module
from kaiwu_runtime.client import Client, MetadataClient
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import APIConnectionError

from ..crds import install
from ..testing.test_read_your_writes_on_both import Late

pytestmark = pytest.mark.envtest


class RingSpec(APIModel):
    team: str = ""
    size: int = 0


@resource(group="rings.example.com", version="v1", selectable_fields=[".spec.team"])
class Ring(CustomResource):
    spec: RingSpec = RingSpec()


@asynccontextmanager
async def selected(
    client: Client, kind: type[Any], *, label_selector: str = "", field_selector: str = ""
) -> AsyncIterator[tuple[CachedClient, Late]]:
    """Return a client whose cache gets a selection, late."""
    transport = Late(client.transport, lambda: 0.05)
    cache = Cache(transport, namespaces=(client.namespace,))
    cache.configure(kind, label_selector=label_selector, field_selector=field_selector)
    cache.informer(kind)
    running = asyncio.create_task(cache.run())
    try:
        await cache.wait_for_sync()
        yield CachedClient(Client(transport, namespace=client.namespace), cache), transport
    finally:
        transport.flows.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def here(client: Client, namespace: str) -> Client:
    return Client(client.transport, namespace=namespace)


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "WAIT_SECONDS", 3.0)


def ring(client: Client, name: str, team: str, size: int = 0) -> Ring:
    metadata = ObjectMeta(name=name, namespace=client.namespace)
    return Ring(metadata=metadata, spec=RingSpec(team=team, size=size))


async def held(reader: CachedClient) -> dict[str, int]:
    found = await reader.list(Ring)
    return {each.metadata.name or "": each.spec.size for each in found}


async def test_what_a_selector_of_a_custom_field_has(here: Client, control_plane: ControlPlane, tmp_path: Path) -> None:
    install(control_plane, [Ring], tmp_path)
    async with selected(here, Ring, field_selector="spec.team=x") as (reader, transport):
        await reader.create(ring(here, "a", "x"))
        assert await held(reader) == {"a": 0}
        for size in (1, 2):
            await reader.apply(ring(here, "a", "x", size), force=True)
            assert await held(reader) == {"a": size}
        await reader.create(ring(here, "b", "y"))
        await reader.patch(Ring, "b", {"spec": {"team": "x"}}, namespace=here.namespace)
        assert await held(reader) == {"a": 2, "b": 0}
        await reader.patch(Ring, "a", {"spec": {"team": "z"}}, namespace=here.namespace)
        assert await held(reader) == {"b": 0}
        transport.flows.clear()  # the watch is blocked: what it does not show must not be waited for
        async with asyncio.timeout(9):
            for size in (3, 4):
                await reader.apply(ring(here, "a", "z", size), force=True)
                await reader.create(ring(here, f"c{size}", "z"))
                assert await held(reader) == {"b": 0}
            await MetadataClient(reader).patch(
                Ring, "a", {"metadata": {"labels": {"n": "1"}}}, namespace=here.namespace
            )
            await reader.delete(Ring, "a", namespace=here.namespace)
            assert await held(reader) == {"b": 0}
        await reader.patch(Ring, "b", {"spec": {"size": 9}}, namespace=here.namespace)
        with pytest.raises(APIConnectionError, match="does not have the last write to Ring"):
            await held(reader)
        transport.flows.set()
        assert await held(reader) == {"b": 9}


async def test_pods_that_run(here: Client) -> None:
    metadata = ObjectMeta(name="a", namespace=here.namespace)
    async with selected(here, Pod, field_selector="status.phase=Running,metadata.name!=b") as (reader, transport):
        await reader.create(Pod(metadata=metadata, spec=PodSpec(containers=[Container(name="a", image="a")])))
        assert list(await reader.list(Pod)) == []
        await reader.patch_status(Pod, "a", {"phase": "Running"}, namespace=here.namespace)
        assert [found.status and found.status.phase for found in await reader.list(Pod)] == ["Running"]
        await reader.patch_status(Pod, "a", {"phase": "Failed"}, namespace=here.namespace)
        assert list(await reader.list(Pod)) == []
        transport.flows.clear()
        async with asyncio.timeout(9):
            await reader.patch(Pod, "a", {"metadata": {"labels": {"n": "1"}}}, namespace=here.namespace)
            assert list(await reader.list(Pod)) == []


async def test_labels_and_a_name_together(here: Client, control_plane: ControlPlane, tmp_path: Path) -> None:
    install(control_plane, [Ring], tmp_path)
    async with selected(here, Ring, label_selector="app=x", field_selector="metadata.name=a") as (reader, _):
        for name in ("a", "b"):
            made = ring(here, name, "x")
            made.metadata.labels = {"app": "x"}
            await reader.create(made)
        assert await held(reader) == {"a": 0}
        await reader.patch(Ring, "a", {"metadata": {"labels": {"app": "y"}}}, namespace=here.namespace)
        assert await held(reader) == {}
