"""The Widgets, and the changes that a driver makes to them while something is wrong."""

from __future__ import annotations

import asyncio
import random

import aiohttp

from kaiwu_runtime.testing._fault_proxy._server import Server

MERGE = "application/merge-patch+json"
IN_FLIGHT = 8


class Workload:
    """About N Widgets in a namespace.

    Args:
        server: Where they are; never through the proxy.
        namespace: A namespace that exists.
        objects: How many there are to be.
        dice: Decides what is changed.

    Attributes:
        changes: How many changes the server has taken.
    """

    def __init__(self, server: Server, namespace: str, objects: int, dice: random.Random) -> None:
        self._server = server
        self._dice = dice
        self._objects = objects
        self._names: list[str] = []
        self._count = 0
        self.widgets = f"/apis/faults.inspur.com/v1/namespaces/{namespace}/widgets"
        self.config_maps = f"/api/v1/namespaces/{namespace}/configmaps"
        self.changes = 0

    async def create(self) -> None:
        """Create all of them."""

        async def some() -> None:
            while len(self._names) < self._objects:
                await self._create(self._new_name())

        await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))

    async def change(self, stop: asyncio.Event, pause: float) -> None:
        """Make one change after the other until told to stop; what an unreachable server misses is left out."""
        while not stop.is_set():
            try:
                await self._change_something()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.1)
            await asyncio.sleep(self._dice.uniform(0, 2 * pause))

    async def _change_something(self) -> None:
        chance, name = self._dice.random(), self._dice.choice(self._names)
        if chance < 0.60:
            await self._send("PATCH", f"{self.widgets}/{name}", {"spec": self._spec()})
        elif chance < 0.72 or len(self._names) < self._objects:
            await self._create(self._new_name())
        elif chance < 0.84:
            await self._delete(name)
        elif chance < 0.90:  # the successor has the same name and another uid
            await self._delete(name)
            await self._create(name)
        elif chance < 0.95:
            await self._send("PATCH", f"{self.config_maps}/{name}", {"data": {"message": "tampered with"}})
        else:
            await self._send("DELETE", f"{self.config_maps}/{name}")
        while len(self._names) > self._objects:
            await self._delete(self._names[0])

    async def _create(self, name: str) -> None:
        self._names.append(name)
        widget = {
            "apiVersion": "faults.inspur.com/v1",
            "kind": "Widget",
            "metadata": {"name": name},
            "spec": self._spec(),
        }
        await self._send("POST", self.widgets, widget)

    async def _delete(self, name: str) -> None:
        self._names.remove(name)
        await self._send("DELETE", f"{self.widgets}/{name}")

    async def _send(self, method: str, path: str, body: object = None) -> None:
        """Change something; an object that is there or gone already, after an answer that was lost, is fine."""
        status, answer = await self._server.request(
            method, path, body, content_type=MERGE if method == "PATCH" else "application/json"
        )
        if status >= 500 or status == 429:  # of a server that is starting
            raise aiohttp.ClientError(str(answer))
        assert status < 300 or status in {404, 409}, answer
        self.changes += status < 300

    def _new_name(self) -> str:
        self._count += 1
        return f"widget-{self._count:05d}"

    def _spec(self) -> dict[str, object]:
        settings = {f"setting-{number}": str(self._dice.randrange(1000)) for number in range(4)}
        return {"message": f"message {self._dice.randrange(10**9)}", "settings": settings}
