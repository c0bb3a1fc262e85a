"""Sees through a watch when each Bench's status reaches the generation it is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import msgspec

from .api import API

MOST_WATCHES = 20
"""Watches of one run, of which all but the last are ended by the server."""


class _Metadata(msgspec.Struct):
    name: str = ""
    resourceVersion: str = ""  # noqa: N815 - the API's name


class _Status(msgspec.Struct):
    observedGeneration: int = 0  # noqa: N815 - the API's name


class _Bench(msgspec.Struct):
    metadata: _Metadata
    status: _Status = msgspec.field(default_factory=_Status)


class _Event(msgspec.Struct):
    type: str
    object: _Bench


class _List(msgspec.Struct):
    metadata: _Metadata


class WatchEndedError(RuntimeError):
    """The driver's own watch ended, so nothing can be said about the run."""


class Expectation:
    """Objects whose status is waited for.

    Attributes:
        pending: Generation that is still waited for, by name.
        seen: When each arrived, in seconds of `time.monotonic`.
    """

    def __init__(self, generations: Mapping[str, int]) -> None:
        self.pending = dict(generations)
        self.seen: dict[str, float] = {}
        self.done = asyncio.Event()


class Observer:
    """A watch on the Benches of one namespace; an asynchronous context manager.

    Args:
        api: The API server.
        path: Path of the Benches.
    """

    def __init__(self, api: API, path: str) -> None:
        self._api = api
        self._path = path
        self._expectation = Expectation({})
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        answer = await self._api.request("GET", f"{self._path}?limit=1")
        version = msgspec.json.decode(answer, type=_List).metadata.resourceVersion
        self._task = asyncio.create_task(self._watch(version))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WatchEndedError):
                await self._task

    def expect(self, generations: Mapping[str, int]) -> Expectation:
        """Begin to wait for generations; replaces what was waited for before."""
        self._expectation = Expectation(generations)
        return self._expectation

    async def until(self, expectation: Expectation, timeout: float) -> bool:  # noqa: ASYNC109 - of the contender
        """Wait until everything arrived; False when the time is over.

        Raises:
            WatchEndedError: The watch broke.
        """
        assert self._task is not None
        waiting = asyncio.create_task(expectation.done.wait())
        await asyncio.wait({waiting, self._task}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            await self._task
        return expectation.done.is_set()

    async def _watch(self, version: str) -> None:
        decoder = msgspec.json.Decoder(_Event)
        # A server ends watches, those of a CRD that it has just installed for instance; they go on where they ended.
        for _ in range(MOST_WATCHES):
            async for line in self._api.watch(self._path, version):
                now = time.monotonic()
                event = decoder.decode(line)
                if event.type == "ERROR":
                    raise WatchEndedError(f"the driver's watch broke: {line[:300].decode(errors='replace')}")
                version = event.object.metadata.resourceVersion
                if event.type == "MODIFIED":
                    self._note(event.object.metadata.name, event.object.status.observedGeneration, now)
        raise WatchEndedError("the API server ended the driver's watch again and again")

    def _note(self, name: str, generation: int, now: float) -> None:
        expectation = self._expectation
        wanted = expectation.pending.get(name)
        if wanted is not None and generation >= wanted:
            del expectation.pending[name]
            expectation.seen[name] = now
            if not expectation.pending:
                expectation.done.set()
