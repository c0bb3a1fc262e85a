"""The objects that every contender reconciles, and the changes that are made to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from .api import API

RESOURCE = "/apis/bench.inspur.com/v1"
IN_FLIGHT = 16
"""Requests that the driver has open at once: enough to keep two cores busy, few enough to leave them to others."""

SETTINGS = {f"setting-{number}": f"value of setting {number}, as long as such a value often is" for number in range(8)}


class Workload:
    """N Benches in a namespace of their own.

    Args:
        api: Where they are.
        namespace: Created by `create`.
        objects: How many.
    """

    def __init__(self, api: API, namespace: str, objects: int) -> None:
        self._api = api
        self.namespace = namespace
        self.names = [f"bench-{number:05d}" for number in range(objects)]
        self.generations = dict.fromkeys(self.names, 1)
        self._changes = 0

    @property
    def benches(self) -> str:
        """Path of the Benches."""
        return f"{RESOURCE}/namespaces/{self.namespace}/benches"

    @property
    def config_maps(self) -> str:
        """Path of the ConfigMaps."""
        return f"/api/v1/namespaces/{self.namespace}/configmaps"

    async def create(self) -> None:
        """Create the namespace and all Benches."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self._api.request("POST", "/api/v1/namespaces", namespace)

        async def create(name: str) -> None:
            bench = {
                "apiVersion": "bench.inspur.com/v1",
                "kind": "Bench",
                "metadata": {"name": name},
                "spec": {"message": "at first", "settings": SETTINGS},
            }
            await self._api.request("POST", self.benches, bench)

        await each(self.names, create)

    async def change(self, names: Sequence[str], on_send: Callable[[str], None]) -> None:
        """Change the spec of each named Bench once.

        Args:
            names: Which.
            on_send: Called with the name right before the request leaves.
        """

        async def change(name: str) -> None:
            self._changes += 1
            body = {"spec": {"message": f"change {self._changes}"}}
            on_send(name)
            await self._api.merge(f"{self.benches}/{name}", body)

        for name in names:
            self.generations[name] += 1
        await each(names, change)

    async def list(self, path: str) -> list[dict[str, Any]]:
        """Return all objects below a path."""
        items: list[dict[str, Any]] = (await self._api.document("GET", path))["items"]
        return items

    async def delete(self) -> None:
        """Delete everything, so that the next contender finds nothing."""
        for path in (self.benches, self.config_maps):
            # One by one: a request for all of them may take a minute, which is not enough for a hundred thousand.
            objects = [f"{path}/{found['metadata']['name']}" for found in await self.list(path)]
            await each(objects, lambda obj: self._api.request("DELETE", obj))


async def each(names: Iterable[str], action: Callable[[str], Awaitable[object]], in_flight: int = IN_FLIGHT) -> None:
    """Do something for every name, so many at a time."""
    waiting = iter(names)

    async def work() -> None:
        for name in waiting:
            await action(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(work())
