"""How a manager ends, and what may be added to it while it runs."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import Client, Manager, ManagerOptions, controller_managed_by
from kaiwu_runtime.cache import Informer
from kaiwu_runtime.controller import ControllerBuilder
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.metrics._controllers import Metrics
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.webhook import Validator, webhook_managed_by

from .in_memory import Running, Working, create, managed, raises_cancelled, running, until


async def test_what_is_added_while_it_runs_runs() -> None:
    ran = asyncio.Event()
    manager = managed()
    first = Working(manager.client)
    first.setup_with_manager(manager)
    await create(manager, "a")

    async def run() -> None:
        ran.set()

    async with running(manager):
        await until(lambda: first.begun)
        late = Working(manager.client)
        controller_managed_by(manager).named("late").for_(ConfigMap).complete(late)
        manager.add(Running(run))
        await until(lambda: late.finished == ["a"])
        await asyncio.wait_for(ran.wait(), 10)
        await create(manager, "b")
        await until(lambda: late.finished == ["a", "b"])


async def test_what_cannot_be_added_any_more_is_refused() -> None:
    manager = managed()

    class Broken(Working):
        def setup_with_manager(self, manager: Manager) -> None:
            raise ConfigurationError("set up wrongly")

    async with running(manager):
        with pytest.raises(ConfigurationError, match="the manager has started"):
            webhook_managed_by(manager).for_(ConfigMap).with_validator(Validator[ConfigMap]()).complete()
        with pytest.raises(ConfigurationError, match="set up wrongly"):
            manager.setup(Broken)
    with pytest.raises(ConfigurationError, match="the manager has stopped"):
        controller_managed_by(manager).for_(ConfigMap).complete(Working(manager.client))
    with pytest.raises(ConfigurationError, match="the manager has stopped"):
        manager.add(Running(raises_cancelled))


@pytest.mark.parametrize(
    "extend",
    [
        lambda builder: builder.named("x"),
        lambda builder: builder.for_(ConfigMap),
        lambda builder: builder.owns(Secret),
        lambda builder: builder.watches(Secret, lambda _: []),
        lambda builder: builder.with_options(max_concurrent_reconciles=2),
    ],
)
def test_a_builder_takes_nothing_after_complete(extend: Callable[[ControllerBuilder], object]) -> None:
    manager = managed()
    builder = controller_managed_by(manager).for_(ConfigMap)
    builder.complete(Working(manager.client))
    with pytest.raises(ConfigurationError, match=r"comes after complete\(\)"):
        extend(builder)


@pytest.mark.parametrize(
    ("begin", "shown"),
    [
        (controller_managed_by, "controller_managed_by(manager)"),
        (
            lambda manager: controller_managed_by(manager).named("x").for_(ConfigMap).owns(Secret),
            "controller_managed_by(manager).named('x').for_(ConfigMap)",
        ),
        (
            lambda manager: webhook_managed_by(manager).for_(ConfigMap).with_validator(Validator[ConfigMap]()),
            "webhook_managed_by(manager).for_(ConfigMap)",
        ),
    ],
)
async def test_a_builder_without_complete_is_named_at_the_start(
    begin: Callable[[Manager], object], shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It would run nothing, and say nothing."""
    manager = managed()
    Working(manager.client).setup_with_manager(manager)
    begin(manager)
    message = f"{shown} does nothing: end it with .complete()"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
        await manager.start()
    assert await asyncio.to_thread(manager.run) == 1
    assert message in capfd.readouterr().err


async def test_a_builder_that_was_refused_is_not_waited_for() -> None:
    """Its own error is the reason, and the caller may go on without it."""
    manager = managed()
    Working(manager.client).setup_with_manager(manager)
    with pytest.raises(ConfigurationError):
        Working(manager.client).setup_with_manager(manager)  # its name is taken
    with pytest.raises(ConfigurationError):
        webhook_managed_by(manager).for_(ConfigMap).complete()
    async with running(manager):
        assert manager.is_ready


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("after", [0.0, 0.01, 0.3])
def test_any_thread_may_stop_it(threads: int, after: float) -> None:
    manager = managed()
    Working(manager.client).setup_with_manager(manager)
    main = threading.Thread(target=lambda: asyncio.run(manager.start()), daemon=True)
    main.start()
    time.sleep(after)
    stopping = [threading.Thread(target=manager.stop) for _ in range(threads)]
    for thread in stopping:
        thread.start()
    main.join(10)
    assert not main.is_alive()
    manager.stop()  # once more: it is over


