"""Reads that find objects in doubt: many at once, during an outage, and where the operator may not list everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding

from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.cache import _cache as cache_module
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import APIConnectionError, DecodeError, ServerError
from kaiwu_runtime.rest import Transport, TransportWrapper
from kaiwu_runtime.testing import FakeTransport, virtual_time

from .api import Gadget
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture
from .test_client_on_both import gadget
from .test_doubtful_writes_on_both import Lossy, broken, hanging, lose_a_change, lost, state
from .test_read_your_writes_on_both import late


class Asked(TransportWrapper):
    """Counts the questions about single objects.

    Attributes:
        meanwhile: Called after a question was answered, before the answer arrives.
        fails: Called instead of answering a question.
    """

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.questions = self.concurrent = self.most = 0
        self.meanwhile: Callable[[], Any] | None = None
        self.fails: Callable[[], Any] | None = None

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        if method != "GET" or "fieldSelector" not in (arguments.get("params") or {}):
            return await self.inner.request(method, path, **arguments)
        self.questions += 1
        self.concurrent += 1
        self.most = max(self.most, self.concurrent)
        try:
            await asyncio.sleep(0.002)
            if self.fails is not None:
                await self.fails()
            answer = await self.inner.request(method, path, **arguments)
        finally:
            self.concurrent -= 1
        if self.meanwhile is not None:
            await self.meanwhile()
        return answer


@asynccontextmanager
async def asking(client: Client) -> AsyncIterator[tuple[CachedClient, Lossy, Asked, Any]]:
    lossy = Lossy(client.transport)
    asked = Asked(lossy)
    async with late(Client(asked, namespace=client.namespace), delay=0) as (reader, transport, _):
        yield reader, lossy, asked, transport


async def test_a_read_that_waits_already_asks_as_well(client: Client) -> None:
    async with asking(client) as (reader, lossy, _, transport):
        await reader.create(gadget(client, size=1))
        await state(reader)
        transport.flows.clear()
        await reader.apply(gadget(client, size=2))
        reading = asyncio.create_task(state(reader))
        await asyncio.sleep(0.05)
        lossy.loses = broken
        await lost(reader.apply(gadget(client, size=3)))
        transport.flows.set()
        async with asyncio.timeout(5):
            assert await reading == await state(client)


async def test_what_is_made_anew_while_it_is_asked_for(client: Client) -> None:
    async with asking(client) as (reader, lossy, asked, _):
        await reader.create(gadget(client, size=1))
        await state(reader)
        lossy.loses = broken
        await lost(reader.delete(Gadget, "a", namespace=client.namespace))

        async def make() -> None:
            asked.meanwhile = None
            await client.create(gadget(client, size=7))
            await asyncio.sleep(0.3)  # the watch is faster than the answer

        asked.meanwhile = make
        async with asyncio.timeout(5):
            assert await state(reader) == await state(client) != ()


@pytest.mark.parametrize("deletes", [False, True])
async def test_a_write_that_is_answered_while_it_is_asked_for(client: Client, deletes: bool) -> None:
    """What the question brings is older than that write."""
    async with asking(client) as (reader, lossy, asked, transport):
        await lose_a_change(reader, lossy, transport)

        async def write() -> None:
            asked.meanwhile = None
            if deletes:
                await reader.delete(Gadget, "a", namespace=client.namespace)
            else:
                await reader.apply(gadget(client, size=3))

        asked.meanwhile = write
        reading = asyncio.create_task(state(reader))
        await asyncio.sleep(0.1)
        transport.flows.set()
        async with asyncio.timeout(5):
            assert await reading == await state(client)


async def test_many_objects_are_asked_about_once_and_some_at_a_time(client: Client) -> None:
    async with asking(client) as (reader, lossy, asked, _):
        lossy.loses = broken
        for number in range(60):
            await lost(reader.create(gadget(client, f"g{number}", size=number)))
        lists = await asyncio.gather(*(reader.list(Gadget) for _ in range(20)))
        assert {len(found) for found in lists} == {60}
        assert asked.questions == 60
        assert asked.most <= 10


async def failing() -> None:
    raise ServerError("etcdserver: leader changed", code=500, reason="InternalError")


async def test_a_server_that_fails_is_not_flooded(client: Client) -> None:
    async with asking(client) as (reader, lossy, asked, _):
        lossy.loses = broken
        for number in range(60):
            await lost(reader.create(gadget(client, f"g{number}", size=number)))
        asked.fails = failing
        lists = await asyncio.gather(*(reader.list(Gadget) for _ in range(20)), return_exceptions=True)
        assert {type(found) for found in lists} == {ServerError}
        assert asked.questions <= 20
        assert len(await reader.list(Gadget, wait_for_writes=False)) == 60
        asked.fails = None
        assert len(await reader.list(Gadget)) == 60


async def test_a_server_that_hangs_is_not_waited_for_longer_than_a_watch(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "WAIT_SECONDS", 0.2)
    async with asking(client) as (reader, lossy, asked, _):
        lossy.loses = broken
        await lost(reader.create(gadget(client, size=1)))
        asked.fails = hanging
        reads = await asyncio.gather(*(reader.list(Gadget) for _ in range(5)), return_exceptions=True)
        (message,) = {str(error) for error in reads}
        assert message.startswith("the answer to the last write to Gadget (testing.example.com/v1)")
        assert message.endswith("/a was lost, and the API server did not answer within 0.2 s what is stored")
        assert {type(error) for error in reads} == {APIConnectionError}
        asked.fails = None
        assert len(await reader.list(Gadget)) == 1


async def test_one_read_that_is_cancelled_leaves_the_question_to_another(client: Client) -> None:
    async with asking(client) as (reader, lossy, asked, _):
        lossy.loses = broken
        await lost(reader.create(gadget(client, size=1)))
        asked.fails = hanging
        reads = [asyncio.create_task(state(reader)) for _ in range(3)]
        await asyncio.sleep(0.05)
        asked.fails = None
        reads[0].cancel()
        found = await asyncio.gather(*reads, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1] == found[2] == await state(client)
        assert asked.questions == 2


def test_a_long_outage_does_not_end_the_doubt() -> None:
    async def run() -> None:
        client = Client(FakeTransport(Gadget), namespace="x")
        async with asking(client) as (reader, lossy, _, transport):
            await lose_a_change(reader, lossy, transport)
            await asyncio.sleep(3600)
            reading = asyncio.create_task(state(reader))
            await asyncio.sleep(1)
            transport.flows.set()
            assert await reading == await state(client)

    with virtual_time() as clock:
        clock.run(run())


async def test_an_answer_that_cannot_be_decoded_is_waited_for(client: Client) -> None:
    class Unfit(TransportWrapper):
        async def request(self, method: str, path: str, **arguments: Any) -> bytes:
            answer = await self.inner.request(method, path, **arguments)
            return answer.replace(b'"size":7', b'"size":"seven"') if method == "POST" else answer

    async with late(Client(Unfit(client.transport), namespace=client.namespace)) as (reader, _, _):
        with pytest.raises(DecodeError):
            await reader.create(gadget(client, size=7))
        assert await state(reader) == await state(client) != ()


@pytest.mark.envtest
async def test_an_operator_that_may_see_one_object_only(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """Its role names the object; it writes others, and may neither get nor list them."""
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["users"][0]["user"]["as"] = "narrow"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(content))
    meta = ObjectMeta(name="narrow", namespace=namespace)
    rules = [
        PolicyRule(apiGroups=[""], resources=["configmaps"], verbs=["list", "watch"], resourceNames=["mine"]),
        PolicyRule(apiGroups=[""], resources=["configmaps"], verbs=["create", "patch"]),
    ]
    role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="Role", name="narrow")
    user = Subject(apiGroup="rbac.authorization.k8s.io", kind="User", name="narrow")
    async with Client.connect(control_plane.kubeconfig) as admin, Client.connect(file) as narrow:
        await admin.create(Role(metadata=meta, rules=rules))
        await admin.create(RoleBinding(metadata=meta, roleRef=role, subjects=[user]))
        lossy = Lossy(narrow.transport)
        cache = Cache(lossy, namespaces=(namespace,))
        cache.configure(ConfigMap, field_selector="metadata.name=mine")
        cache.informer(ConfigMap)
        running = asyncio.create_task(cache.run())
        await cache.wait_for_sync()
        reader = CachedClient(Client(lossy, namespace=namespace), cache)
        try:
            for name in ("mine", "other"):
                lossy.loses = broken
                await lost(
                    reader.apply(ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data={"a": "b"}))
                )
                lossy.loses = None
                assert [found.data for found in await reader.list(ConfigMap)] == [{"a": "b"}]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
