"""Objects on their way through an ObjectReconciler, on an API server in memory and on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, cast

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.events_v1 import Event
from pydantic import field_validator

from kaiwu_runtime import (
    Client,
    ControllerBuilder,
    Manager,
    ManagerOptions,
    ObjectKey,
    ObjectReconciler,
    Request,
    Result,
    RetryAfter,
    TerminalError,
    child_of,
)
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource
from kaiwu_runtime.controller import GenerationChanged
from kaiwu_runtime.queue import ExponentialBackoff
from kaiwu_runtime.testing import FakeTransport, run_manager

from ..on_both import SERVERS, connected
from .rig import until

FINALIZER = "lamps.example.com/grid"


class LampSpec(APIModel):
    watts: int = 2

    @field_validator("watts")
    @classmethod
    def even(cls, value: int) -> int:
        """Stricter than the schema, which knows no functions."""
        if value % 2:
            raise ValueError("must be even")
        return value


class LampStatus(APIModel):
    observed_generation: int | None = None
    lit: int = 0
    conditions: Conditions = Conditions()


@resource(group="lamps.example.com", version="v1")
class Lamp(CustomResource):
    spec: LampSpec = LampSpec()
    status: LampStatus = LampStatus()


@resource(group="lamps.example.com", version="v1")
class Bulb(CustomResource):
    """As projects wrote the status before: it may be None."""

    spec: LampSpec = LampSpec()
    status: LampStatus | None = None


@resource(group="lamps.example.com", version="v1", kind="Lamp", plural="lamps", external=True)
class ForeignLamp(CustomResource):
    """A Lamp to another project."""

    spec: LampSpec = LampSpec()
    status: LampStatus = LampStatus()


Work = Callable[["LampReconciler", Lamp], Awaitable[Result | None]]


class LampReconciler(ObjectReconciler[Lamp]):
    """Does what a test tells it."""

    work: Work
    seen: list[Lamp]

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        backoff = ExponentialBackoff(0.01, 0.1)
        return controller.owns(ConfigMap).watches(ConfigMap, self.named).with_options(rate_limiter=backoff)

    @staticmethod
    def named(obj: Any) -> Iterable[Request]:
        return [obj.key]

    async def reconcile(self, lamp: Lamp) -> Result | None:
        self.seen.append(lamp.model_copy(deep=True))
        return await type(self).work(self, lamp)


class Wired(LampReconciler):
    """Has something outside of the cluster to clean up."""

    finalizer = FINALIZER
    grid: set[ObjectKey]
    is_down = False

    async def finalize(self, lamp: Lamp) -> None:
        lamp.status.conditions.set("Ready", False, reason="Leaving")
        if self.is_down:
            raise RetryAfter("the grid is down", 0.05)
        self.grid.discard(lamp.key)


class Rig:
    """A manager with one reconciler on one of the servers."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.namespace = client.namespace

    def run(self, kind: type[LampReconciler], work: Work) -> AbstractAsyncContextManager[Manager]:
        kind.work, kind.seen = staticmethod(work), []
        options = ManagerOptions(health_probe_bind_address="0", namespaces=(self.namespace,))
        manager = Manager(options, client=self.client.reconnect() or Client(self.client.transport))
        manager.setup(kind)
        return run_manager(manager)

    async def create(self, name: str = "a", watts: int = 2) -> Lamp:
        metadata = ObjectMeta(name=name, namespace=self.namespace)
        return await self.client.create(Lamp(metadata=metadata, spec=LampSpec(watts=watts)))

    async def post_odd(self) -> None:
        """Create what the schema allows and the type does not."""
        body = b'{"apiVersion":"lamps.example.com/v1","kind":"Lamp","metadata":{"name":"odd"},"spec":{"watts":3}}'
        path = f"/apis/lamps.example.com/v1/namespaces/{self.namespace}/lamps"
        await self.client.transport.request("POST", path, body=body)

    async def lamp(self, name: str = "a") -> Lamp:
        return await self.client.get(Lamp, name, namespace=self.namespace)

    async def status(self, name: str = "a") -> LampStatus:
        return (await self.lamp(name)).status


