"""An operator as a process of its own, for tests that put faults between it and the API server.

Run as ``python -m tests.runtime.faults.operator``. It keeps one ConfigMap per Widget, deletes the ConfigMap of a Widget
that is gone, and sends the content of its cache to every client of its debug port. It writes only where the cache
differs from what is wanted: an event that was lost stays visible as a difference.

After a write it looks again until the cache shows it. What is created and deleted while no watch runs is in neither
list, so no informer reports it: an operator that trusts a write it has not seen would never hear of its loss.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from pydantic import Field

from kaiwu_runtime import (
    Manager,
    ManagerOptions,
    NotFoundError,
    Reconciler,
    Request,
    Result,
    controller_managed_by,
    set_controller_reference,
)
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.cache import _reflector as reflector
from kaiwu_runtime.controller._predicate import GenerationChanged
from kaiwu_runtime.queue import ExponentialBackoff
from kaiwu_runtime.rest._http_transport import HTTPTransport

from .fingerprint import fingerprint

UNTIL_SEEN = Result(requeue_after=1.0)


class WidgetSpec(APIModel):
    """The desired state of a Widget."""

    message: str
    settings: dict[str, str] = Field(default_factory=dict)


class WidgetStatus(APIModel):
    """The observed state of a Widget."""

    observed_generation: int | None = None
    message: str = ""


@resource(group="faults.inspur.com", version="v1", plural="widgets")
class Widget(CustomResource):
    """What the faults must not keep from being reconciled."""

    spec: WidgetSpec
    status: WidgetStatus | None = None


class WidgetReconciler(Reconciler):
    """Keeps one ConfigMap per Widget."""

    reconciled = 0

    def setup_with_manager(self, manager: Manager) -> None:
        """Watch Widgets and their ConfigMaps."""
        most = float(os.environ.get("FAULTS_MOST_BACKOFF", "0"))
        (
            controller_managed_by(manager)
            .named("widget")
            .for_(Widget, GenerationChanged())
            .owns(ConfigMap)
            .with_options(max_concurrent_reconciles=8, rate_limiter=ExponentialBackoff(0.005, most) if most else None)
            .complete(self)
        )

    async def reconcile(self, request: Request) -> Result:
        """Make ConfigMap and status what the spec asks for."""
        try:
            widget = await self.client.get(Widget, request.name, namespace=request.namespace)
        except NotFoundError:
            return await self._clean_up(request)
        written = await self._apply_config_map(widget, request)
        status = WidgetStatus(observed_generation=widget.metadata.generation, message=widget.spec.message)
        if widget.status != status:
            widget.status = status
            await self.client.apply_status(widget)
            written = True
        self.reconciled += 1
        return UNTIL_SEEN if written else Result()

    async def _apply_config_map(self, widget: Widget, request: Request) -> bool:
        """Write the ConfigMap if the cache has another one, and tell whether it was."""
        wanted = ConfigMap(
            metadata=ObjectMeta(name=request.name, namespace=request.namespace),
            data={**widget.spec.settings, "message": widget.spec.message},
        )
        set_controller_reference(widget, wanted)
        try:
            present = await self.client.get(ConfigMap, request.name, namespace=request.namespace)
        except NotFoundError:
            present = ConfigMap()
        owners = (present.metadata and present.metadata.ownerReferences) or []
        owned = any(owner.uid == widget.metadata.uid for owner in owners)
        if present.data == wanted.data and owned:
            return False
        await self.client.apply(wanted)
        return True

    async def _clean_up(self, request: Request) -> Result:
        """Do what the garbage collector does in a cluster; only ConfigMaps that the cache knows are deleted."""
        try:
            left = await self.client.get(ConfigMap, request.name, namespace=request.namespace)
            assert left.metadata is not None
            await self.client.delete(ConfigMap, request.name, namespace=request.namespace, uid=left.metadata.uid or "")
        except NotFoundError:
            return Result()
        return UNTIL_SEEN


class DebugPort:
    """Send everything in the cache to every client."""

    def __init__(self, manager: Manager, reconciler: WidgetReconciler) -> None:
        self._cache = manager.cache
        self._reconciler = reconciler

    async def run(self) -> None:
        """Serve until cancelled; the port is written to a file."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        path = Path(os.environ["FAULTS_PORT_FILE"])
        new = path.with_suffix(".new")
        new.write_text(str(server.sockets[0].getsockname()[1]), encoding="ascii")
        new.replace(path)
        async with server:
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caches = {
            kind.__name__: {obj.key.name: fingerprint(json.loads(obj.raw)) for obj in self._cache.informer(kind).store}
            for kind in (Widget, ConfigMap)
        }
        state = {"caches": caches, "reconciled": self._reconciler.reconciled, "time": time.time()}
        writer.write(json.dumps(state).encode())
        await writer.drain()
        writer.close()


def shorten_patience(manager: Manager) -> None:
    """Give up silent connections after seconds instead of minutes, so that tests need not wait as long."""
    seconds = float(os.environ.get("FAULTS_PATIENCE", "0"))
    transport = manager.api_reader.transport
    if seconds and isinstance(transport, HTTPTransport):
        reflector.WATCH_SECONDS = (seconds, seconds * 1.5)
        reflector.IDLE_SECONDS = seconds * 2
        transport._timeout = seconds


def main() -> int:
    """Run until SIGTERM and return the exit status."""
    options = ManagerOptions.from_args(field_manager="widgets", health_probe_bind_address="0", log_format="json")
    manager = Manager(options)
    shorten_patience(manager)
    reconciler = WidgetReconciler(manager.client)
    reconciler.setup_with_manager(manager)
    manager.add(DebugPort(manager, reconciler))
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
