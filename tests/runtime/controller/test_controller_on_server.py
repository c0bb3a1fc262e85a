"""Controllers on a real API server: what wakes them, what retries them, what they survive."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import (
    Client,
    Manager,
    ManagerOptions,
    NotFoundError,
    Reconciler,
    Request,
    Result,
    TerminalError,
    controller_managed_by,
    set_controller_reference,
)
from kaiwu_runtime.cache import CachedObject
from kaiwu_runtime.controller import Channel, ControllerBuilder, LabelChanged
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ConfigurationError, ConflictError
from kaiwu_runtime.queue import ExponentialBackoff

pytestmark = pytest.mark.envtest

Build = Callable[[ControllerBuilder], ControllerBuilder]
Work = Callable[[Client, Request], Awaitable[Result | None]]


def config_map(name: str, namespace: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data=data)


class Recording(Reconciler):
    """Keeps every request, and does what it is told."""

    def __init__(self, client: Client, name: str, build: Build, work: Work) -> None:
        super().__init__(client)
        self.name = name
        self.build = build
        self.work = work
        self.requests: list[Request] = []

    def setup_with_manager(self, manager: Manager) -> None:
        builder = controller_managed_by(manager).named(self.name)
        self.build(builder).with_options(rate_limiter=ExponentialBackoff(0.01, 0.2)).complete(self)

    async def reconcile(self, request: Request) -> Result | None:
        self.requests.append(request)
        return await self.work(self.client, request)

    def count(self, name: str) -> int:
        return sum(request.name == name for request in self.requests)


async def nothing(_: Client, __: Request) -> Result:
    return Result()


def for_config_maps(builder: ControllerBuilder) -> ControllerBuilder:
    return builder.for_(ConfigMap)


class Rig:
    """A manager in one namespace, and a client beside it."""

    def __init__(self, control_plane: ControlPlane, namespace: str, client: Client) -> None:
        self.namespace = namespace
        self.client = client
        self.manager = Manager(
            ManagerOptions(
                kubeconfig=str(control_plane.kubeconfig),
                namespaces=(namespace,),
                health_probe_bind_address="0",
                grace_period=5.0,
            )
        )

    def add(self, work: Work = nothing, build: Build = for_config_maps, name: str = "recording") -> Recording:
        reconciler = Recording(self.manager.client, name, build, work)
        reconciler.setup_with_manager(self.manager)
        return reconciler

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.manager.start())
        try:
            yield
        finally:
            self.manager.stop()
            await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's state
            await asyncio.sleep(0.01)


@pytest.fixture
async def rig(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Rig]:
    async with Client.connect(control_plane.kubeconfig) as client:
        yield Rig(control_plane, namespace, client)


async def test_what_exists_and_what_changes_is_reconciled(rig: Rig) -> None:
    await rig.client.create(config_map("before", rig.namespace))
    seen: dict[str, str] = {}

    async def work(client: Client, request: Request) -> None:
        try:
            found = await client.get(ConfigMap, request.name, namespace=request.namespace)
        except NotFoundError:
            seen.pop(request.name, None)
        else:
            seen[request.name] = (found.data or {}).get("a", "")

    rig.add(work)
    async with rig.running():
        await until(lambda: "before" in seen)
        await rig.client.create(config_map("x", rig.namespace, a="1"))
        await until(lambda: seen.get("x") == "1")
        await rig.client.apply(config_map("x", rig.namespace, a="2"))
        await until(lambda: seen.get("x") == "2")
        await rig.client.delete(ConfigMap, "x", namespace=rig.namespace)
        await until(lambda: "x" not in seen)


async def test_a_change_of_an_owned_object_wakes_its_owner(rig: Rig) -> None:
    async def work(client: Client, request: Request) -> None:
        try:
            owner = await client.get(ConfigMap, request.name, namespace=request.namespace)
        except NotFoundError:
            return
        child = Secret(metadata=ObjectMeta(name=f"{request.name}-child", namespace=request.namespace))
        set_controller_reference(owner, child)
        await client.apply(child)

    rig.add(work, lambda builder: builder.for_(ConfigMap).owns(Secret))
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))

        async def child() -> Secret | None:
            try:
                return await rig.client.get(Secret, "x-child", namespace=rig.namespace)
            except NotFoundError:
                return None

        async def until_child(other_than: str = "") -> str:
            async with asyncio.timeout(15):
                while True:
                    found = await child()
                    if found is not None and found.metadata and found.metadata.uid != other_than:
                        return str(found.metadata.uid)
                    await asyncio.sleep(0.02)

        first = await until_child()
        await rig.client.delete(Secret, "x-child", namespace=rig.namespace)
        assert await until_child(other_than=first) != first


async def test_a_map_function_decides_and_its_mistakes_stop_nothing(rig: Rig) -> None:
    def mapped(obj: CachedObject) -> Iterable[Request]:
        if obj.key.name == "broken":
            raise RuntimeError("a mistake in the map function")
        return [Request(obj.key.namespace, f"for-{obj.key.name}")]

    reconciler = rig.add(build=lambda builder: builder.watches(Secret, mapped))
    async with rig.running():
        for name in ("broken", "fine"):
            await rig.client.create(Secret(metadata=ObjectMeta(name=name, namespace=rig.namespace)))
        await until(lambda: reconciler.count("for-fine"))
        assert not reconciler.count("broken")


async def test_selectors_of_the_kind_keep_objects_away(rig: Rig) -> None:
    reconciler = rig.add(build=lambda builder: builder.for_(ConfigMap, label_selector="team=a"))
    async with rig.running():
        for name, team in (("theirs", "b"), ("mine", "a")):
            labelled = config_map(name, rig.namespace)
            assert labelled.metadata is not None
            labelled.metadata.labels = {"team": team}
            await rig.client.create(labelled)
        await until(lambda: reconciler.count("mine"))
        assert not reconciler.count("theirs")


async def test_a_channel_brings_events_from_outside(rig: Rig) -> None:
    channel: Channel[Request] = Channel()
    words: Channel[str] = Channel()

    def named(word: str) -> Iterable[Request]:
        if word == "bad":
            raise ValueError("a mistake in the channel's function")
        return [Request(rig.namespace, word)]

    one = rig.add(build=lambda builder: builder.watches_channel(channel).watches_channel(words, named), name="one")
    two = rig.add(build=lambda builder: builder.for_(ConfigMap).watches_channel(words, named), name="two")
    channel.send(Request(rig.namespace, "early"))
    async with rig.running():
        await until(lambda: one.count("early") == 1)
        await asyncio.to_thread(words.send, "bad")
        await asyncio.to_thread(words.send, "from-a-thread")
        await until(lambda: one.count("from-a-thread") and two.count("from-a-thread"))
        channel.send(Request(rig.namespace, "late"))
        await until(lambda: one.count("late"))
        assert not two.count("late")
    words.send("after the end")


async def test_a_full_channel_keeps_the_newest() -> None:
    channel: Channel[int] = Channel(most=2)
    for number in range(5):
        channel.send(number)
    seen: list[int] = []
    channel.listen(seen.append)
    assert seen == [3, 4]


@pytest.mark.parametrize("metadata_only", [False, True])
async def test_owners_and_mapped_objects_by_their_metadata_alone(rig: Rig, metadata_only: bool) -> None:
    def mapped(obj: CachedObject) -> Iterable[Request]:
        return [Request(obj.key.namespace, f"for-{obj.key.name}")]

    reconciler = rig.add(
        build=lambda builder: (
            builder.for_(ConfigMap)
            .owns(Secret, metadata_only=metadata_only)
            .watches(Secret, mapped, metadata_only=metadata_only)
        )
    )
    async with rig.running():
        owner = await rig.client.create(config_map("owner", rig.namespace))
        await until(lambda: reconciler.count("owner") == 1)
        child = Secret(metadata=ObjectMeta(name="child", namespace=rig.namespace), stringData={"a": "b"})
        set_controller_reference(owner, child)
        await rig.client.create(child)
        await until(lambda: reconciler.count("owner") == 2 and reconciler.count("for-child"))
        informer = rig.manager.cache.informer(Secret, metadata_only=metadata_only)
        assert any(b"YQ==" in obj.raw or b'"a"' in obj.raw for obj in informer.list()) is not metadata_only
        assert len(rig.manager.cache.informers) == 2


async def test_predicates_keep_events_away(rig: Rig) -> None:
    reconciler = rig.add(build=lambda builder: builder.for_(ConfigMap, LabelChanged()))
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: reconciler.count("x") == 1)
        await rig.client.apply(config_map("x", rig.namespace, a="1"))
        labelled = config_map("x", rig.namespace, a="1")
        assert labelled.metadata is not None
        labelled.metadata.labels = {"a": "b"}
        await rig.client.apply(labelled)
        await until(lambda: reconciler.count("x") == 2)
        await rig.client.create(config_map("last", rig.namespace))
        await until(lambda: reconciler.count("last"))
        assert reconciler.count("x") == 2


async def test_a_failure_is_retried_with_back_off_and_logged_with_the_key(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    moments: list[float] = []

    async def work(_: Client, request: Request) -> None:
        if request.name != "x":
            return
        moments.append(time.monotonic())
        if len(moments) < 5:
            raise ValueError("outer") from KeyError("inner cause")

    rig.add(work)
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: len(moments) == 5)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert gaps[-1] > gaps[0], gaps
    errors = [record for record in caplog.records if record.getMessage() == "Reconciler error"]
    assert len(errors) == 4, "once per failure"
    assert errors[0].error == "ValueError: outer; caused by KeyError: 'inner cause'"  # type: ignore[attr-defined]


async def test_a_terminal_error_waits_for_a_change(rig: Rig) -> None:
    async def work(_: Client, request: Request) -> None:
        if request.name == "x":
            raise TerminalError("the spec cannot work")

    reconciler = rig.add(work)
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: reconciler.count("x") == 1)
        await asyncio.sleep(0.3)  # many times the first back-off
        assert reconciler.count("x") == 1
        await rig.client.apply(config_map("x", rig.namespace, a="1"))
        await until(lambda: reconciler.count("x") == 2)


async def test_a_conflict_is_a_quiet_retry(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    async def work(_: Client, request: Request) -> None:
        nonlocal tries
        if request.name == "x":
            tries += 1
            if tries < 3:
                raise ConflictError("somebody else wrote", code=409, reason="Conflict")

    rig.add(work)
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: tries == 3)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_requeue_after_comes_back_and_requeue_backs_off(rig: Rig) -> None:
    moments: dict[str, list[float]] = {"after": [], "again": []}

    async def work(_: Client, request: Request) -> Result:
        times = moments.get(request.name, [])
        times.append(time.monotonic())
        if len(times) >= 3:
            return Result()
        return Result(requeue_after=0.2) if request.name == "after" else Result(requeue=True)

    rig.add(work)
    async with rig.running():
        for name in moments:
            await rig.client.create(config_map(name, rig.namespace))
        await until(lambda: all(len(times) == 3 for times in moments.values()))
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(moments["after"]))


async def test_workers_run_side_by_side_but_never_for_one_key(rig: Rig) -> None:
    now: set[str] = set()
    most = 0
    runs = 0

    async def work(_: Client, request: Request) -> None:
        nonlocal most, runs
        assert request.name not in now
        now.add(request.name)
        most = max(most, len(now))
        await asyncio.sleep(0.05)
        now.discard(request.name)
        runs += 1

    def build(builder: ControllerBuilder) -> ControllerBuilder:
        return builder.for_(ConfigMap).with_options(max_concurrent_reconciles=4)

    rig.add(work, build)
    async with rig.running():
        for number in range(8):
            await rig.client.create(config_map(f"n{number}", rig.namespace))
            await rig.client.apply(config_map(f"n{number}", rig.namespace, a="1"))
        await until(lambda: runs >= 8)
    assert 2 <= most <= 4


async def test_one_broken_controller_does_not_stop_another(rig: Rig) -> None:
    async def broken(_: Client, __: Request) -> None:
        raise SystemExit("always")

    failing = rig.add(broken, name="failing")
    working = rig.add(name="working")
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: failing.count("x") > 2 and working.count("x"))


async def test_a_reconcile_that_takes_too_long_is_cancelled_and_retried(rig: Rig) -> None:
    tries = 0

    async def work(_: Client, request: Request) -> None:
        nonlocal tries
        if request.name == "x":
            tries += 1
            if tries == 1:
                await asyncio.sleep(60)

    rig.add(work, lambda builder: builder.for_(ConfigMap).with_options(reconcile_timeout=0.2))
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: tries == 2)


async def test_blocking_the_loop_is_reported_with_the_object(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    async def work(_: Client, request: Request) -> None:
        if request.name == "x":
            time.sleep(0.7)  # noqa: ASYNC251 - the mistake that is tested

    reconciler = rig.add(work)
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: reconciler.count("x"))
        await until(lambda: any("blocked the event loop" in record.getMessage() for record in caplog.records))


class Synchronous(Reconciler):
    """A reconciler written as a plain function."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.names: list[str] = []
        self.threads: set[int] = set()

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    def reconcile(self, request: Request) -> Result:
        import threading

        time.sleep(0.05)
        self.threads.add(threading.get_ident())
        self.names.append(request.name)
        return Result()