@pytest.fixture(params=SERVERS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with connected(request, tmp_path, Lamp, Bulb) as client:
        yield Rig(client)


async def becomes(read: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(20):
        while not wanted(found := await read()):  # noqa: ASYNC110 - the server tells of nothing
            await asyncio.sleep(0.01)
    return found


async def light(self: LampReconciler, lamp: Lamp) -> Result | None:
    await self.client.apply(child_of(lamp, ConfigMap, data={"watts": str(lamp.spec.watts)}))
    lamp.status.lit = lamp.spec.watts
    lamp.status.conditions.set("Ready", True, reason="Lit")
    return None


async def test_the_status_is_there_and_is_written_once(rig: Rig) -> None:
    async with rig.run(LampReconciler, light):
        await rig.create()
        status = await becomes(rig.status, lambda found: found.conditions.is_true("Ready"))
        assert (status.lit, status.observed_generation) == (2, 1)
        assert [condition.observedGeneration for condition in status.conditions] == [1]
        assert LampReconciler.seen[0].status == LampStatus()
        await asyncio.sleep(0.3)
        version = (await rig.lamp()).metadata.resourceVersion
        runs = len(LampReconciler.seen)
        await asyncio.sleep(0.3)
        assert (await rig.lamp()).metadata.resourceVersion == version
        assert len(LampReconciler.seen) == runs

        await rig.client.patch(Lamp, "a", {"spec": {"watts": 4}}, namespace=rig.namespace)
        status = await becomes(rig.status, lambda found: found.lit == 4)
        assert (status.observed_generation, status.conditions[0].observedGeneration) == (2, 2)


async def test_the_status_of_another_projects_kind_stays(rig: Rig) -> None:
    """What a reconciler changes in the object it was given is not written."""
    created, seen = await rig.create(), []

    class ForeignReconciler(ObjectReconciler[ForeignLamp]):
        async def reconcile(self, lamp: ForeignLamp) -> None:
            lamp.status.lit += 1
            lamp.status.conditions.set("Ready", True, reason="Lit")
            seen.append(lamp.key)

    manager = Manager(ManagerOptions(health_probe_bind_address="0", namespaces=(rig.namespace,)), client=rig.client)
    manager.setup(ForeignReconciler)
    async with run_manager(manager):
        await until(lambda: bool(seen))
        await asyncio.sleep(0.1)
    found = await rig.lamp()
    assert (found.status, found.metadata.resourceVersion) == (LampStatus(), created.metadata.resourceVersion)


async def test_an_object_that_is_gone_never_reaches_the_method(rig: Rig) -> None:
    async with rig.run(LampReconciler, light):
        await rig.client.create(ConfigMap(metadata=ObjectMeta(name="unrelated", namespace=rig.namespace)))
        await rig.create()
        await becomes(rig.status, lambda found: found.lit == 2)
        await rig.client.delete(Lamp, "a", namespace=rig.namespace)
        await becomes(lambda: rig.client.find(Lamp, "a", namespace=rig.namespace), lambda found: found is None)
        runs = len(LampReconciler.seen)
        await asyncio.sleep(0.2)
        assert len(LampReconciler.seen) == runs
        assert {lamp.key.name for lamp in LampReconciler.seen} == {"a"}


async def test_the_finalizer_is_added_before_and_removed_after(rig: Rig) -> None:
    Wired.grid, Wired.is_down = set(), True

    async def plug_in(self: LampReconciler, lamp: Lamp) -> None:
        assert lamp.metadata.finalizers == [FINALIZER]
        cast("Wired", self).grid.add(lamp.key)
        await light(self, lamp)

    async with rig.run(Wired, plug_in):
        lamp = await rig.create()
        await becomes(rig.status, lambda found: found.conditions.is_true("Ready"))
        assert Wired.grid == {lamp.key}
        await rig.client.delete(Lamp, "a", namespace=rig.namespace)
        status = await becomes(rig.status, lambda found: not found.conditions.is_true("Ready"))
        assert status.conditions.get("Ready").reason == "Leaving"
        assert (await rig.lamp()).metadata.finalizers == [FINALIZER]
        Wired.is_down = False
        await becomes(lambda: rig.client.find(Lamp, "a", namespace=rig.namespace), lambda found: found is None)
        assert Wired.grid == set()
        assert all(seen.metadata.deletionTimestamp is None for seen in Wired.seen)


async def test_an_object_that_another_finalizer_holds_is_left_alone(rig: Rig) -> None:
    async with rig.run(LampReconciler, light):
        metadata = ObjectMeta(name="held", namespace=rig.namespace, finalizers=["other.example.com/x"])
        await rig.client.create(Lamp(metadata=metadata))
        await becomes(lambda: rig.status("held"), lambda found: found.lit == 2)
        await rig.client.delete(Lamp, "held", namespace=rig.namespace)
        await asyncio.sleep(0.1)
        runs = len(LampReconciler.seen)
        await rig.client.patch(Lamp, "held", {"metadata": {"labels": {"a": "b"}}}, namespace=rig.namespace)
        await asyncio.sleep(0.2)
        assert len(LampReconciler.seen) == runs
        await rig.client.patch(Lamp, "held", {"metadata": {"finalizers": None}}, namespace=rig.namespace)


@pytest.mark.parametrize("error", [RetryAfter("not yet", 60), TerminalError("never"), ValueError("mistake")])
async def test_what_was_found_out_is_written_although_the_method_raised(rig: Rig, error: Exception) -> None:
    async def fail(_: LampReconciler, lamp: Lamp) -> None:
        lamp.status.conditions.set("Ready", False, reason="Broken")
        raise error

    async with rig.run(LampReconciler, fail):
        await rig.create()
        status = await becomes(rig.status, lambda found: found.conditions.get("Ready") is not None)
        assert (status.conditions[0].reason, status.observed_generation) == ("Broken", 1)


async def test_what_the_method_raised_is_told_although_its_status_cannot_be_encoded(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: LampReconciler, lamp: Lamp) -> None:
        cast("Any", lamp.status).lit = object()
        raise ConnectionError("the grid is down")

    async with rig.run(LampReconciler, fail):
        await rig.create()
        await until(lambda: any(record.getMessage() == "Reconciler error" for record in caplog.records))
    told = {record.getMessage(): str(vars(record)["error"]) for record in caplog.records if "error" in vars(record)}
    assert "the grid is down" in told["Reconciler error"]
    assert told["Cannot write the status"]


async def test_a_method_that_raised_at_once_has_observed_nothing(rig: Rig) -> None:
    async def fail(_: LampReconciler, __: Lamp) -> None:
        raise ConnectionError("down")

    async with rig.run(LampReconciler, fail):
        created = await rig.create()
        await until(lambda: len(LampReconciler.seen) >= 2)
        assert (await rig.lamp()).metadata.resourceVersion == created.metadata.resourceVersion


async def test_an_object_that_does_not_fit_is_told_of_and_reached_once_it_fits(rig: Rig) -> None:
    async with rig.run(LampReconciler, light):
        await rig.post_odd()
        await becomes(
            lambda: rig.client.list(Event, namespace=rig.namespace),
            lambda events: any(event.reason == "DecodeFailed" for event in events),
        )
        assert LampReconciler.seen == []
        await rig.client.patch(Lamp, "odd", {"spec": {"watts": 8}}, namespace=rig.namespace)
        status = await becomes(lambda: rig.status("odd"), lambda found: found.lit == 8)
        assert [condition.type for condition in status.conditions] == ["Ready"]


async def test_a_status_that_may_be_none_is_there_too(rig: Rig) -> None:
    class BulbReconciler(ObjectReconciler[Bulb]):
        def build(self, controller: ControllerBuilder) -> ControllerBuilder:
            return controller.for_(Bulb, GenerationChanged())

        async def reconcile(self, bulb: Bulb) -> None:
            assert bulb.status is not None
            bulb.status.lit = 1

    options = ManagerOptions(health_probe_bind_address="0", namespaces=(rig.namespace,))
    manager = Manager(options, client=rig.client.reconnect() or Client(rig.client.transport))
    manager.setup(BulbReconciler)
    async with run_manager(manager):
        await rig.client.create(Bulb(metadata=ObjectMeta(name="b", namespace=rig.namespace)))
        found = await becomes(
            lambda: rig.client.get(Bulb, "b", namespace=rig.namespace), lambda found: found.status is not None
        )
        assert (found.status.lit, found.status.observed_generation) == (1, 1)


async def test_a_method_is_tested_without_a_manager() -> None:
    client = Client(FakeTransport(Lamp), namespace="fake")
    reconciler = LampReconciler(client)
    LampReconciler.work, LampReconciler.seen = light, []
    lamp = await client.create(Lamp(metadata=ObjectMeta(name="a", namespace="fake")))
    await reconciler.reconcile(lamp)
    assert lamp.status.conditions.is_true("Ready")
