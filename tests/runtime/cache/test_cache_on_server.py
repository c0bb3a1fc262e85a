"""The cache equals the server, whatever happens in between: compared object by object."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace

from kaiwu_runtime.cache import Cache, EventType, Informer, ObjectEvent
from kaiwu_runtime.cache import _reflector as reflector_module
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError, NotFoundError

from ..faults.proxy import FaultProxy

pytestmark = pytest.mark.envtest


def config_map(name: str, namespace: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, labels={"test": "cache"}), data=data)


@asynccontextmanager
async def running(client: Client, *namespaces: str) -> AsyncIterator[Cache]:
    cache = Cache(client.transport, namespaces=namespaces, sync_timeout=20)
    task = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_equal(cache: Cache, client: Client, namespace: str) -> dict[str, str]:
    """Wait until every object of the namespace is in the cache in the server's state, and no other is."""

    async def states() -> tuple[dict[str, str], dict[str, str]]:
        live = await client.list(ConfigMap, namespace=namespace)
        known = cache.informer(ConfigMap).store.list(namespace)
        return (
            {str(obj.metadata.name): str(obj.metadata.resourceVersion) for obj in live if obj.metadata},
            {obj.key.name: obj.resource_version for obj in known},
        )

    server: dict[str, str] = {}
    cached: dict[str, str] = {"not": "read"}
    try:
        async with asyncio.timeout(40):
            while True:
                server, cached = await states()
                if server == cached:
                    return server
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"the cache is not the server's state: {sorted(set(server.items()) ^ set(cached.items()))}")


def through(proxy: FaultProxy, kubeconfig: Path, folder: Path) -> Client:
    """Return a client whose connections go through the proxy."""
    text = re.sub(r"https://127\.0\.0\.1:\d+", f"https://127.0.0.1:{proxy.port}", kubeconfig.read_text())
    path = folder / "proxied.kubeconfig"
    path.write_text(text)
    return Client.connect(path)


def port_of(control_plane: ControlPlane) -> int:
    return int(control_plane.url.rsplit(":", 1)[1])


async def test_every_kind_of_change_arrives(client: Client, namespace: str) -> None:
    async with running(client, namespace) as cache:
        events: list[ObjectEvent] = []
        await client.create(config_map("before", namespace))
        informer = cache.informer(ConfigMap)
        informer.add_event_handler(events.append)
        await informer.wait_for_sync()
        await client.create(config_map("x", namespace, a="1"))
        await client.apply(config_map("x", namespace, a="2"))
        await until_equal(cache, client, namespace)
        await client.delete(ConfigMap, "x", namespace=namespace)
        await until_equal(cache, client, namespace)
        mine = [(event.type, event.initial) for event in events if event.object.key.name == "x"]
        assert mine == [(EventType.ADDED, False), (EventType.MODIFIED, False), (EventType.DELETED, False)]
        assert [event.initial for event in events if event.object.key.name == "before"] == [True]


