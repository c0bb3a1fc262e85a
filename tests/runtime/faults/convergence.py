"""Compares what the server has with what was asked for, and the operator's cache with the server: object by object."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from kaiwu_runtime.testing._fault_proxy._server import RefusedError, Server

from .fingerprint import fingerprint
from .process import OperatorProcess
from .workload import Workload

Objects = Mapping[str, Mapping[str, Any]]


def reconcile_differences(widgets: Objects, config_maps: Objects) -> list[str]:
    """Return one line per object that is not reconciled to its latest generation."""
    found = [f"Widget {name}: {problem}" for name, widget in widgets.items() if (problem := _status(widget))]
    for name, widget in widgets.items():
        config_map = config_maps.get(name)
        wanted = {**widget["spec"].get("settings", {}), "message": widget["spec"]["message"]}
        if config_map is None:
            found.append(f"ConfigMap {name}: is missing")
        elif config_map.get("data") != wanted:
            found.append(f"ConfigMap {name}: is {config_map.get('data')}, not {wanted}")
        elif widget["metadata"]["uid"] not in {
            owner["uid"] for owner in config_map["metadata"].get("ownerReferences", ()) if owner.get("controller")
        }:
            found.append(f"ConfigMap {name}: is not owned by its Widget")
    left = sorted(config_maps.keys() - widgets.keys())
    return found + [f"ConfigMap {name}: its Widget is gone" for name in left]


def cache_differences(kind: str, objects: Objects, cached: Mapping[str, str]) -> list[str]:
    """Return one line per object that the cache does not hold as the server does."""
    server = {name: fingerprint(dict(obj)) for name, obj in objects.items()}
    return [
        f"cache, {kind} {name}: {cached.get(name, 'absent')}, on the server {server.get(name, 'absent')}"
        for name in sorted(server.keys() | cached.keys())
        if server.get(name) != cached.get(name)
    ]


async def differences(server: Server, workload: Workload, operator: OperatorProcess) -> list[str]:
    """Return every difference there is now."""
    widgets, config_maps, state = (
        await server.list(workload.widgets),
        await server.list(workload.config_maps),
        await operator.state(),
    )
    return [
        *reconcile_differences(widgets, config_maps),
        *cache_differences("Widget", widgets, state["caches"]["Widget"]),
        *cache_differences("ConfigMap", config_maps, state["caches"]["ConfigMap"]),
    ]


async def settle(
    server: Server, workload: Workload, operator: OperatorProcess, *, seconds: float, poll: float = 0.2
) -> list[str]:
    """Wait until there is no difference, and return the last ones if that takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = await differences(server, workload, operator)
        except (aiohttp.ClientError, RefusedError, TimeoutError, OSError) as error:
            found = [f"cannot compare: {error!r}"]
        if not found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(poll)


def _status(widget: Mapping[str, Any]) -> str:
    status, generation = widget.get("status", {}), widget["metadata"]["generation"]
    if status.get("observedGeneration") != generation:
        return f"status.observedGeneration is {status.get('observedGeneration')}, not {generation}"
    if status.get("message") != widget["spec"]["message"]:
        return f"status.message is {status.get('message')!r}, not {widget['spec']['message']!r}"
    return ""
