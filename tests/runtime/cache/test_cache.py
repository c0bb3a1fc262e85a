"""A cache means the same as the API server, or says that it cannot."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Node, Secret, Service
from pydantic import field_validator

from kaiwu_runtime import Client, NotFoundError
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.errors import ConfigurationError, DecodeError
from kaiwu_runtime.testing import FakeTransport


class GadgetSpec(APIModel):
    """What a Gadget is."""

    size: str = ""

    @field_validator("size")
    @classmethod
    def check(cls, value: str) -> str:
        """Raise what the value asks for."""
        if value:
            raise FAILURES[value]
        return value


FAILURES: dict[str, BaseException] = {
    "exit": SystemExit(0),
    "interrupt": KeyboardInterrupt(),
    "cancelled": asyncio.CancelledError(),
    "closed": GeneratorExit(),
    "key": KeyError("a"),
    "type": TypeError("secret"),
    "recursion": RecursionError("too deep"),
    "memory": MemoryError(),
    "group": BaseExceptionGroup("g", [SystemExit(1)]),
    "value": ValueError("no"),
    "assertion": AssertionError("no"),
    "unicode": UnicodeDecodeError("utf-8", b"", 0, 1, "no"),
}


@resource(group="cache.example.com", version="v1")
class Gadget(CustomResource):
    """A kind with a validator of its own."""

    spec: GadgetSpec = GadgetSpec()


@asynccontextmanager
async def running(client: Client, *namespaces: str) -> AsyncIterator[Cache]:
    cache = Cache(client.transport, namespaces=namespaces, sync_timeout=10)
    task = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def filled() -> Client:
    client = Client(FakeTransport(Gadget))
    for namespace in ("a", "b"):
        labels = {"of": namespace}
        await client.create(Secret(metadata=ObjectMeta(name="s", namespace=namespace, labels=labels)))
    await client.create(Node(metadata=ObjectMeta(name="n")))
    return client


async def outcome(reading: Any) -> Any:
    try:
        found = await reading
    except Exception as error:  # noqa: BLE001 - compared
        return type(error)
    if isinstance(found, list):
        return sorted((obj.metadata.namespace or "", obj.metadata.name) for obj in found)
    return found.metadata.name


@pytest.mark.parametrize("namespace", ["", "a", "b", "c"])
@pytest.mark.parametrize(("kind", "name"), [(Secret, "s"), (Node, "n"), (Secret, ""), (Node, "other")])
async def test_a_scope_means_the_same_to_the_cache_and_the_client(kind: type[Any], name: str, namespace: str) -> None:
    client = await filled()
    async with running(client) as cache:
        cached = CachedClient(client, cache)
        read: Callable[[Client], Any]
        for read in (
            lambda reader: reader.get(kind, name, namespace=namespace),
            lambda reader: reader.list(kind, namespace=namespace),
        ):
            assert await outcome(read(cached)) == await outcome(read(client))


@pytest.mark.parametrize("watched", [("a",), ("a", "c")])
async def test_a_namespace_that_is_not_watched_is_never_said_to_be_empty(watched: tuple[str, ...]) -> None:
    client = await filled()
    async with running(client, *watched) as cache:
        assert (await cache.get(Secret, "s", namespace="a")).metadata is not None
        assert len(await cache.list(Secret)) == 1
        assert (await cache.get(Node, "n", namespace="b")).metadata is not None, "a cluster-scoped kind has none"
        for reading in (
            cache.get(Secret, "s", namespace="b"),
            cache.list(Secret, namespace="b"),
            cache.list(Secret, field_selector="metadata.namespace=b"),
        ):
            with pytest.raises(ConfigurationError, match=r"Secret \(v1\) in namespace 'b': the cache watches only a"):
                await reading


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"label_selector": "of=a"}, "labels 'of=a'"),
        ({"field_selector": "metadata.name=other"}, "fields 'metadata.name=other'"),
        ({"label_selector": "of=a", "field_selector": "metadata.name=s"}, "labels 'of=a' and fields 'metadata.name=s'"),
    ],
)
async def test_what_selectors_leave_out_is_said_when_an_object_is_not_found(limits: dict[str, str], said: str) -> None:
    client = await filled()
    async with running(client) as cache:
        cache.configure(Secret, **limits)  # type: ignore[arg-type]
        with pytest.raises(NotFoundError, match=f"in the cache, which holds {said} only; manager.api_reader"):
            await cache.get(Secret, "s", namespace="b")


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_validator_may_raise_anything_and_costs_its_object(failure: str) -> None:
    client = Client(FakeTransport(Gadget))
    path = "/apis/cache.example.com/v1/namespaces/a/gadgets"
    for name, size in (("bad", failure), ("good", ""), ("worse", failure)):
        header = {"apiVersion": "cache.example.com/v1", "kind": "Gadget"}
        body = {**header, "metadata": {"name": name, "namespace": "a"}, "spec": {"size": size}}
        await client.transport.request("POST", path, body=json.dumps(body).encode())
    async with running(client) as cache:
        for reader in (client, CachedClient(client, cache)):
            assert (await reader.get(Gadget, "good", namespace="a")).metadata.name == "good"
            with pytest.raises(DecodeError, match=r"^Gadget a/bad: ") as caught:
                await reader.get(Gadget, "bad", namespace="a")
            assert (caught.value.namespace, caught.value.name) == ("a", "bad")
            with pytest.raises(DecodeError, match="1 more of the list") as of_list:
                await reader.list(Gadget, namespace="a")
            assert [obj.metadata.name for obj in of_list.value.decoded] == ["good"]


async def test_nothing_of_the_application_is_frozen_by_a_list() -> None:
    frozen = gc.get_freeze_count()
    client = Client(FakeTransport())
    async with running(client) as cache:
        for kind in (ConfigMap, Secret, Service):
            await cache.list(kind)
    assert gc.get_freeze_count() == frozen
    assert gc.isenabled()


@pytest.mark.parametrize(
    "transform",
    [
        lambda _: None,
        lambda obj: {**obj, "metadata": {}},
        lambda obj: {"metadata": {**obj["metadata"], "name": "another"}},
        lambda obj: {key: value for key, value in obj.items() if key != "metadata"},
        lambda obj: obj["no such member"],
        lambda obj: {**obj, "data": object()},
    ],
)
async def test_a_transform_that_loses_an_object_loses_nothing(transform: Any) -> None:
    client = await filled()
    async with running(client) as cache:
        cache.configure(Secret, transform=transform)
        assert len(await cache.list(Secret)) == 2
        await client.patch(Secret, "s", {"stringData": {"a": "b"}}, namespace="a")
        await client.create(Secret(metadata=ObjectMeta(name="t", namespace="a")))
        async with asyncio.timeout(5):
            while len(await cache.list(Secret)) != 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
