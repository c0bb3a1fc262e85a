"""Controllers on a real API server: what retries them, what they survive."""

from __future__ import annotations

import asyncio
import logging
import time
from itertools import pairwise

import pytest
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import (
    Client,
    Manager,
    Reconciler,
    Request,
    Result,
    TerminalError,
    controller_managed_by,
)
from kaiwu_runtime.controller import Channel, ControllerBuilder, LabelChanged
from kaiwu_runtime.errors import ConfigurationError, ConflictError

from .rig import Build, Rig, config_map, nothing, until

pytestmark = pytest.mark.envtest


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
                raise ConflictError("another client wrote", code=409, reason="Conflict")

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
        return Result(requeue_after=0.2) if request.name == "after" else Result(requeue_after=0)

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