async def test_many_pages_are_one_list(client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaiwu_runtime.cache._informer.Reflector", _small_pages)
    await asyncio.gather(*(client.create(config_map(f"n{number}", namespace)) for number in range(25)))
    async with running(client, namespace) as cache:
        cache.informer(ConfigMap)
        await cache.wait_for_sync()
        assert len(await until_equal(cache, client, namespace)) >= 25


def _small_pages(*arguments: object, **options: object) -> reflector_module.Reflector:
    return reflector_module.Reflector(*arguments, **options, page_size=4)  # type: ignore[arg-type]


async def test_reads_are_copies_and_selectors_work(client: Client, namespace: str) -> None:
    await client.create(config_map("x", namespace, a="1"))
    other = config_map("y", namespace)
    assert other.metadata is not None
    other.metadata.labels = {"test": "other"}
    await client.create(other)
    async with running(client, namespace) as cache:
        cached = CachedClient(client, cache)
        first = await cached.get(ConfigMap, "x", namespace=namespace)
        assert first.data == {"a": "1"}
        first.data["a"] = "changed"
        assert (await cached.get(ConfigMap, "x", namespace=namespace)).data == {"a": "1"}
        names = [obj.metadata.name for obj in await cached.list(ConfigMap, label_selector="test=other") if obj.metadata]
        assert names == ["y"]
        names = [
            obj.metadata.name for obj in await cached.list(ConfigMap, field_selector="metadata.name=x") if obj.metadata
        ]
        assert names == ["x"]
        with pytest.raises(NotFoundError, match=r'configmaps "absent" not found'):
            await cached.get(ConfigMap, "absent", namespace=namespace)
        with pytest.raises(ValueError, match=r"data\.x"):
            await cached.list(ConfigMap, field_selector="data.x=1")
        assert namespace in [obj.metadata.name for obj in await cached.list(Namespace) if obj.metadata]


async def test_what_is_watched_and_what_is_kept(client: Client, namespace: str) -> None:
    for name, team in (("mine", "a"), ("theirs", "b")):
        labelled = config_map(name, namespace, big="x" * 10_000, small="1")
        assert labelled.metadata is not None
        labelled.metadata.labels = {"team": team}
        await client.create(labelled)

    def without_big(obj: dict[str, Any]) -> dict[str, Any]:
        obj.get("data", {}).pop("big", None)
        return obj

    async with running(client, namespace) as cache:
        cache.configure(ConfigMap, label_selector="team=a", transform=without_big)
        (kept,) = await cache.list(ConfigMap)
        assert kept.data == {"small": "1"}
        await client.patch(ConfigMap, "mine", {"data": {"small": "2"}}, namespace=namespace)
        while (await cache.get(ConfigMap, "mine", namespace=namespace)).data != {"small": "2"}:  # noqa: ASYNC110 - the server decides when
            await asyncio.sleep(0.01)
        # An object that no longer matches is gone as far as the cache is concerned.
        await client.patch(ConfigMap, "mine", {"metadata": {"labels": {"team": "b"}}}, namespace=namespace)
        while await cache.list(ConfigMap):  # noqa: ASYNC110 - the server decides when
            await asyncio.sleep(0.01)
        cache.configure(ConfigMap, label_selector="team=a", transform=without_big)
        with pytest.raises(ConfigurationError, match=r"is watched already, with other selectors"):
            cache.configure(ConfigMap, label_selector="team=b")


async def test_a_field_selector_and_other_namespaces(client: Client, namespace: str) -> None:
    await client.create(config_map("one", namespace))
    await client.create(config_map("two", namespace))
    async with running(client, "elsewhere") as cache:
        cache.configure(ConfigMap, field_selector="metadata.name=one", namespaces=[namespace])
        assert [str(obj.key) for obj in (await synced(cache, ConfigMap)).store] == [f"{namespace}/one"]


async def synced(cache: Cache, kind: type[Any], *, metadata_only: bool = False) -> Informer[Any]:
    informer = cache.informer(kind, metadata_only=metadata_only)
    await cache.wait_for(informer)
    return informer


async def test_metadata_alone(client: Client, namespace: str) -> None:
    await client.create(config_map("x", namespace, big="x" * 10_000))
    async with running(client, namespace) as cache:
        slim = await synced(cache, ConfigMap, metadata_only=True)
        whole = await synced(cache, ConfigMap)
        (kept,) = slim.store
        assert kept.labels == {"test": "cache"}
        assert len(kept.raw) < 1000 < len(next(iter(whole.store)).raw)
        assert json.loads(kept.raw)["kind"] == "PartialObjectMetadata"
        events: list[ObjectEvent] = []
        slim.add_event_handler(events.append)
        await client.delete(ConfigMap, "x", namespace=namespace)
        while len(events) < 2:  # noqa: ASYNC110 - the server decides when
            await asyncio.sleep(0.01)
        assert [entry.type for entry in events] == [EventType.ADDED, EventType.DELETED]


async def test_a_streaming_list_gives_what_a_list_gives(client: Client, namespace: str) -> None:
    for number in range(30):
        await client.create(config_map(f"n{number}", namespace))
    cache = Cache(client.transport, namespaces=[namespace], sync_timeout=20, streaming_list=True)
    task = asyncio.create_task(cache.run())
    try:
        informer = await synced(cache, ConfigMap)
        initial: list[ObjectEvent] = []
        informer.add_event_handler(initial.append)
        assert len(initial) == 30
        assert all(entry.initial for entry in initial)
        await client.delete(ConfigMap, "n3", namespace=namespace)
        assert len(await until_equal(cache, client, namespace)) == 29
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_read_of_what_is_forbidden_or_absent_fails_at_once(control_plane: ControlPlane, namespace: str) -> None:
    """Not after the cache's two minutes; and never as if the object did not exist."""
    stranger = control_plane.add_user("stranger", [])
    async with Client.connect(stranger) as forbidden, running(forbidden, namespace) as cache:
        with pytest.raises(ConfigurationError, match=r"missing RBAC rule: .*configmaps"):
            await asyncio.wait_for(cache.get(ConfigMap, "x", namespace=namespace), 5)
    absent = create_namespaced_resource("absent.example.com", "v1", "Absent", "absents")
    async with Client.connect(control_plane.kubeconfig) as client, running(client, namespace) as cache:
        with pytest.raises(ConfigurationError, match=r"no resource absents\.absent\.example\.com; run `make install`"):
            await asyncio.wait_for(cache.get(absent, "x", namespace=namespace), 5)


async def test_a_cache_that_cannot_sync_says_why(client: Client) -> None:
    cache = Cache(client.transport, sync_timeout=0.1)
    with pytest.raises(APIConnectionError, match=r"ConfigMap.*did not sync within 0.1 s: the cache does not run"):
        await cache.get(ConfigMap, "x", namespace="default")


async def test_dropped_and_cut_connections_lose_nothing(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    async with FaultProxy(port_of(control_plane)) as proxy:
        proxied = through(proxy, control_plane.kubeconfig, tmp_path)
        async with proxied, running(proxied, namespace) as cache:
            cache.informer(ConfigMap)
            await cache.wait_for_sync()
            for number in range(40):
                await client.apply(config_map(f"n{number % 10}", namespace, value=str(number)))
                if number % 8 == 3:
                    proxy.drop()
                if number % 8 == 5:
                    proxy.cut_after = 700  # in the middle of an event's line
                if number % 10 == 7:
                    await client.delete(ConfigMap, f"n{(number - 2) % 10}", namespace=namespace)
            server = await until_equal(cache, client, namespace)
            assert len(server) >= 6
            assert proxy.connections > 2  # the first one, and one after each fault that met the watch


async def test_a_silent_connection_is_given_up(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector_module, "IDLE_SECONDS", 1.5)
    async with FaultProxy(port_of(control_plane)) as proxy:
        proxied = through(proxy, control_plane.kubeconfig, tmp_path)
        async with proxied, running(proxied, namespace) as cache:
            cache.informer(ConfigMap)
            await cache.wait_for_sync()
            proxy.stall()
            await client.apply(config_map("missed", namespace))
            await asyncio.sleep(2.0)  # longer than the client waits
            proxy.resume()
            assert "missed" in await until_equal(cache, client, namespace)


@pytest.fixture(scope="module")
def own_control_plane() -> Iterator[ControlPlane]:
    """One that may be killed."""
    with ControlPlane() as plane:
        yield plane


async def test_an_api_server_that_is_killed_and_starts_again(own_control_plane: ControlPlane) -> None:
    async with Client.connect(own_control_plane.kubeconfig) as client, running(client) as cache:
        cache.informer(ConfigMap)
        await cache.wait_for_sync()
        await client.apply(config_map("before", "default"))
        own_control_plane.kill_apiserver()
        await asyncio.to_thread(own_control_plane.start_apiserver)
        await client.apply(config_map("after", "default"))
        assert {"before", "after"} <= (await until_equal(cache, client, "default")).keys()


async def test_a_history_that_is_compacted_away(own_control_plane: ControlPlane) -> None:
    """The version to resume from is gone; what was deleted meanwhile is found by comparing."""
    async with Client.connect(own_control_plane.kubeconfig) as client:
        await client.apply(config_map("vanishes", "default"))
        async with running(client) as cache:
            deleted: list[str] = []
            informer = cache.informer(ConfigMap)
            informer.add_event_handler(
                lambda event: deleted.append(event.object.key.name) if event.type is EventType.DELETED else None
            )
            await cache.wait_for_sync()
            own_control_plane.stop_apiserver()
            await asyncio.to_thread(own_control_plane.start_apiserver)
            async with Client.connect(own_control_plane.kubeconfig) as other:
                await other.delete(ConfigMap, "vanishes", namespace="default")
                for number in range(20):
                    await other.apply(config_map("busy", "default", value=str(number)))
            own_control_plane.compact_etcd()
            own_control_plane.stop_apiserver()
            await asyncio.to_thread(own_control_plane.start_apiserver)
            assert "vanishes" not in await until_equal(cache, client, "default")
            assert "vanishes" in deleted
