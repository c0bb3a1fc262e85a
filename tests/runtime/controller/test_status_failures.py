"""A status whose write fails, wholly or in part: the next one makes up for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.client import PatchType
from kaiwu_runtime.errors import APIConnectionError, APIError
from kaiwu_runtime.rest._transport import JSON
from kaiwu_runtime.rest._wrapper import TransportWrapper
from kaiwu_runtime.testing import FakeTransport

from .test_shared_status import Door, DoorReconciler, DoorStatus, door, run

Act = Callable[[], Awaitable[object]]


class Failing(TransportWrapper):
    """Does something before a write of a status by the operator, or loses its answer or the write itself."""

    def __init__(self) -> None:
        super().__init__(FakeTransport(Door))
        self.before: dict[int, Act] = {}
        self.lost_answers: set[int] = set()
        self.lost_writes: set[int] = set()
        self.writes = 0

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = JSON,
    ) -> bytes:
        own = path.endswith("/status") and (params or {}).get("fieldManager") != "other"
        self.writes += own
        if own and self.writes in self.before:
            await self.before[self.writes]()
        if own and self.writes in self.lost_writes:
            raise APIConnectionError("the connection was lost")
        answer = await super().request(method, path, params=params, body=body, content_type=content_type, accept=accept)
        if own and self.writes in self.lost_answers:
            raise APIConnectionError("the connection was lost")
        return answer


@pytest.fixture
async def transport() -> Failing:
    return Failing()


@pytest.fixture
async def client(transport: Failing) -> Client:
    client = Client(transport, namespace="fake")
    await client.create(door(client))
    await other(client, phase="Ready", note="old", observedGeneration=1)
    return client


async def other(client: Client, **status: Any) -> None:
    """Write as another field manager."""
    await client.patch(
        Door,
        "a",
        {"status": status},
        namespace="fake",
        patch_type=PatchType.MERGE,
        field_manager="other",
        subresource="status",
    )


async def reconciled(client: Client, reconcile: Callable[[Client, Door], Awaitable[None]]) -> DoorStatus:
    done = asyncio.Event()

    class Keeper(DoorReconciler):
        name = "keeper"

        async def reconcile(self, obj: Door) -> None:
            asyncio.get_running_loop().call_later(0.3, done.set)
            await reconcile(self.client, obj)

    return await run(client, Keeper, done=done)


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("phase", ["Ready", "Progressing"])
async def test_progress_of_which_no_answer_came(
    client: Client, transport: Failing, phase: str, *, stored: bool
) -> None:
    (transport.lost_answers if stored else transport.lost_writes).add(1)

    async def meanwhile() -> None:
        await other(client, keys={"main": "1"})

    async def reconcile(client: Client, obj: Door) -> None:
        obj.status.phase = "Progressing"
        with suppress(APIError):
            await client.apply_status(obj)
        await meanwhile()
        obj.status.phase = phase

    status = await reconciled(client, reconcile)
    assert (status.phase, status.note, status.keys) == (phase, "old", {"main": "1"})


async def test_another_writer_between_apply_and_removal(client: Client, transport: Failing) -> None:
    async def meanwhile() -> None:
        await other(client, keys={"main": "1"}, phase="Other")

    transport.before[2] = meanwhile

    async def reconcile(client: Client, obj: Door) -> None:
        obj.status.note = None
        await client.apply_status(obj)
        obj.status.phase = "Open"

    status = await reconciled(client, reconcile)
    assert (status.phase, status.note, status.keys) == ("Open", None, {"main": "1"})
    assert transport.writes <= 7


@pytest.mark.parametrize("lost", [2, 1])
async def test_a_removal_of_which_no_answer_came(client: Client, transport: Failing, lost: int) -> None:
    transport.lost_writes.add(lost)

    async def reconcile(client: Client, obj: Door) -> None:
        obj.status.note = None
        with suppress(APIError):
            await client.apply_status(obj)

    status = await reconciled(client, reconcile)
    assert (status.phase, status.note) == ("Ready", None)
