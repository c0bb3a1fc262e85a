"""What wakes a controller on a real API server: its kind, what that owns, map functions, channels."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import (
    Client,
    NotFoundError,
    Request,
    set_controller_reference,
)
from kaiwu_runtime.cache import CachedObject
from kaiwu_runtime.controller import Channel

from .rig import Rig, config_map, until

pytestmark = pytest.mark.envtest


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
    channel: Channel[int] = Channel(max_pending=2)
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
        assert any(b"YQ==" in obj.raw or b'"a"' in obj.raw for obj in informer.store) is not metadata_only
        assert len(rig.manager.cache.informers) == 2
