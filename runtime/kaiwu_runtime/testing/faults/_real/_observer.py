"""Follows every object of a real API server, as the run in memory is told of each change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.rest._lines import LineSplitter
from kaiwu_runtime.rest._paths import collection_path
from kaiwu_runtime.testing._fault_proxy._server import RefusedError, Server

Object = dict[str, Any]
Listener = Callable[[Object | None, Object | None], None]

_WATCH_SECONDS = 3600
_RETRY_SECONDS = 0.5


class Observer:
    """Lists and watches resources.

    Args:
        server: The API server.
        resources: What to follow.

    Attributes:
        objects: Every object by its uid, those of the control plane included.
        baseline: uids of those that were there before the first run, or that the kit made.
        removed: The version at which an object was gone, by its uid.
        woken: Set at each change.
    """

    def __init__(self, server: Server, resources: Iterable[ResourceIdentity]) -> None:
        self._server = server
        self._resources = list(resources)
        self._tasks: list[asyncio.Task[None]] = []
        self.listeners: list[Listener] = []
        self.objects: dict[str, Object] = {}
        self.baseline: set[str] = set()
        self.removed: dict[str, int] = {}
        self.woken = asyncio.Event()

    async def start(self) -> None:
        """Return when everything was listed once; that is the baseline."""
        listed = [asyncio.Event() for _ in self._resources]
        self._tasks = [
            asyncio.create_task(self._follow(resource, event), name=f"observe {resource.plural}")
            for resource, event in zip(self._resources, listed, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in listed))
        self.baseline.update(self.objects)

    async def stop(self) -> None:
        """End the watches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def present(self) -> list[Object]:
        """Return the objects that are not in the baseline."""
        return [obj for uid, obj in self.objects.items() if uid not in self.baseline]

    async def _follow(self, resource: ResourceIdentity, listed: asyncio.Event) -> None:
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list(resource)
                    listed.set()
                version = await self._watch(resource, version)
            except (aiohttp.ClientError, RefusedError, TimeoutError, OSError):
                await asyncio.sleep(_RETRY_SECONDS)
                version = ""

    async def _list(self, resource: ResourceIdentity) -> str:
        path = collection_path(resource, "")
        status, answer = await self._server.request("GET", path)
        if status != 200:
            raise RefusedError(f"{path}: {status} {answer.get('message')}")
        version = str(answer["metadata"]["resourceVersion"])
        found = {obj["metadata"]["uid"]: obj for obj in answer["items"]}
        known = [uid for uid, obj in self.objects.items() if _is_of(obj, resource)]
        for uid in known:
            if uid not in found:
                self.change(resource, uid, None, version)
        for uid, obj in found.items():
            self.change(resource, uid, obj)
        return version

    async def _watch(self, resource: ResourceIdentity, version: str) -> str:
        """Follow a watch to its end, and return the version to go on from; empty to list again."""
        query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds={_WATCH_SECONDS}&resourceVersion={version}"
        url = f"{self._server.url}{collection_path(resource, '')}?{query}"
        async with self._server.session.get(url, ssl=self._server.admin) as answer:
            if answer.status != 200:
                return ""
            splitter = LineSplitter()
            async for chunk in answer.content.iter_any():
                for line in splitter.feed(chunk):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return ""
                    metadata = event["object"]["metadata"]
                    version = metadata["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        gone = event["type"] == "DELETED"
                        self.change(resource, metadata["uid"], None if gone else event["object"], version)
        return version

    def change(self, resource: ResourceIdentity, uid: str, obj: Object | None, version: str = "") -> None:
        """Take a change of an object, and tell the listeners.

        Args:
            resource: Of the object.
            uid: Of the object.
            obj: As it is now; None when it is gone.
            version: At which it was gone.
        """
        before = self.objects.get(uid)
        if obj is None:
            self.objects.pop(uid, None)
            self.removed[uid] = int(version)
        else:
            obj = {**obj, "apiVersion": resource.api_version, "kind": resource.kind}
            if before is not None and before["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"]:
                return
            self.objects[uid] = obj
        if before is None and obj is None:
            return
        self.woken.set()
        if uid not in self.baseline:
            for listener in self.listeners:
                listener(before, obj)


def _is_of(obj: Object, resource: ResourceIdentity) -> bool:
    return (obj["apiVersion"], obj["kind"]) == (resource.api_version, resource.kind)