async def test_a_synchronous_reconciler_runs_in_a_thread(rig: Rig) -> None:
    import threading

    reconciler = Synchronous(rig.manager.client)
    reconciler.setup_with_manager(rig.manager)
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await until(lambda: "x" in reconciler.names)
    assert threading.get_ident() not in reconciler.threads


async def test_stopping_lets_the_work_in_progress_finish(rig: Rig) -> None:
    began, finished = asyncio.Event(), asyncio.Event()

    async def work(_: Client, request: Request) -> None:
        if request.name == "x":
            began.set()
            await asyncio.sleep(0.5)
            finished.set()

    rig.add(work)
    async with rig.running():
        await rig.client.create(config_map("x", rig.namespace))
        await asyncio.wait_for(began.wait(), 10)
    assert finished.is_set()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda builder: builder, "say what the controller is for", id="nothing"),
        pytest.param(lambda builder: builder.owns(Secret), r"owns\(Secret\) needs for_", id="owns without for_"),
        pytest.param(lambda builder: builder.for_(ConfigMap).for_(Secret), "for ConfigMap already", id="two kinds"),
        pytest.param(lambda builder: builder.watches(Secret, nothing), "a coroutine function", id="a coroutine"),
        pytest.param(
            lambda builder: builder.watches_channel(Channel(), nothing), "a coroutine function", id="a channel's"
        ),
    ],
)
async def test_a_controller_that_makes_no_sense_is_refused(rig: Rig, build: Build, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        rig.add(build=build)


async def test_two_controllers_of_one_name_are_refused(rig: Rig) -> None:
    rig.add(name="same")
    with pytest.raises(ConfigurationError, match="two controllers are named 'same'"):
        rig.add(name="same")