async def test_what_needs_no_leader_runs_on_every_replica() -> None:
    fake = FakeTransport()
    spec = LeaseSpec(
        holderIdentity="another", leaseDurationSeconds=3600, acquireTime=datetime.now(UTC), renewTime=datetime.now(UTC)
    )
    await Client(fake).create(Lease(metadata=ObjectMeta(name="it", namespace="x"), spec=spec))
    manager = managed(
        fake, leader_elect=True, leader_election_id="it", leader_election_namespace="x", kubeconfig="/nowhere"
    )
    reconciler = Working(manager.client)
    reconciler.setup_with_manager(manager)
    await create(manager, "a")
    ran: list[str] = []

    def noting(name: str) -> Running:
        async def work() -> None:
            ran.append(name)
            await asyncio.Event().wait()

        return Running(work)

    manager.add(noting("leader"))
    manager.add(noting("replica"), leader_only=False)
    async with running(manager):
        await until(lambda: "replica" in ran)
        manager.add(noting("late leader"))
        manager.add(noting("late replica"), leader_only=False)
        await until(lambda: "late replica" in ran)
        await until(lambda: manager.elector is not None)
        assert ran == ["replica", "late replica"]
        assert not reconciler.begun


async def test_a_manager_runs_whatever_has_the_protocol_of_a_controller() -> None:
    manager = managed()

    class Sweeper:
        name = "sweeper"
        needs_leader = True
        log: ClassVar[list[str]] = []

        def informers(self) -> list[Informer[Any]]:
            return [manager.cache.informer(ConfigMap)]

        async def run(self) -> None:
            self.log.append("run" if manager.cache.informer(ConfigMap).has_synced else "too early")
            await asyncio.Event().wait()

        async def stop(self, grace: float) -> None:
            self.log.append(f"stop within {grace:g} s")

        def measure(self, metrics: Metrics) -> None:
            self.log.append("measure")

    manager.options = replace(manager.options, metrics_bind_address="127.0.0.1:0", metrics_secure=False)
    sweeper = Sweeper()
    manager.add_controller(sweeper)
    async with running(manager):
        await until(lambda: "run" in sweeper.log)
    assert sweeper.log == ["measure", "run", "stop within 5 s"]


class Closing(FakeTransport):
    """Notes that it is closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


async def test_a_start_that_fails_leaves_nothing_open() -> None:
    transport = Closing()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        manager = managed(transport, health_probe_bind_address=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConfigurationError, match="health-probe-bind-address"):
            await manager.start()
    assert transport.closed
    with pytest.raises(ConfigurationError, match="the manager has stopped"):
        manager.add(Running(raises_cancelled))


async def test_probes_are_closed_when_the_start_fails_after_them() -> None:
    addresses: dict[str, Any] = {"health_probe_bind_address": "127.0.0.1:0", "metrics_bind_address": "127.0.0.1:0"}
    manager = Manager(ManagerOptions(kubeconfig="/nowhere", **addresses))  # the metrics are the client's
    with pytest.raises(ConfigurationError, match="/nowhere"):
        await manager.start()
    assert manager.probes.port
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", manager.probes.port)


async def test_checks_are_taken_whether_probes_are_served_or_not() -> None:
    for address in ("0", "127.0.0.1:0"):
        manager = managed(health_probe_bind_address=address)
        manager.add_readyz_check("own", lambda: None)
        manager.add_healthz_check("own", lambda: None)
        async with running(manager):
            served = address != "0"
            async with asyncio.timeout(10):
                while bool(manager.probes.port) is not served:  # noqa: ASYNC110 - the manager's state
                    await asyncio.sleep(0.005)
