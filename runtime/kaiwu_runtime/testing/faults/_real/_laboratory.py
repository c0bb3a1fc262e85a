"""A control plane with everything around it that a run needs; runs follow each other in it, each from a clean start."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from kaiwu_runtime.envtest import ControlPlane, WebhookInstallation
from kaiwu_runtime.errors import ControlPlaneError
from kaiwu_runtime.testing._fault_proxy._http_proxy import HTTPFaultProxy
from kaiwu_runtime.testing._fault_proxy._server import Server
from kaiwu_runtime.testing.faults._real._garbage import GarbageCollector
from kaiwu_runtime.testing.faults._real._observer import Observer
from kaiwu_runtime.testing.faults._real._resources import Resources

_CLEAN_SECONDS = 60.0
_POLL_SECONDS = 0.05
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_CONFIGURATIONS = (f"{_ADMISSION}/mutatingwebhookconfigurations", f"{_ADMISSION}/validatingwebhookconfigurations")
_LEASES = "/apis/coordination.k8s.io/v1/leases"


class Laboratory:
    """Starts a control plane, a proxy in front of it, and what follows its objects; an async context manager.

    Args:
        crds: Files and folders with CRDs.
        webhooks: Folders with webhook configurations.
        permissions: Kustomization with the operator's service account and roles; None gives it all permissions.
        namespace: Of the operator.

    Attributes:
        plane: The control plane.
        server: Its API server.
        proxy: What the operator talks to.
        resources: What the API server has.
        observer: Knows every object.
        kubeconfig: For the operator.
        past_proxy: The same, past the proxy and its faults.
        webhooks: Where the operator has to serve its webhooks; None without.
    """

    server: Server
    proxy: HTTPFaultProxy
    resources: Resources
    observer: Observer
    kubeconfig: Path
    past_proxy: Path

    def __init__(
        self,
        crds: Sequence[Path],
        webhooks: Sequence[Path],
        *,
        permissions: Path | None = None,
        namespace: str = "default",
    ) -> None:
        self._crds = crds
        self._permissions = permissions
        self._namespace = namespace
        self._webhook_folders = webhooks
        self._stack = AsyncExitStack()
        self._namespaces: set[str] = set()
        self._collector: GarbageCollector | None = None
        self.plane = ControlPlane()
        self.webhooks: WebhookInstallation | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
        await asyncio.to_thread(self.plane.stop)

    async def _start(self) -> None:
        await asyncio.to_thread(self.plane.start)
        if self._crds:
            await asyncio.to_thread(self.plane.install_crds, *self._crds)
        if self._webhook_folders:
            self.webhooks = await asyncio.to_thread(self.plane.install_webhooks, *self._webhook_folders)
        self.past_proxy = self.plane.kubeconfig
        if self._permissions is not None:
            account = partial(self.plane.as_service_account, self._permissions, namespace=self._namespace)
            self.past_proxy = await asyncio.to_thread(account)
        enter = self._stack.enter_async_context
        self.server = await enter(Server(self.plane.kubeconfig))
        self.proxy = await enter(HTTPFaultProxy(self.server))
        self.resources = await Resources.discover(self.server)
        self.observer = Observer(self.server, self.resources.watched)
        self._stack.push_async_callback(self.observer.stop)
        await self.observer.start()
        self._collector = GarbageCollector(self.server, self.resources, self.observer)
        collecting = asyncio.create_task(self._collector.run(), name="garbage collector")
        self._stack.callback(collecting.cancel)
        self.kubeconfig = self._write_kubeconfig()

    def _write_kubeconfig(self) -> Path:
        config = yaml.safe_load(self.past_proxy.read_text(encoding="utf-8"))
        authority = base64.b64encode(self.proxy.authority).decode()
        config["clusters"][0]["cluster"] = {"server": self.proxy.url, "certificate-authority-data": authority}
        path = self.plane.directory / "operator.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    async def make_namespace(self, name: str) -> None:
        """Make a namespace that stays for all runs; does nothing if there is one."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        status, answer = await self.server.request("POST", "/api/v1/namespaces", body)
        if status == 201:
            self.observer.baseline.add(answer["metadata"]["uid"])

    async def clean(self) -> None:
        """Delete what a run has left.

        Raises:
            ControlPlaneError: Something cannot be deleted.
        """
        if self.webhooks is not None:  # no operator serves them
            await asyncio.to_thread(self.webhooks.suspend)
        await self._delete_everything()
        if self.webhooks is not None:
            await asyncio.to_thread(self.webhooks.resume)
            for path in _CONFIGURATIONS:
                found = await self.server.list(path)
                self.observer.baseline.update(each["metadata"]["uid"] for each in found.values())

    async def _delete_everything(self) -> None:
        assert self._collector is not None  # noqa: S101 - for mypy
        deadline = time.monotonic() + _CLEAN_SECONDS
        for name, lease in (await self.server.list(_LEASES)).items():
            namespace = lease["metadata"]["namespace"]
            if not namespace.startswith("kube-"):
                path = _LEASES.replace("/leases", f"/namespaces/{namespace}/leases/{name}")
                await self.server.request("DELETE", path)
        while left := self.observer.present():
            if time.monotonic() > deadline:
                named = ", ".join(f"{obj['kind']} {obj['metadata']['name']}" for obj in left[:3])
                raise ControlPlaneError(f"what a run has left cannot be deleted: {named}")
            for obj in left:
                await self._collector.delete(obj, force=True)
            await asyncio.sleep(_POLL_SECONDS)
