"""The manager's life: ready when the caches are, unready when it stops, and what it survives on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ConfigurationError

from .processes import proxied_server

pytestmark = pytest.mark.envtest


class Slow(Reconciler):
    """Runs until it is released."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.names: list[str] = []
        self.go_on = asyncio.Event()

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("slow").for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        self.names.append(request.name)
        if request.name == "wait":
            await self.go_on.wait()
        return Result()


class Failing:
    async def run(self) -> None:
        raise ConfigurationError("the runnable cannot work")


def manager(kubeconfig: Path, namespace: str) -> Manager:
    return Manager(
        ManagerOptions(
            kubeconfig=str(kubeconfig),
            namespaces=(namespace,),
            health_probe_bind_address="127.0.0.1:0",
            grace_period=10.0,
        )
    )


async def probe(managed: Manager, path: str) -> tuple[int, str]:
    """Ask a probe, as soon as it is served."""
    assert managed.probes is not None
    async with asyncio.timeout(15), aiohttp.ClientSession() as session:
        while not managed.probes.port:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        async with session.get(f"http://127.0.0.1:{managed.probes.port}{path}") as answer:
            return answer.status, await answer.text()


async def until_status(managed: Manager, path: str, status: int) -> str:
    async with asyncio.timeout(15):
        while True:
            found, text = await probe(managed, path)
            if found == status:
                return text
            await asyncio.sleep(0.02)


async def test_ready_only_while_the_caches_are_synced_and_nobody_asked_it_to_stop(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    async with Client.connect(control_plane.kubeconfig) as client:
        await client.create(ConfigMap(metadata=ObjectMeta(name="wait", namespace=namespace)))
    async with proxied_server(control_plane, tmp_path) as (proxy, kubeconfig):
        proxy.stall()
        managed = manager(kubeconfig, namespace)
        reconciler = Slow(managed.client)
        reconciler.setup_with_manager(managed)
        task = asyncio.create_task(managed.start())
        status, text = await probe(managed, "/readyz?verbose")
        assert status == 500
        assert "[-]caches failed: not synced" in text
        assert (await probe(managed, "/healthz"))[0] == 200, "alive, though not ready"
        assert reconciler.names == []

        proxy.resume()
        await until_status(managed, "/readyz", 200)
        async with asyncio.timeout(10):
            while "wait" not in reconciler.names:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        managed.stop()
        text = await until_status(managed, "/readyz", 500)
        assert "stopping" in text
        assert not task.done(), "the reconcile in progress may finish"
        reconciler.go_on.set()
        await asyncio.wait_for(task, 10)


async def test_a_stop_while_the_caches_sync_ends_it(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    async with proxied_server(control_plane, tmp_path) as (proxy, kubeconfig):
        proxy.stall()
        managed = manager(kubeconfig, namespace)
        reconciler = Slow(managed.client)
        reconciler.setup_with_manager(managed)
        task = asyncio.create_task(managed.start())
        await probe(managed, "/healthz")
        managed.stop()
        await asyncio.wait_for(task, 10)
        assert reconciler.names == []


async def test_a_runnable_that_fails_ends_the_manager(control_plane: ControlPlane, namespace: str) -> None:
    managed = manager(control_plane.kubeconfig, namespace)
    managed.add(Failing())
    with pytest.raises(ConfigurationError, match="the runnable cannot work"):
        await asyncio.wait_for(managed.start(), 20)


async def test_a_manager_without_controllers_runs(control_plane: ControlPlane, namespace: str) -> None:
    managed = manager(control_plane.kubeconfig, namespace)
    task = asyncio.create_task(managed.start())
    await until_status(managed, "/readyz", 200)
    managed.stop()
    await asyncio.wait_for(task, 10)


async def test_a_manager_runs_once(control_plane: ControlPlane, namespace: str) -> None:
    managed = manager(control_plane.kubeconfig, namespace)
    managed.stop()
    await managed.start()
    with pytest.raises(RuntimeError, match="a manager runs once"):
        await managed.start()
