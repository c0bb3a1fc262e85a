"""A kind in two versions, whose types know less than the API server stores, and the means to serve its webhooks."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import Field

from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.errors import APIConnectionError

GROUP = "hooks.example.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"


class Part(APIModel):
    name: str
    size: int | None = None


class WidgetSpec(APIModel):
    colour: str | None = None
    size: int | None = None
    parts: list[Part] = Field(default_factory=list)


@resource(group=GROUP, version="v1", storage=False)
class Widget(CustomResource):
    spec: WidgetSpec = Field(default_factory=WidgetSpec)


class WidgetV2Spec(APIModel):
    paint: str | None = None
    width: int | None = None


@resource(group=GROUP, version="v2", kind="Widget", storage=True)
class WidgetV2(CustomResource):
    spec: WidgetV2Spec = Field(default_factory=WidgetV2Spec)


def crd(group: str = GROUP, *versions: str, storage: str = "v1") -> dict[str, Any]:
    """Return a definition of Widget whose spec keeps every field."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == storage,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
                for version in versions or ("v1",)
            ],
        },
    }


def configuration(
    kind: str, name: str, url: str, authorities: bytes = b"", *, group: str = GROUP, version: str = "v1"
) -> dict[str, Any]:
    """Return a webhook configuration with one webhook.

    Args:
        kind: ``Validating`` or ``Mutating``.
        name: The configuration's.
        url: Address of the webhook.
        authorities: PEM; empty leaves the bundle out.
        group: The group it is for.
        version: The version it is for.
    """
    bundle = {"caBundle": base64.b64encode(authorities).decode()} if authorities else {}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": f"{kind.lower()}.{group}",
                "clientConfig": {"url": url, **bundle},
                "rules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": [version],
                        "operations": ["CREATE", "UPDATE", *(["DELETE"] if kind == "Validating" else [])],
                        "resources": ["widgets"],
                    }
                ],
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 10,
            }
        ],
    }


def configurations_path(kind: str, name: str = "") -> str:
    return f"{CONFIGURATIONS}/{kind.lower()}webhookconfigurations" + (f"/{name}" if name else "")


@contextmanager
def installed(control_plane: ControlPlane, definition: dict[str, Any], folder: Path) -> Iterator[None]:
    """Install a definition; it is deleted at the end, for its webhooks are gone then and would fail for others."""
    (folder / "crd.yaml").write_text(json.dumps(definition))
    (name,) = control_plane.install_crds(folder / "crd.yaml")
    try:
        yield
    finally:
        control_plane.rest.request("DELETE", f"{CRDS}/{name}")
        deadline = time.monotonic() + 20
        while control_plane.rest.request("GET", f"{CRDS}/{name}")[0] != 404:
            assert time.monotonic() < deadline
            time.sleep(0.03)


async def raw(client: Client, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Send what no type describes. The control plane's own client blocks the loop that serves the webhooks."""
    payload = None if body is None else json.dumps(body).encode()
    found: dict[str, Any] = json.loads(await client.transport.request(method, path, body=payload))
    return found


def widget_path(namespace: str, name: str = "", *, group: str = GROUP, version: str = "v1") -> str:
    return f"/apis/{group}/{version}/namespaces/{namespace}/widgets" + (f"/{name}" if name else "")


def write_pair(folder: Path, authority: CertificateAuthority) -> None:
    pair = authority.server("webhook", ["127.0.0.1", "localhost"])
    folder.mkdir(exist_ok=True)
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)


@asynccontextmanager
async def running(
    control_plane: ControlPlane, folder: Path, setup: Callable[[Manager], None], **options: Any
) -> AsyncIterator[tuple[Manager, str]]:
    """Run a manager that serves what `setup` builds; give it and the address of its webhooks."""
    defaults = {
        "kubeconfig": str(control_plane.kubeconfig),
        "health_probe_bind_address": "0",
        "webhook_host": "127.0.0.1",
        "webhook_port": free_port(),
        "webhook_cert_path": str(folder),
    }
    managed = Manager(ManagerOptions(**{**defaults, **options}))
    setup(managed)
    task = asyncio.create_task(managed.start())
    try:
        await listening(managed, task)
        yield managed, f"https://127.0.0.1:{managed.options.webhook_port}"
    finally:
        managed.stop()
        await asyncio.wait_for(task, 20)


async def listening(managed: Manager, task: asyncio.Task[None]) -> None:
    assert managed.webhooks is not None
    async with asyncio.timeout(20):
        while True:
            if task.done():
                task.result()
            try:
                await managed.webhooks.check()
            except APIConnectionError:
                await asyncio.sleep(0.02)
            else:
                return


async def post(url: str, body: bytes, content_type: str = "application/json") -> tuple[int, str]:
    """Send a body and return status and text of the answer."""
    headers = {"Content-Type": content_type} if content_type else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers, ssl=False) as answer,
    ):
        return answer.status, await answer.text()
