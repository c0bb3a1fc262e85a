"""Conversion as the API server does it: both ways, through storage, in lists, and when it fails."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from pydantic import Field

from kaiwu_runtime import Client, Manager, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.webhook import webhook_managed_by

from ..faults.proxy import FaultProxy
from .widgets import crd, installed, raw, running, widget_path, write_pair

pytestmark = pytest.mark.envtest

GROUP = "versions.example.com"


class OldSpec(APIModel):
    address: str = ""


@resource(group=GROUP, version="v1", kind="Widget", storage=False)
class Old(CustomResource):
    spec: OldSpec = Field(default_factory=OldSpec)


class NewSpec(APIModel):
    host: str = ""
    port: int = 0


@resource(group=GROUP, version="v2", kind="Widget", storage=True)
class New(CustomResource):
    spec: NewSpec = Field(default_factory=NewSpec)


def to_new(old: Old) -> New:
    host, _, port = old.spec.address.partition(":")
    return New(spec=NewSpec(host=host, port=int(port)))


def to_old(new: New) -> Old:
    return Old(spec=OldSpec(address=f"{new.spec.host}:{new.spec.port}"))


class Watching(Reconciler):
    """Caches the version that is not stored, so its first list needs the conversion."""

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("old widgets").for_(Old).complete(self)
        webhook_managed_by(manager).for_(New).with_spoke(Old, to_new, to_old).complete()

    async def reconcile(self, request: Request) -> Result:
        return Result()


def definition(url: str, authority: CertificateAuthority) -> dict[str, Any]:
    body = crd(GROUP, "v1", "v2", storage="v2")
    bundle = base64.b64encode(authority.certificate).decode()
    body["spec"]["conversion"] = {
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {"url": f"{url}/convert", "caBundle": bundle},
            "conversionReviewVersions": ["v1"],
        },
    }
    return body


def setup(manager: Manager) -> None:
    webhook_managed_by(manager).for_(New).with_spoke(Old, to_new, to_old).complete()


@pytest.fixture(scope="module")
def port() -> int:
    """Port that the installed definition names."""
    return free_port()


@pytest.fixture(scope="module")
def folder(control_plane: ControlPlane, port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder with the certificate of the webhook that the installed definition names."""
    authority = CertificateAuthority()
    folder = tmp_path_factory.mktemp("conversion")
    write_pair(folder, authority)
    with installed(control_plane, definition(f"https://127.0.0.1:{port}", authority), folder):
        yield folder


@pytest.fixture
async def client(control_plane: ControlPlane, folder: Path, port: int) -> AsyncIterator[Client]:
    """A client, while a manager converts."""
    async with (
        running(control_plane, folder, setup, webhook_port=port),
        Client.connect(control_plane.kubeconfig) as made,
    ):
        yield made


def widget(version: str, name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": {"l": "1"}, "annotations": {"a": "1"}}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "Widget", "metadata": metadata, "spec": spec}


def path(namespace: str, name: str = "", version: str = "v1") -> str:
    return widget_path(namespace, name, group=GROUP, version=version)


async def test_both_ways_and_through_storage(client: Client, namespace: str) -> None:
    created = await raw(client, "POST", path(namespace), widget("v1", "a", namespace, address="db:5432"))
    assert (created["apiVersion"], created["spec"]) == (f"{GROUP}/v1", {"address": "db:5432"})

    stored = await raw(client, "GET", path(namespace, "a", "v2"))
    assert (stored["apiVersion"], stored["spec"]) == (f"{GROUP}/v2", {"host": "db", "port": 5432})

    stored["spec"]["port"] = 6000
    await raw(client, "PUT", path(namespace, "a", "v2"), stored)
    old = await raw(client, "GET", path(namespace, "a", "v1"))
    assert (old["apiVersion"], old["spec"]) == (f"{GROUP}/v1", {"address": "db:6000"})
    for member in ("uid", "creationTimestamp", "labels", "annotations", "name", "namespace"):
        assert old["metadata"][member] == created["metadata"][member]
    assert old["metadata"]["generation"] == 2


async def test_a_list_is_converted(client: Client, namespace: str) -> None:
    for number in range(7):
        body = widget("v2", f"w{number}", namespace, host="h", port=number)
        await raw(client, "POST", path(namespace, version="v2"), body)
    found = await client.list(Old, namespace=namespace)
    assert sorted(item.spec.address for item in found) == [f"h:{number}" for number in range(7)]


async def test_a_failing_conversion_fails_the_request_with_its_message(client: Client, namespace: str) -> None:
    with pytest.raises(APIStatusError) as failed:
        await raw(client, "POST", path(namespace), widget("v1", "a", namespace, address="db:high"))
    assert str(failed.value) == (
        f"conversion webhook for {GROUP}/v1, Kind=Widget failed: Widget {namespace}/a to {GROUP}/v2: "
        "ValueError: invalid literal for int() with base 10: 'high'"
    )
    assert (await raw(client, "GET", path(namespace)))["items"] == []


class Service(FaultProxy):
    """Passes connections on to a manager that is ready, and to no other, as a Service in a cluster does."""

    def __init__(self, upstream_port: int, port: int) -> None:
        super().__init__(upstream_port)
        self._named_port = port

    async def __aenter__(self) -> Self:
        self.refusing = True
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._named_port)
        return self

    async def follow(self, managed: Manager) -> None:
        assert managed.probes is not None
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"http://127.0.0.1:{managed.probes.port}/readyz") as answer:
                    self.refusing = answer.status != 200
                await asyncio.sleep(0.05)


async def test_the_caches_of_the_process_that_converts_can_sync(
    control_plane: ControlPlane, folder: Path, port: int, namespace: str
) -> None:
    """The only replica: its first list of Old is answered by its own conversion webhook, once it is ready."""
    async with Client.connect(control_plane.kubeconfig) as client:
        await raw(client, "POST", path(namespace, version="v2"), widget("v2", "a", namespace, host="h", port=1))

    def watching(manager: Manager) -> None:
        manager.setup(Watching)

    options: dict[str, Any] = {
        "namespaces": (namespace,),
        "cache_sync_timeout": 20.0,
        "health_probe_bind_address": "127.0.0.1:0",
    }
    webhook_port = free_port()
    async with (
        Service(webhook_port, port) as service,
        running(control_plane, folder, watching, webhook_port=webhook_port, **options) as (managed, _),
    ):
        assert service.refusing
        following = asyncio.create_task(service.follow(managed))
        found = await asyncio.wait_for(managed.client.get(Old, "a", namespace=namespace), 15)
        following.cancel()
    assert found.spec.address == "h:1"
    assert service.connections > 0
