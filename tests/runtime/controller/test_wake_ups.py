"""What wakes a controller on the API server in memory: mapped states, channels, metadata, threads and their client."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Secret

from kaiwu_runtime import (
    Client,
    Manager,
    ManagerOptions,
    Reconciler,
    Request,
    Result,
    controller_managed_by,
    create_or_update,
)
from kaiwu_runtime.cache import CachedObject, EventType, ObjectEvent
from kaiwu_runtime.controller import Channel, enqueue_mapped
from kaiwu_runtime.testing import FakeTransport


class Recording(Reconciler):
    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.requests: list[Request] = []

    def setup_with_manager(self, manager: Manager) -> None:
        raise AssertionError("not called here")

    async def reconcile(self, request: Request) -> Result | None:
        self.requests.append(request)
        return None


def managed(transport: FakeTransport | None = None) -> Manager:
    options = ManagerOptions(health_probe_bind_address="0", grace_period=1.0)
    return Manager(options, client=Client(transport or FakeTransport()))


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[None]:
    task = asyncio.create_task(manager.start())
    try:
        yield
    finally:
        manager.stop()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is another task's state
            await asyncio.sleep(0.005)


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="x"), data=data)


def cached(label: str) -> CachedObject:
    metadata = {"name": "a", "namespace": "x", "uid": "u", "resourceVersion": label, "labels": {"of": label}}
    return CachedObject.parse(json.dumps({"metadata": metadata}).encode())


@given(st.sampled_from(["old", "new", "neither", "both"]), st.booleans())
def test_each_state_of_a_change_is_mapped_on_its_own(failing: str, lazily: bool) -> None:
    def owners(obj: CachedObject) -> Iterable[Request]:
        state = obj.labels["of"]
        if lazily:
            yield Request("x", f"first-{state}")
        if failing in {state, "both"}:
            raise SystemExit
        yield Request("x", state)

    def plain(obj: CachedObject) -> Iterable[Request]:
        return list(owners(obj))

    handle = enqueue_mapped(owners if lazily else plain)
    found: list[str] = []
    failed = False
    try:
        event = ObjectEvent(EventType.MODIFIED, cached("new"), cached("old"))
        found.extend(request.name for request in handle(event))  # as far as it comes
    except Exception:  # noqa: BLE001 - what the function raised comes last
        failed = True
    assert failed is (failing != "neither")
    assert ("new" in found) is (failing not in {"new", "both"})
    assert ("old" in found) is (failing not in {"old", "both"})
    assert ("first-new" in found, "first-old" in found) == (lazily, lazily)


NOT_REQUESTS = [("x", "a"), "x/a", None, ["x", "a"], Request("x", cast("str", None)), Request(cast("str", 7), "a")]


@pytest.mark.parametrize("given", NOT_REQUESTS, ids=repr)
async def test_a_map_function_that_gives_no_request_is_reported(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    transport = FakeTransport()
    manager = managed(transport)
    reconciler = Recording(manager.client)
    builder = controller_managed_by(manager).for_(ConfigMap)
    builder.watches(Secret, lambda _: [given]).complete(reconciler)
    client = Client(transport)
    await client.create(Secret(metadata=ObjectMeta(name="s", namespace="x")))
    async with running(manager):
        await until(lambda: any("map function failed" in record.getMessage() for record in caplog.records))
        await client.create(config_map("later"))
        await until(lambda: Request("x", "later") in reconciler.requests)
    error = next(record for record in caplog.records if "map function failed" in record.getMessage())
    assert "is not a request: give Request(namespace, name)" in str((error.exc_info or (None, ""))[1])


@pytest.mark.parametrize("given", NOT_REQUESTS, ids=repr)
async def test_a_channel_that_gives_no_request_is_reported(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    manager = managed()
    channel: Channel[Any] = Channel()
    reconciler = Recording(manager.client)
    controller_managed_by(manager).for_(ConfigMap).watches_channel(channel).complete(reconciler)
    async with running(manager):
        channel.send(given)
        await until(lambda: any("channel's function failed" in record.getMessage() for record in caplog.records))
        channel.send(Request("x", "later"))
        await until(lambda: Request("x", "later") in reconciler.requests)


async def test_a_cluster_scoped_object_has_one_request_whatever_namespace_is_given() -> None:
    transport = FakeTransport()
    manager = managed(transport)
    reconciler = Recording(manager.client)
    channel: Channel[Request] = Channel()
    builder = controller_managed_by(manager).for_(Namespace)
    builder.watches(Secret, lambda secret: [Request(secret.metadata.namespace, "n")])
    builder.watches_channel(channel).complete(reconciler)
    client = Client(transport)
    await client.create(Namespace(metadata=ObjectMeta(name="n")))
    await client.create(Secret(metadata=ObjectMeta(name="s", namespace="n")))
    async with running(manager):
        await until(lambda: reconciler.requests)
        channel.send(Request("b", "n"))
        channel.send(Request(cast("str", None), "n"))
        channel.send(Request("b", "last"))
        await until(lambda: reconciler.requests[-1].name == "last")
    assert set(reconciler.requests) == {Request("", "n"), Request("", "last")}


async def test_a_request_without_a_namespace_is_one_key() -> None:
    manager = managed()
    channel: Channel[Request] = Channel()
    reconciler = Recording(manager.client)
    controller_managed_by(manager).named("outside").watches_channel(channel).complete(reconciler)
    async with running(manager):
        channel.send(Request(cast("str", None), "a"))
        await until(lambda: reconciler.requests)
    assert reconciler.requests == [Request("", "a")]


@given(
    st.lists(st.sampled_from(["send", "subscribe", "listen", "close"]), max_size=30),
)
def test_every_controller_hears_what_was_sent_since_the_start_began(steps: list[str]) -> None:
    async def follow() -> None:
        channel: Channel[int] = Channel()
        subscriptions: list[tuple[Any, list[int], list[int]]] = []  # subscription, what it heard, what it must hear
        early: list[int] = []
        listening = closed = sent = 0
        for step in steps:
            if step == "send":
                sent += 1
                channel.send(sent)
                if listening == closed:
                    early.append(sent)
                for _, _, due in subscriptions[closed:]:
                    due.append(sent)
            elif step == "subscribe":
                subscriptions.append((channel.subscribe(), [], list(early)))
            elif step == "listen" and listening < len(subscriptions):
                subscription, heard, _ = subscriptions[listening]
                subscription.listen(heard.append)
                listening += 1
                early.clear()
            elif step == "close" and closed < listening:
                await asyncio.sleep(0)
                subscriptions[closed][0].close()
                closed += 1
        for subscription, heard, _ in subscriptions[listening:]:
            subscription.listen(heard.append)
        await asyncio.sleep(0)
        assert [heard for _, heard, _ in subscriptions] == [due for _, _, due in subscriptions]

    asyncio.run(follow())


async def test_early_events_of_a_channel_reach_every_controller() -> None:
    channel: Channel[Request] = Channel()
    channel.send(Request("", "before there is a controller"))
    manager = managed()
    reconcilers = [Recording(manager.client) for _ in range(3)]
    for number, reconciler in enumerate(reconcilers):
        controller_managed_by(manager).named(f"c{number}").watches_channel(channel).complete(reconciler)
    channel.send(Request("", "before the start"))
    async with running(manager):
        await until(lambda: all(len(reconciler.requests) == 2 for reconciler in reconcilers))
        late = Recording(manager.client)
        controller_managed_by(manager).named("late").watches_channel(channel).complete(late)
        channel.send(Request("", "now"))
        await until(lambda: all(len(reconciler.requests) == 3 for reconciler in reconcilers))
        await until(lambda: late.requests == [Request("", "now")])


async def test_metadata_is_enough_to_reconcile_a_kind_and_its_children() -> None:
    transport = FakeTransport()
    manager = managed(transport)
    reconciler = Recording(manager.client)
    builder = controller_managed_by(manager).for_(ConfigMap, metadata_only=True).owns(Secret)
    builder.complete(reconciler)
    await manager.api_reader.create(config_map("a", large="x" * 1000))
    async with running(manager):
        await until(lambda: reconciler.requests == [Request("x", "a")])
        (obj,) = manager.cache.informer(ConfigMap, metadata_only=True).store
        assert b"large" not in obj.raw
        assert [str(informer.identity) for informer in manager.cache.informers].count("ConfigMap (v1)") == 1
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": obj.uid, "controller": True}
        metadata = {"name": "child", "namespace": "x", "ownerReferences": [owner]}
        await manager.api_reader.create(Secret.from_dict({"metadata": metadata}))
        await until(lambda: len(reconciler.requests) == 2)
        assert reconciler.requests[1] == Request("x", "a")


async def test_a_reconciler_in_a_thread_reads_writes_and_waits() -> None:
    class Threaded(Recording):
        def reconcile(self, request: Request) -> Result | None:  # type: ignore[override]
            found: Any = self.client.get(ConfigMap, request.name, namespace=request.namespace)
            typed = self.wait(self.client.get(ConfigMap, request.name, namespace=request.namespace))
            assert found.data == typed.data
            self.wait(self.client.patch(ConfigMap, request.name, {"data": {"seen": "yes"}}, namespace="x"))
            child = config_map(f"{request.name}-child", of=request.name)
            if not request.name.endswith("-child"):
                self.wait(create_or_update(self.client, child, lambda obj: None))
            self.requests.append(request)
            return None

    manager = managed()
    reconciler = Threaded(manager.client)
    controller_managed_by(manager).for_(ConfigMap).complete(reconciler)
    await manager.api_reader.create(config_map("a"))
    async with running(manager):
        await until(lambda: Request("x", "a-child") in reconciler.requests)
        found = await manager.api_reader.get(ConfigMap, "a", namespace="x")
        assert found.data == {"seen": "yes"}
        # In the event loop the same client is awaited as any other, and waiting is refused.
        assert (await reconciler.client.get(ConfigMap, "a", namespace="x")).metadata is not None
        with pytest.raises(RuntimeError, match="use await here"):
            reconciler.wait(reconciler.client.get(ConfigMap, "a", namespace="x"))


def test_a_reconciler_in_a_thread_needs_no_manager_in_a_test() -> None:
    reconciler = Recording(Client(FakeTransport()))
    reconciler.wait(reconciler.client.create(config_map("a")))
    assert reconciler.wait(reconciler.client.get(ConfigMap, "a", namespace="x")).metadata is not None


async def test_a_stack_is_shown_once_and_again_after_a_success(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Recording):
        healthy = False

        async def reconcile(self, request: Request) -> Result | None:
            self.requests.append(request)
            if not self.healthy:
                raise ValueError(f"try {len(self.requests)}")
            return None

    def lines() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.getMessage() == "Reconciler error"]

    manager = managed()
    reconciler = Failing(manager.client)
    controller = controller_managed_by(manager).for_(ConfigMap).complete(reconciler)
    for name in ("a", "b"):
        await manager.api_reader.create(config_map(name))
    async with running(manager):
        await until(lambda: len(lines()) >= 8)
        assert sum(record.exc_info is not None for record in lines()) == 2, "one for each object"
        assert all("try " in record.error for record in lines())  # type: ignore[attr-defined]
        reconciler.healthy = True
        await until(lambda: not controller._outcome._stacks)
        reconciler.healthy = False
        caplog.clear()
        await manager.api_reader.patch(ConfigMap, "a", {"data": {"changed": "yes"}}, namespace="x")
        await until(lambda: len(lines()) >= 3)
        assert sum(record.exc_info is not None for record in lines()) == 1
