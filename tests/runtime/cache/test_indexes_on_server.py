"""Lists by a field, from the cache of a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.cache import Cache
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ConfigurationError

from .test_cache_on_server import config_map, running

pytestmark = pytest.mark.envtest


def settings(obj: ConfigMap) -> list[str]:
    """Fails for an object that has no setting."""
    data: dict[str, str] = obj.data or {}
    return [data["setting"]]


def zones(obj: ConfigMap) -> list[str]:
    data: dict[str, str] = obj.data or {}
    return data.get("zones", "").split()


@asynccontextmanager
async def indexed(client: Client, *namespaces: str) -> AsyncIterator[Cache]:
    async with running(client, *namespaces) as cache:
        cache.index_field(ConfigMap, "data.setting", settings)
        cache.index_field(ConfigMap, "data.zones", zones)
        yield cache


async def names(cache: Cache, selector: str, namespace: str = "", labels: str = "") -> set[str]:
    found = await cache.list(ConfigMap, namespace=namespace, field_selector=selector, label_selector=labels)
    return {str(obj.metadata.name) for obj in found if obj.metadata}


async def test_objects_are_listed_by_their_fields(client: Client, namespace: str) -> None:
    await client.create(config_map("one", namespace, setting="a,b", zones="x y"))
    await client.create(config_map("two", namespace, setting="a,b", zones="y"))
    await client.create(config_map("none", namespace))
    async with indexed(client, namespace) as cache:
        assert await names(cache, r"data.setting=a\,b") == {"one", "two"}
        assert await names(cache, "data.zones=x") == {"one"}
        assert await names(cache, r"data.setting=a\,b,data.zones=x") == {"one"}
        assert await names(cache, "data.zones=y,metadata.name=two") == {"two"}
        with pytest.raises(ConfigurationError, match="the cache watches only"):
            await names(cache, "data.zones=y", namespace="elsewhere")
        with pytest.raises(ConfigurationError, match="the cache watches only"):
            await names(cache, "data.zones=y,metadata.namespace=elsewhere")
        assert await names(cache, "data.zones=y", labels="test!=cache") == set()
        assert await names(cache, "") >= {"one", "two", "none"}, "who has no value is in the cache all the same"

        await client.patch(ConfigMap, "two", {"data": {"zones": "z"}}, namespace=namespace)
        await client.delete(ConfigMap, "one", namespace=namespace)
        async with asyncio.timeout(20):
            while await names(cache, "data.zones=y") or not await names(cache, "data.zones=z"):  # noqa: ASYNC110 - the server decides when
                await asyncio.sleep(0.01)


async def test_every_namespace_has_its_own(client: Client, control_plane: ControlPlane, namespace: str) -> None:
    other = control_plane.create_namespace()
    await client.create(config_map("here", namespace, zones="x"))
    await client.create(config_map("there", other, zones="x"))
    async with indexed(client, namespace, other) as cache:
        assert await names(cache, "data.zones=x") == {"here", "there"}
        assert await names(cache, "data.zones=x", namespace=other) == {"there"}
        assert await names(cache, f"data.zones=x,metadata.namespace={namespace}") == {"here"}


async def test_a_field_without_an_index_is_refused(client: Client, namespace: str) -> None:
    async with indexed(client, namespace) as cache:
        with pytest.raises(ValueError, match=r"knows no field data\.other of ConfigMap \(v1\); index it with"):
            await names(cache, "data.zones=x,data.other=y")


@pytest.mark.parametrize("field", ["", "a=b", "a,b", "a b", "metadata.name"])
async def test_what_can_be_no_field(client: Client, field: str) -> None:
    with pytest.raises(ValueError, match="is not a valid field name"):
        Cache(client.transport).index_field(ConfigMap, field, zones)


async def test_an_index_may_come_before_the_selectors_of_its_kind_and_after_its_objects(
    client: Client, namespace: str
) -> None:
    await client.create(config_map("one", namespace, zones="x"))
    await client.create(config_map("two", namespace, zones="x"))
    async with running(client, namespace) as cache:
        cache.index_field(ConfigMap, "data.zones", zones)
        cache.configure(ConfigMap, field_selector="metadata.name=one")
        assert await names(cache, "data.zones=x") == {"one"}
        cache.index_field(ConfigMap, "data.also", zones)
        assert await names(cache, "data.also=x") == {"one"}
        (found,) = cache.informer(ConfigMap).by_index("data.also", "x")
        assert found.metadata is not None
        assert found.metadata.name == "one"


async def test_a_field_has_one_index(client: Client) -> None:
    cache = Cache(client.transport)
    cache.index_field(ConfigMap, "data.zones", zones)
    with pytest.raises(ValueError, match=r"ConfigMap \(v1\): data\.zones is indexed already"):
        cache.index_field(ConfigMap, "data.zones", settings)
