"""Writers whose answers are lost at random, and a late watch: no read is older than a write that ended before it."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from typing import Any

import pytest

from kaiwu_runtime.cache import CachedClient
from kaiwu_runtime.client import Client
from kaiwu_runtime.errors import APIConnectionError, APIError, APIStatusError, ConflictError, NotFoundError, ServerError
from kaiwu_runtime.rest import TransportWrapper
from kaiwu_runtime.testing import FakeTransport, virtual_time
from kaiwu_runtime.testing._storage import Change

from .api import Gadget
from .test_client_on_both import gadget
from .test_read_your_writes_on_both import late

SEEDS = int(os.environ.get("KAIWU_OWN_WRITES_SEEDS", "10"))

NAMES = ("a", "b", "c")


class Chaotic(TransportWrapper):
    """Answers late, loses answers, refuses, and stores all the same or not.

    Args:
        inner: Stores.
        chance: Decides.
    """

    def __init__(self, inner: FakeTransport, chance: random.Random) -> None:
        super().__init__(inner)
        self.chance = chance

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        await self.pause()
        if method == "GET":
            answer = await self.inner.request(method, path, **arguments)
            await self.pause()
            return answer
        refusal = self.chance.random()
        if refusal < 0.1:
            error = APIConnectionError("connection refused")
            error.in_doubt = False
            raise error
        if refusal < 0.2:
            raise ConflictError("changed", code=409, reason="Conflict")
        if refusal < 0.3:
            raise self.chance.choice((APIConnectionError("reset"), ServerError("failed", code=500)))
        answer = await self.inner.request(method, path, **arguments)
        await self.pause()
        if refusal < 0.5:
            raise self.chance.choice((APIConnectionError("reset"), ServerError("failed", code=500)))
        return answer

    async def pause(self) -> None:
        await asyncio.sleep(self.chance.choice((0, 0, 0.001, 0.01, 0.1)))


class History:
    """What is stored of each object, at every moment.

    Attributes:
        floors: By name, the number of the newest state among those that own writes have made that have ended.
    """

    def __init__(self, fake: FakeTransport) -> None:
        self.states: dict[str, list[str]] = {name: [""] for name in NAMES}
        self.floors = dict.fromkeys(NAMES, 0)
        self.writing = {name: asyncio.Lock() for name in NAMES}
        self.made: dict[asyncio.Task[Any] | None, int] = {}
        fake.listen(self._stored)

    def _stored(self, change: Change) -> None:
        name = (change.after or change.before or {})["metadata"]["name"]
        self.states[name].append("" if change.after is None else str(change.version))
        self.made[asyncio.current_task()] = len(self.states[name]) - 1

    def begin(self) -> None:
        """Take note of an own write that begins."""
        self.made.pop(asyncio.current_task(), None)

    def ended(self, name: str) -> None:
        """Take note of an own write that has ended, in whatever way."""
        self.floors[name] = max(self.floors[name], self.made.pop(asyncio.current_task(), 0))

    def check(self, name: str, version: str, floor: int) -> None:
        if "" in self.states[name][floor:]:
            return  # deleted before the cache had it: it may come and go there later
        assert version in self.states[name][floor:], (name, version, self.states[name], floor)


async def write(own: CachedClient, history: History, chance: random.Random, name: str, number: int) -> None:
    obj = gadget(own, name, size=number)
    history.begin()
    place: Any = {"namespace": "x"}
    verbs = (
        lambda: own.apply(obj),
        lambda: own.create(obj),
        lambda: own.patch(Gadget, name, {"spec": {"size": number}}, **place),
        lambda: own.delete(Gadget, name, **place),
        lambda: own.apply(obj, dry_run=True),
    )
    try:
        with suppress(TimeoutError, APIError):
            async with asyncio.timeout(chance.choice((0.001, 0.05, 0.1, 5))):
                await chance.choice(verbs)()
    finally:
        history.ended(name)


async def read(own: CachedClient, history: History, chance: random.Random, name: str) -> None:
    floors = dict(history.floors)
    if chance.random() < 0.5:
        try:
            found = await own.get(Gadget, name, namespace="x")
        except NotFoundError:
            history.check(name, "", floors[name])
        else:
            history.check(name, str(found.metadata.resourceVersion), floors[name])
        return
    listed = {each.metadata.name: each.metadata.resourceVersion for each in await own.list(Gadget)}
    for each in NAMES:
        history.check(each, str(listed.get(each, "")), floors[each])


async def run(chance: random.Random) -> None:
    fake = FakeTransport(Gadget)
    other = Client(fake, namespace="x")
    history = History(fake)
    numbers = iter(range(1, 100_000))
    async with late(Client(Chaotic(fake, chance), namespace="x"), delay=0) as (own, transport, _):
        transport.delay = lambda: chance.choice((0, 0, 0.001, 0.02, 0.2))

        async def actor() -> None:
            for _ in range(40):
                name = chance.choice(NAMES)
                action = chance.random()
                if action < 0.4:
                    async with history.writing[name]:
                        await write(own, history, chance, name, next(numbers))
                elif action < 0.85:
                    await read(own, history, chance, name)
                elif action < 0.95:
                    with suppress(APIStatusError):
                        await other.apply(gadget(other, name, size=next(numbers)))
                else:
                    with suppress(APIStatusError):
                        await other.delete(Gadget, name, namespace="x")
                await asyncio.sleep(chance.choice((0, 0, 0.01, 0.3)))

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(actor())


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_read_is_older_than_an_own_write(seed: int) -> None:
    with virtual_time() as clock:
        clock.run(run(random.Random(seed)))
