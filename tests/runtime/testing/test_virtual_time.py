"""A clock that jumps: what follows it, and that work of threads is waited for."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.events_v1 import Event

from kaiwu_runtime import (
    Client,
    Clock,
    EventRecorder,
    Manager,
    ManagerOptions,
    Reconciler,
    Request,
    Result,
    controller_managed_by,
)
from kaiwu_runtime.api import set_condition
from kaiwu_runtime.queue import WorkQueue
from kaiwu_runtime.testing import FakeTransport, VirtualTime, eventually, run_manager, virtual_time

from .api import Gadget, GadgetStatus

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


class Poller(Reconciler):
    """Looks at every Gadget each half an hour, writes its status once a change and an event each time."""

    def __init__(self, client: Client, recorder: EventRecorder, clock: Clock) -> None:
        super().__init__(client)
        self.recorder = recorder
        self.clock = clock
        self.passes: list[tuple[str, datetime]] = []

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(Gadget).complete(self)

    async def reconcile(self, request: Request) -> Result:
        self.passes.append((request.name, self.clock.now()))
        gadget = await self.client.get(Gadget, request.name, namespace=request.namespace)
        gadget.status = gadget.status or GadgetStatus()
        if set_condition(gadget.status.conditions, type="Ready", status=True, reason="Polled"):
            await self.client.apply_status(gadget)
        self.recorder.event(gadget, reason="Polled", action="Poll", note="looked at")
        return Result(requeue_after=timedelta(minutes=30))


def gadget(name: str) -> Gadget:
    return Gadget.model_validate({"metadata": {"name": name, "namespace": "x"}})


def manager(client: Client, **options: Any) -> Manager:
    return Manager(ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0", **options), client=client)


async def test_a_manager_with_fifty_objects_lives_through_a_day() -> None:
    with virtual_time() as clock:
        fake = FakeTransport(Gadget)
        client, began = Client(fake), time.perf_counter()
        for number in range(50):
            await client.create(gadget(f"g{number}"))
        running = manager(client)
        poller = Poller(running.client, running.event_recorder("poller"), Clock())
        poller.setup_with_manager(running)
        async with run_manager(running):
            await clock.advance(DAY)
            assert clock.now() - START < DAY + timedelta(seconds=1)
        counts = Counter(name for name, _ in poller.passes)
        assert len(counts) == 50
        # Every half an hour, and once more for the status that the first one wrote.
        assert set(counts.values()) <= {49, 50}
        assert time.perf_counter() - began < 60, "a day of real time would be longer"
        times = [when for name, when in poller.passes if name == "g7"]
        assert timedelta(minutes=30) <= times[-1] - times[-2] < timedelta(minutes=31)
        stored = await client.get(Gadget, "g7", namespace="x")
        assert stored.metadata.creationTimestamp == START
        assert stored.status is not None
        assert stored.status.conditions[0].lastTransitionTime == START
        events = await client.list(Event, namespace="x")
        assert {each.eventTime.date() for each in events if each.eventTime} == {START.date(), (START + DAY).date()}


async def test_timers_fire_in_their_order_and_at_their_time() -> None:
    with virtual_time() as clock:
        seen: list[tuple[float, float]] = []

        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((seconds, clock.elapsed))

        delays = [5.0, 3600.0, 0.001, 86400.0 * 30, 7.0, 5.0]
        await asyncio.gather(*map(sleeper, delays))
        assert [delay for delay, _ in seen] == sorted(delays)
        assert all(elapsed == pytest.approx(delay, abs=0.01) for delay, elapsed in seen)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_whatever_is_slept_the_sum_passes(delays: list[float]) -> None:
    async def main() -> float:
        for delay in delays:
            await asyncio.sleep(delay)
        return asyncio.get_running_loop().time()

    with virtual_time() as clock:
        began = clock.monotonic()
        ended = clock.run(main())
    assert ended - began == pytest.approx(sum(delays), abs=0.01)


async def test_time_limits_are_virtual_too() -> None:
    with virtual_time() as clock:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        with pytest.raises(TimeoutError, match="not within 600 s"):
            await eventually(lambda: False, timeout=600, interval=10)
        assert clock.elapsed == pytest.approx(4200, abs=20)


async def test_a_time_limit_ends_a_task_that_polls() -> None:
    async def poll(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    with virtual_time() as clock:
        await poll(1000)
        assert clock.elapsed == 0.0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(poll(10**9), 10)
        assert clock.elapsed == pytest.approx(10, abs=0.1)
        await asyncio.sleep(1)
        await poll(1000)
        assert clock.elapsed == pytest.approx(11, abs=0.1)


async def test_the_back_off_of_a_queue_is_virtual() -> None:
    with virtual_time() as clock:
        queue: WorkQueue[str] = WorkQueue()
        for _ in range(12):
            queue.add_rate_limited("a")
            assert await queue.get() == "a"
            queue.done("a")
        assert 10 < clock.elapsed < 60


@pytest.mark.parametrize("kind", ["async", "in a thread", "to_thread"])
async def test_time_passes_at_its_speed_while_a_thread_works(kind: str) -> None:
    """Otherwise time limits would strike before the thread has a chance."""

    class Slow(Reconciler):
        done = 0

        def setup_with_manager(self, manager: Manager) -> None:
            controller_managed_by(manager).for_(Gadget).with_options(reconcile_timeout=30.0).complete(self)

    class InThread(Slow):
        def reconcile(self, request: Request) -> Result:
            time.sleep(0.1)
            self.wait(self.client.get(Gadget, request.name, namespace=request.namespace))
            self.done += 1
            return Result(requeue_after=3600)

    class Async(Slow):
        async def reconcile(self, request: Request) -> Result:
            await (asyncio.to_thread(time.sleep, 0.1) if kind == "to_thread" else asyncio.sleep(0.1))
            self.done += 1
            return Result(requeue_after=3600)

    with virtual_time() as clock:
        fake = FakeTransport(Gadget)
        running = manager(Client(fake))
        reconciler: Slow = (InThread if kind == "in a thread" else Async)(running.client)
        reconciler.setup_with_manager(running)
        await Client(fake).create(gadget("a"))
        async with run_manager(running):
            await clock.advance(3600 * 3 + 60)
        assert reconciler.done == 4


async def test_a_thread_may_wait_for_a_timer_while_a_task_polls() -> None:
    rung = threading.Event()
    with virtual_time() as passing:
        asyncio.get_running_loop().call_later(0.2, rung.set)
        work = asyncio.ensure_future(asyncio.to_thread(rung.wait, 10))
        while not work.done():  # noqa: ASYNC110 - this is what is tested
            await asyncio.sleep(0)
        assert work.result(), "the timer never rang"
        assert 0.2 <= passing.elapsed < 5


async def test_a_lease_runs_out_in_virtual_time() -> None:
    class Quiet(Reconciler):
        def setup_with_manager(self, manager: Manager) -> None:
            controller_managed_by(manager).for_(Gadget).complete(self)

        async def reconcile(self, request: Request) -> Result:
            return Result()

    with virtual_time() as clock:
        fake = FakeTransport(Gadget)
        client = Client(fake)
        options = {"leader_elect": True, "leader_election_id": "test.example.com", "leader_election_namespace": "x"}
        first, second = manager(Client(fake), **options), manager(Client(fake), **options)
        for each in (first, second):
            Quiet(each.client).setup_with_manager(each)
        leading = asyncio.create_task(first.start())
        await eventually(lambda: first.elector is not None and first.elector.is_leader)
        async with run_manager(second):
            await clock.advance(60)
            assert not second.elector.is_leader  # type: ignore[union-attr]
            assert first.elector.is_leader  # type: ignore[union-attr]
            lease = await client.get(Lease, "test.example.com", namespace="x")
            renewed = lease.spec.renewTime  # type: ignore[union-attr]
            assert timedelta(seconds=50) < renewed - START < timedelta(seconds=61)  # type: ignore[operator]
            first.elector._stopping.set()  # type: ignore[union-attr]  # it hangs: nothing is renewed or given back
            first.elector._task.cancel()  # type: ignore[union-attr]
            before = clock.elapsed
            await eventually(lambda: second.elector.is_leader, timeout=60)  # type: ignore[union-attr]
            assert 12 < clock.elapsed - before < 20
        first.stop()
        await leading


async def test_the_real_time_is_back_afterwards() -> None:
    loop = asyncio.get_running_loop()
    fired: list[str] = []
    loop.call_later(0.3, fired.append, "before")
    with virtual_time() as clock:
        loop.call_later(7200, fired.append, "during")
        loop.call_later(3600 + 0.2, fired.append, "soon after")
        await clock.advance(3600)
        assert fired == ["before"]
        assert abs((Clock().now() - START).total_seconds() - 3600) < 1
    assert abs(Clock().now().timestamp() - time.time()) < 5
    assert abs(loop.time() - time.monotonic()) < 1
    began = time.monotonic()
    await asyncio.sleep(0.3)
    assert time.monotonic() - began > 0.25
    assert fired == ["before", "soon after"]


async def test_it_ends_with_an_exception_too() -> None:
    with pytest.raises(KeyError), virtual_time():
        raise KeyError
    assert abs(Clock().now().timestamp() - time.time()) < 5


async def test_what_cannot_be() -> None:
    with virtual_time() as clock:
        with pytest.raises(RuntimeError, match="cannot be nested"), virtual_time():
            pass
        with pytest.raises(RuntimeError, match="use await instead of run"):
            clock.run(asyncio.sleep(0))
    with pytest.raises(ValueError, match="no time zone"), virtual_time(datetime(2026, 1, 1)):
        pass


def test_a_time_of_day_in_another_zone() -> None:
    with virtual_time(datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=8)))) as clock:
        assert clock.now() == datetime(2026, 6, 1, 4, tzinfo=UTC)
        assert clock.now().tzinfo is UTC
        clock.run(clock.advance(60))
        assert clock.now() == datetime(2026, 6, 1, 4, 1, tzinfo=UTC)
        assert isinstance(clock, VirtualTime)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop")
def test_another_event_loop_is_refused() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        with pytest.raises(RuntimeError, match="needs asyncio's own event loop"), virtual_time():
            pass

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_the_fake_writes_virtual_times() -> None:
    with virtual_time() as clock:
        client = Client(FakeTransport())
        await clock.advance(90)
        made = await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="x")))
        assert made.metadata is not None
        assert made.metadata.creationTimestamp == START + timedelta(seconds=90)
