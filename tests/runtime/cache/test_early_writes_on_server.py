"""Reads wait for own writes also before the first list is there, and whatever type a write was made through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.rest import Transport

pytestmark = pytest.mark.envtest

GROUP = "early.example.com"


class GadgetSpec(APIModel):
    a: int | None = None


@resource(group=GROUP, version="v1")
class Gadget(CustomResource):
    spec: GadgetSpec = GadgetSpec()


@resource(group=GROUP, version="v2", kind="Gadget", storage=False)
class NewGadget(CustomResource):
    spec: GadgetSpec = GadgetSpec()


Generic = create_namespaced_resource(GROUP, "v1", "Gadget", "gadgets")


class Late:
    """A transport whose answers to lists and lines of watches come late."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.list_seconds = self.line_seconds = 0.0
        self.listed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def request(self, method: str, path: str, **options: Any) -> bytes:
        answer = await self.inner.request(method, path, **options)
        if "limit" in (options.get("params") or {}):
            self.listed.set()
            await asyncio.sleep(self.list_seconds)
        return answer

    async def stream(self, path: str, **options: Any) -> AsyncGenerator[bytes, None]:
        async for line in self.inner.stream(path, **options):
            await asyncio.sleep(self.line_seconds)
            yield line


@asynccontextmanager
async def late(kubeconfig: Path) -> AsyncIterator[tuple[CachedClient, Client, Late]]:
    plain = Client.connect(kubeconfig)
    transport = Late(plain.transport)
    cache = Cache(transport)
    running = asyncio.create_task(cache.run())
    try:
        yield CachedClient(Client(transport), cache), plain, transport
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await plain.close()


def config_map(namespace: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="a", namespace=namespace), data=data)


async def _create(client: Client, namespace: str) -> None:
    await client.create(config_map(namespace, x="2"))


async def _apply(client: Client, namespace: str) -> None:
    await client.apply(config_map(namespace, x="2"))


async def _patch(client: Client, namespace: str) -> None:
    await client.patch(ConfigMap, "a", {"data": {"x": "2"}}, namespace=namespace)


async def _delete(client: Client, namespace: str) -> None:
    await client.delete(ConfigMap, "a", namespace=namespace)


async def _delete_and_create(client: Client, namespace: str) -> None:
    await _delete(client, namespace)
    await _create(client, namespace)


@pytest.mark.parametrize("selector", ["", "!absent"])
@pytest.mark.parametrize(
    ("exists", "write", "expected"),
    [
        (False, _create, [{"x": "2"}]),
        (True, _apply, [{"x": "2"}]),
        (True, _patch, [{"x": "2"}]),
        (True, _delete, []),
        (True, _delete_and_create, [{"x": "2"}]),
    ],
)
async def test_a_write_while_the_first_list_is_under_way(
    *,
    kubeconfig: Path,
    namespace: str,
    selector: str,
    exists: bool,
    write: Callable[[Client, str], Coroutine[Any, Any, None]],
    expected: list[dict[str, str]],
) -> None:
    async with late(kubeconfig) as (client, plain, transport):
        if exists:
            await plain.create(config_map(namespace, x="1"))
        client._cache.configure(ConfigMap, label_selector=selector, namespaces=[namespace])
        transport.list_seconds = 1
        first = asyncio.create_task(client.list(ConfigMap, namespace=namespace))
        await transport.listed.wait()
        await write(client, namespace)
        found = await client.list(ConfigMap, namespace=namespace)
        assert [obj.data for obj in found if obj.metadata and obj.metadata.name == "a"] == expected
        await first


@pytest.fixture(scope="module")
def gadgets(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    file = tmp_path_factory.mktemp("crds") / "crd.yaml"
    (crd,) = build_crds([Gadget, NewGadget])
    file.write_text(yaml.safe_dump(crd.manifest))
    control_plane.install_crds(file)
    yield
    control_plane.rest.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{GROUP}")


@pytest.mark.usefixtures("gadgets")
@pytest.mark.parametrize("writer", [Gadget, NewGadget, Generic])
@pytest.mark.parametrize("reader", [Gadget, NewGadget, Generic])
async def test_a_write_through_another_type(
    kubeconfig: Path, namespace: str, writer: type[Any], reader: type[Any]
) -> None:
    async with late(kubeconfig) as (client, plain, transport):
        await plain.create(Gadget(metadata=ObjectMeta(name="a", namespace=namespace), spec=GadgetSpec(a=1)))
        await client.get(reader, "a", namespace=namespace)
        transport.line_seconds = 0.2
        await client.patch(writer, "a", {"spec": {"a": 2}}, namespace=namespace)
        spec = (await client.get(reader, "a", namespace=namespace)).spec
        assert (spec["a"] if isinstance(spec, dict) else spec.a) == 2


@pytest.mark.usefixtures("gadgets")
@pytest.mark.parametrize("other", [NewGadget, Generic])
async def test_an_apply_after_a_write_through_another_type_is_sent(
    kubeconfig: Path, namespace: str, other: type[Any]
) -> None:
    async with late(kubeconfig) as (client, plain, transport):
        wanted = Gadget(metadata=ObjectMeta(name="a", namespace=namespace), spec=GadgetSpec(a=1))
        await client.list(Gadget)
        await client.apply(wanted)
        await client.get(Gadget, "a", namespace=namespace)
        transport.line_seconds = 0.2
        await client.patch(other, "a", {"spec": {"a": 2}}, namespace=namespace)
        await client.apply(wanted)
        assert (await plain.get(Gadget, "a", namespace=namespace)).spec.a == 1
