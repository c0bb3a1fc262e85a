"""Every request, answered by a server or a proxy that does not speak the API: the error is always one of the runtime's.

Other exceptions would pass by the code that waits and tries again, and end a manager.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest
from aiohttp import web
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Node, Pod, PodBinding, ServiceAccount

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.cache._list_pages import list_objects
from kaiwu_runtime.client import HTTPTransport, MetadataClient, get_scale, set_scale
from kaiwu_runtime.config._credentials import Credentials
from kaiwu_runtime.errors import APIConnectionError, APIStatusError, DecodeError, KaiwuError

from ..rest.conftest import served
from ..rest.scripted_server import Server
from .engines import Engine, config_map, engine, engine_in

KEY = ObjectKey("ns", "a")
READ = engine("a", "ns")
READ.metadata = ObjectMeta(name="a", namespace="ns", uid="1", resourceVersion="5")

DEEP = 20_000
BODIES = {
    "nothing": b"",
    "not UTF-8": b"\xff\xfe{\x00}\x00",
    "texts that are not UTF-8": b'{"metadata":{"name":"\xff","resourceVersion":"\xff","uid":"\xff"},"message":"\xff"}',
    "half a character": rb'{"metadata":{"name":"\ud800","resourceVersion":"\ud800"},"message":"\ud800"}',
    "a page": b"<html><body>Log in</body></html>",
    "cut off": b'{"metadata":{"resourceVersion":"1',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"metadata":' * DEEP + b"1" + b"}" * DEEP,
    "a deep member": b'{"details":' + b"[" * DEEP + b"]" * DEEP + b',"kind":"Status"}',
    "deep, not closed": b'{"items":' + b"[" * DEEP,
    "null": b"null",
    "a list": b"[1]",
    "a string": b'"x"',
    "an empty object": b"{}",
    "null in it": b'{"kind":null,"metadata":null,"items":null,"resources":null,"status":null,"details":null}',
    "numbers": b'{"kind":1,"metadata":1,"items":1,"resources":1,"status":1,"details":1,"code":1,"message":1}',
    "lists": b'{"kind":[],"metadata":[],"items":{},"resources":{},"status":[],"details":[],"code":[],"reason":[]}',
    "lists of numbers": b'{"metadata":{"managedFields":[1]},"items":[1,"x"],"resources":[1],"details":{"causes":[1]}}',
    "odd metadata": b'{"metadata":{"name":1,"namespace":[],"resourceVersion":2,"uid":{},"managedFields":{}}}',
    "huge numbers": b'{"code":1e400,"metadata":{"generation":%s},"items":1e400}' % (b"9" * 6000),
    "members twice": b'{"metadata":{"resourceVersion":"1"},"metadata":{"resourceVersion":"2"},"items":[],"items":1}',
    "odd causes": b'{"kind":"Status","code":"x","details":{"causes":{"reason":"FieldValueForbidden"}}}',
    "odd fields": b'{"details":{"causes":[{"reason":"FieldValueForbidden","field":[1]},null]},"message":{"a":[]}}',
    "odd owners": b'{"metadata":{"resourceVersion":"1","managedFields":[{"fieldsV1":{"f:spec":1}}]},"spec":{"old":1}}',
    "odd fields of owners": b'{"metadata":{"resourceVersion":"1","managedFields":[{"manager":"kaiwu-runtime",'
    b'"operation":"Apply","fieldsV1":{"f:spec":{"f:old":[1]}}}]},"spec":{"old":{"x":1}}}',
}  # fmt: skip

STATUSES = [200, 201, 301, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503]

Call = Callable[[Client], Awaitable[object]]


async def followed(client: Client) -> None:
    async for _ in client.logs(Pod, KEY, follow=True):
        pass


def binding() -> PodBinding:
    content = {"metadata": {"name": "a", "namespace": "ns"}, "target": {"name": "node"}}
    return cast("PodBinding", PodBinding.from_dict(content))


CALLS: dict[str, Call] = {
    "get": lambda client: client.get(ConfigMap, KEY),
    "get of a model": lambda client: client.get(Engine, KEY),
    "find": lambda client: client.find(Engine, KEY),
    "list": lambda client: client.list(ConfigMap),
    "list of models": lambda client: client.list(Engine),
    "create": lambda client: client.create(config_map("a", "ns")),
    "create a binding": lambda client: client.create(binding()),
    "patch": lambda client: client.patch(ConfigMap, KEY, {"data": {}}),
    "patch_status": lambda client: client.patch_status(Engine, KEY, {"phase": "x"}),
    "delete": lambda client: client.delete(ConfigMap, KEY),
    "delete_all_of": lambda client: client.delete_all_of(ConfigMap, namespace="ns"),
    "apply": lambda client: client.apply(config_map("a", "ns")),
    "apply with removal": lambda client: client.apply(engine("a", "ns"), remove=["spec.old"]),
    "apply_with_result": lambda client: client.apply_with_result(engine("a", "ns")),
    "apply_status": lambda client: client.apply_status(engine_in("x", READ)),
    "serves": lambda client: client.serves(Engine),
    "create_token": lambda client: client.create_token(ServiceAccount, KEY),
    "evict": lambda client: client.evict(Pod, KEY),
    "proxy": lambda client: client.proxy(Pod, KEY),
    "proxy of a node": lambda client: client.proxy(Node, "a"),
    "logs": lambda client: client.logs(Pod, KEY),
    "logs that are followed": followed,
    "exec": lambda client: client.exec(Pod, KEY, ["true"], timeout=5),
    "get_scale": lambda client: get_scale(client, Engine, KEY),
    "set_scale": lambda client: set_scale(client, Engine, KEY, 1),
    "metadata": lambda client: MetadataClient(client).get(ConfigMap, KEY),
    "list of metadata": lambda client: MetadataClient(client).list(ConfigMap),
    "patch of metadata": lambda client: MetadataClient(client).patch(ConfigMap, KEY, {}),
}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with served() as made:
        yield made


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with Client(HTTPTransport(Credentials(server.url))) as made:
        yield made


async def odd_errors(server: Server, client: Client, call: Call) -> list[str]:
    """Return what is not an error of the runtime, or does not fit the status."""
    found = []
    for status, (name, body) in itertools.product(STATUSES, BODIES.items()):

        async def handle(_: web.Request, status: int = status, body: bytes = body) -> web.StreamResponse:
            return web.Response(status=status, body=body)

        server.answers = [handle]
        try:
            await call(client)
        except BaseException as error:  # noqa: BLE001 - also what ends a task
            fits = isinstance(error, KaiwuError if status < 400 else (APIStatusError, DecodeError))
            if not fits or "\n" in str(error):
                found.append(f"{status}, {name}: {error!r:.150}")
    return found


@pytest.mark.parametrize("call", CALLS)
async def test_only_the_runtimes_own_errors_come_out(server: Server, client: Client, call: str) -> None:
    assert await odd_errors(server, client, CALLS[call]) == []


@pytest.mark.parametrize("call", [name for name in CALLS if name.startswith(("create", "patch", "delete", "apply"))])
async def test_a_cache_that_hears_of_a_write_adds_no_errors(server: Server, client: Client, call: str) -> None:
    cache = Cache(client.transport)
    for kind in (ConfigMap, Engine):
        cache.informer(kind)
    assert await odd_errors(server, CachedClient(client, cache), CALLS[call]) == []


@pytest.mark.parametrize("call", ["list", "list of models", "list of metadata"])
async def test_a_page_that_leads_to_itself_is_not_followed_for_ever(server: Server, client: Client, call: str) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b'{"metadata":{"resourceVersion":"1","continue":"x"},"items":[]}')

    server.answers = [handle]
    with pytest.raises(APIConnectionError, match=r"^list of /[^\n]*: the continue token of a page leads to the same"):
        await CALLS[call](client)
    assert len(server.requests) == 2


async def test_a_cache_does_not_follow_it_for_ever_either(server: Server, client: Client) -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b'{"metadata":{"resourceVersion":"1","continue":"x"},"items":[]}')

    server.answers = [handle]
    with pytest.raises(APIConnectionError, match="the continue token of a page leads to the same page"):
        await list_objects(client.transport, "/x", {}, page_size=1, accept="application/json", parse=lambda _: None)
    assert len(server.requests) == 2
