"""A kind that goes while an object of it is in doubt: its CRD is removed on a real API server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.cache import _reflector as reflector_module
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import NotFoundError

from ..crds import install, uninstall
from .test_doubtful_writes_on_both import Lossy, broken, lost
from .test_read_your_writes_on_both import Late


class DoubtSpec(APIModel):
    size: int = 0


@resource(group="doubt.example.com", version="v1", plural="doubts")
class Doubt(CustomResource):
    spec: DoubtSpec = DoubtSpec()


def of_size(namespace: str, size: int) -> Doubt:
    return Doubt(metadata=ObjectMeta(name="a", namespace=namespace), spec=DoubtSpec(size=size))


@pytest.mark.envtest
async def test_a_kind_goes_and_comes_back(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector_module, "ABSENT_SECONDS", (0.1, 0.2))
    await asyncio.to_thread(install, control_plane, [Doubt], tmp_path)
    async with Client.connect(control_plane.kubeconfig) as client:
        lossy = Lossy(client.transport)
        transport = Late(lossy, lambda: 0.0)
        cache = Cache(transport, namespaces=(namespace,))
        cache.allow_absent(Doubt)
        cache.informer(Doubt)
        running = asyncio.create_task(cache.run())
        reader = CachedClient(Client(transport, namespace=namespace), cache)
        try:
            await cache.wait_for_sync()
            await reader.create(of_size(namespace, 1))
            assert (await reader.get(Doubt, "a", namespace=namespace)).spec.size == 1
            transport.flows.clear()
            lossy.loses = broken
            await lost(reader.apply(of_size(namespace, 2)))
            lossy.loses = None
            await asyncio.to_thread(uninstall, control_plane, Doubt)
            reading = asyncio.create_task(reader.list(Doubt))
            await asyncio.sleep(0.1)
            assert not reading.done(), "the watch has not brought the end of the kind yet"
            transport.flows.set()
            async with asyncio.timeout(5):
                assert await reading == []
                with pytest.raises(NotFoundError):
                    await reader.get(Doubt, "a", namespace=namespace)
            await asyncio.to_thread(install, control_plane, [Doubt], tmp_path)
            for size in (3, 4):
                async with asyncio.timeout(20):
                    await reader.apply(of_size(namespace, size))
                    assert [found.spec.size for found in await reader.list(Doubt)] == [size]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await asyncio.to_thread(uninstall, control_plane, Doubt)
