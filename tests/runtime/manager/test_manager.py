"""How a manager ends, and what may be added to it while it runs."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.cache import Informer
from kaiwu_runtime.controller import ControllerBuilder
from kaiwu_runtime.errors import APIError, CallbackError, ConfigurationError
from kaiwu_runtime.metrics._controllers import Metrics
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.rest._transport import Transport
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.webhook import Validator, webhook_managed_by


class Working(Reconciler):
    def __init__(self, client: Client, work: Callable[[Request], Awaitable[None]] | None = None) -> None:
        super().__init__(client)
        self.work = work
        self.begun: list[str] = []
        self.finished: list[str] = []

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result | None:
        self.begun.append(request.name)
        if self.work is not None:
            await self.work(request)
        self.finished.append(request.name)
        return None


class Running:
    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self.work = work

    async def run(self) -> None:
        await self.work()


def managed(transport: Transport | None = None, **options: Any) -> Manager:
    given: dict[str, Any] = {"health_probe_bind_address": "0", "grace_period": 5.0, **options}
    return Manager(ManagerOptions(**given), client=Client(transport or FakeTransport()))


async def create(manager: Manager, *names: str) -> None:
    for name in names:
        await manager.api_reader.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="x")))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is another task's state
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(manager.start())
    try:
        await until(lambda: manager.started)
        yield task
    finally:
        manager.stop()
        await asyncio.wait_for(task, 20)


async def raises_cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def cancels_itself() -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()
    await asyncio.sleep(60)


def fails_with(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("fail", "raised", "text"),
    [
        pytest.param(fails_with(ConfigurationError("no backend")), ConfigurationError, "no backend", id="an error"),
        pytest.param(fails_with(ValueError("no")), ValueError, "The manager failed", id="a mistake"),
        pytest.param(fails_with(SystemExit(0)), CallbackError, "The manager failed", id="sys.exit"),
        pytest.param(raises_cancelled, CallbackError, "The manager failed", id="a cancelled future"),
        pytest.param(cancels_itself, CallbackError, "The manager failed", id="a task that cancels itself"),
        pytest.param(
            fails_with(ExceptionGroup("g", [ExceptionGroup("h", [ConfigurationError("inside")])])),
            ConfigurationError,
            "inside",
            id="a group",
        ),
    ],
)
async def test_a_failure_is_said_at_once_and_work_in_flight_gets_its_time(
    fail: Callable[[], Awaitable[None]], raised: type[Exception], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, failing = asyncio.Event(), asyncio.Event()
    manager = managed()

    async def work(_: Request) -> None:
        await go_on.wait()

    async def run() -> None:
        await failing.wait()
        await fail()

    reconciler = Working(manager.client, work)
    reconciler.setup_with_manager(manager)
    manager.add(Running(run))
    await create(manager, "a", "b")
    task = asyncio.create_task(manager.start())
    await until(lambda: reconciler.begun)
    failing.set()
    await until(lambda: any(text in record.getMessage() for record in caplog.records))
    assert not task.done()
    assert reconciler.finished == []
    go_on.set()
    with pytest.raises(raised):
        await asyncio.wait_for(task, 10)
    assert reconciler.finished == ["a"]
    assert reconciler.begun == ["a"], "no work begins any more"
    said = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(said) == 1
    assert text in said[0].getMessage()


async def test_a_runnable_that_a_time_limit_ends_after_a_group_that_failed_ends_the_manager() -> None:
    manager = managed()

    async def fail() -> None:
        raise ValueError("no")

    async def run() -> None:
        async with asyncio.timeout(0.05):
            with suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
            await asyncio.sleep(60)

    manager.add(Running(run))
    task = asyncio.create_task(manager.start())
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    # Before Python 3.13 the group leaves the task marked as being cancelled, and the time limit cancels it.
    assert isinstance(task.exception(), TimeoutError | CallbackError)


async def test_cancelling_every_task_reports_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    before = asyncio.all_tasks()
    manager = managed()
    running = asyncio.Event()

    async def run() -> None:
        running.set()
        await asyncio.sleep(60)

    manager.add(Running(run))
    task = asyncio.create_task(manager.start())
    await running.wait()
    tasks = asyncio.all_tasks() - before
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks, timeout=10)
    assert task.cancelled()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("ended", ["stop", "failure", "cancelled"])
async def test_a_reconcile_that_swallows_its_cancellation_is_left_behind(ended: str) -> None:
    begun = asyncio.Event()
    manager = managed(grace_period=0.1)
    give_up = False

    async def stubborn(_: Request) -> None:
        begun.set()
        while not give_up:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    reconciler = Working(manager.client, stubborn)
    reconciler.setup_with_manager(manager)
    fail = asyncio.Event()

    async def run() -> None:
        await fail.wait()
        raise ConfigurationError("over")

    manager.add(Running(run))
    await create(manager, "a", "b", "c")
    task = asyncio.create_task(manager.start())
    await begun.wait()
    match ended:
        case "stop":
            manager.stop()
        case "failure":
            fail.set()
        case _:
            task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.done()
    await asyncio.gather(task, return_exceptions=True)
    assert reconciler.begun == ["a"]
    give_up = True
    left = [entry for entry in asyncio.all_tasks() if "worker" in entry.get_name()]
    for entry in left:
        entry.cancel()
    await asyncio.gather(*left, return_exceptions=True)


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
