"""A transport that answers from a script, to put a reflector into states a real server reaches by chance only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from kaiwu_runtime.cache import CachedObject

from ..stand_in_transport import Sent, StandInTransport


def item(name: str, version: str, uid: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "a", "uid": uid or name, "resourceVersion": version}}


def page(version: str, *items: dict[str, Any], more: str = "") -> bytes:
    metadata = {"resourceVersion": version, **({"continue": more} if more else {})}
    return json.dumps({"metadata": metadata, "items": list(items)}).encode()


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode()


class ScriptedTransport(StandInTransport):
    """Gives the next answer of the script to each request; when it is over, watches stay open for ever."""

    def __init__(self, lists: list[bytes | Exception], watches: list[list[bytes | Exception]]) -> None:
        self.lists = lists
        self.watches = watches
        self.requests: list[dict[str, str]] = []
        self.done = asyncio.Event()
        self.watching = False

    async def answer(self, sent: Sent) -> bytes:
        assert sent.method == "GET"
        self.requests.append(sent.params)
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = ""
    ) -> AsyncGenerator[bytes, None]:
        self.requests.append(dict(params))
        assert 120 < idle_timeout < 180, "two bookmarks that did not come, one a minute"
        assert params["allowWatchBookmarks"] == "true"
        assert not self.watching, "the watch before it still has its connection"
        if not self.watches:
            self.done.set()
            await asyncio.Event().wait()
        self.watching = True
        try:
            for line in self.watches.pop(0):
                if isinstance(line, Exception):
                    raise line
                yield line
        finally:
            self.watching = False


class Recorder:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def known(self, obj: Any) -> Any:
        return obj

    def replace(self, objects: Any, namespace: str, version: str = "") -> None:
        self.calls.append(("replace", [obj.key.name for obj in objects]))

    def put(self, obj: CachedObject) -> None:
        self.calls.append(("put", obj.key.name))

    def remove(self, obj: CachedObject) -> None:
        self.calls.append(("remove", obj.key.name))
