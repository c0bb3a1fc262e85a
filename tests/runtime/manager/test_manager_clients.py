"""Clients that a manager is given or makes: elected with, and fenced like its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, Reconciler, Request, controller_managed_by
from kaiwu_runtime.errors import APIError
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.testing import FakeTransport

from .in_memory import Working, create, managed, running, until


class Own:
    """A transport of a project's own, without a fence."""

    def __init__(self) -> None:
        self.fake = FakeTransport()

    async def request(self, *args: Any, **kwargs: Any) -> bytes:
        return await self.fake.request(*args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        return self.fake.stream(*args, **kwargs)

    async def close(self) -> None:
        await self.fake.close()


@pytest.mark.parametrize("make", [FakeTransport, Own])
async def test_a_client_that_is_given_is_elected_with_and_fenced(make: Callable[[], Any]) -> None:
    transport = make()
    fake = transport if isinstance(transport, FakeTransport) else transport.fake
    manager = managed(
        transport, leader_elect=True, leader_election_id="it", leader_election_namespace="x", kubeconfig="/nowhere"
    )
    reconciler = Working(manager.client)
    reconciler.setup_with_manager(manager)
    await create(manager, "a")
    async with running(manager):
        await until(lambda: reconciler.begun)
        lease = await Client(fake).get(Lease, "it", namespace="x")
        assert manager.elector is not None
        assert lease.spec is not None
        assert lease.spec.holderIdentity == manager.elector.identity
        checks: list[int] = []
        assert not isinstance(manager.client.transport, HTTPTransport)
        manager.client.transport.fence = lambda: checks.append(1)  # type: ignore[attr-defined]
        await manager.client.get(ConfigMap, "a", namespace="x")
        assert not checks
        await create(manager, "b")
        assert checks
    lease = await Client(fake).get(Lease, "it", namespace="x")
    assert lease.spec is not None
    assert not lease.spec.holderIdentity, "it was given back"


class Threaded(Reconciler):
    """Writes when it is told to, in a thread that no stop can end."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.begun, self.go_on, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.error: Exception | None = None

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    def reconcile(self, _: Request) -> None:
        self.begun.set()
        self.go_on.wait(10)
        try:
            self.wait(self.client.create(ConfigMap(metadata=ObjectMeta(name="late", namespace="x"))))
        except APIError as error:
            self.error = error
        self.ended.set()


@pytest.mark.parametrize("make", [FakeTransport, Own])
async def test_what_a_leader_leaves_behind_writes_nothing_once_the_lease_is_given_back(make: Callable[[], Any]) -> None:
    transport = make()
    fake = transport if isinstance(transport, FakeTransport) else transport.fake
    manager = managed(
        transport, leader_elect=True, leader_election_id="it", leader_election_namespace="x", grace_period=0.0
    )
    reconciler = Threaded(manager.client)
    reconciler.setup_with_manager(manager)
    await create(manager, "a")
    async with running(manager):
        await until(reconciler.begun.is_set)
    lease = await Client(fake).get(Lease, "it", namespace="x")
    assert lease.spec is not None
    assert lease.spec.holderIdentity == "", "it was given back, through the same transport"
    reconciler.go_on.set()
    await until(reconciler.ended.is_set)
    assert "given up its leadership" in str(reconciler.error)
    assert [found.metadata.name for found in await Client(fake).list(ConfigMap) if found.metadata] == ["a"]
