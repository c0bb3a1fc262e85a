"""The requests by which a status is written, cut off between them: the next reconcile makes up for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from kaiwu_runtime import Client, Manager, ManagerOptions, PatchType, Request
from kaiwu_runtime.api import remove_condition
from kaiwu_runtime.controller._object_path import ObjectPath
from kaiwu_runtime.errors import APIError
from kaiwu_runtime.rest._transport import JSON, Transport
from kaiwu_runtime.rest._wrapper import TransportWrapper
from kaiwu_runtime.testing import run_manager

from ..cancelling import cancelled_after
from .test_shared_status import Door, client, door
from .test_status_owners import apply_as, condition

__all__ = ["client"]

STEPS = 25
"""More steps than a reconcile takes on the API server in memory."""


class Cut(TransportWrapper):
    """Ends a reconcile at one of its writes: before it is sent, after it was answered, or as the fence does."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.writes = 0
        self.at = 0
        self.how = ""

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
        own = method != "GET" and (params or {}).get("fieldManager") == "kaiwu-runtime-status"
        self.writes += own
        cut = own and self.writes == self.at
        if own and self.writes >= self.at and self.how == "fenced":
            raise APIError("not sent: this process has given up its leadership and writes nothing more")
        if cut and self.how == "before":
            raise asyncio.CancelledError
        try:
            return await super().request(
                method, path, params=params, body=body, content_type=content_type, accept=accept
            )
        finally:
            if cut and self.how == "after":
                raise asyncio.CancelledError


class Work:
    """Removes what another program has set, and empties a map of its own."""

    kind = Door
    finalizer = ""

    def __init__(self, *, fills: bool = False) -> None:
        self.fills = fills

    async def reconcile(self, obj: Door, /) -> None:
        status = obj.status
        status.keys = {"main": "1"} if self.fills else {}
        if self.fills:
            return
        status.note = status.lock = None
        status.phase = "Open"
        remove_condition(status.conditions, "Locked")
        status.conditions.set("Hung", True, reason="Fits")

    async def finalize(self, obj: Door, /) -> None: ...


class Rounds:
    """Reconciles a door again and again, each time by a process that was just started."""

    def __init__(self, manager: Manager, client: Client, cut: Cut) -> None:
        self.manager = manager
        self.client = client
        self.cut = cut
        self.key = Request(client.namespace, "a")

    async def reconcile(self, *, fills: bool = False) -> None:
        await ObjectPath(
            Work(fills=fills),
            informer=self.manager.cache.informer(Door),
            cache=self.manager.cache,
            client=self.manager.api_reader,
            decode_failures=None,
        ).reconcile(self.key)

    async def prepare(self, patch_type: PatchType) -> None:
        """Let another program set everything, and the reconciler what it will remove."""
        self.cut.at, self.cut.how = 0, ""
        status: dict[str, Any] = {"note": "old", "lock": {"pin": "1"}, "phase": "Shut"}
        status["conditions"] = [condition("Locked"), condition("Painted")]
        if patch_type is PatchType.APPLY:
            await apply_as(self.manager.client, "other", force=True, **status)
        else:
            await self.manager.client.patch(
                Door,
                self.key,
                {"status": status},
                patch_type=patch_type,
                field_manager="other",
                subresource="status",
            )
        await self.reconcile(fills=True)
        self.cut.writes = 0

    async def check(self) -> None:
        self.cut.how = ""
        await self.reconcile()
        status = (await self.client.get(Door, "a", namespace=self.client.namespace)).status
        assert (status.note, status.lock, status.keys, status.phase) == (None, None, {}, "Open")
        assert sorted(each.type for each in status.conditions) == ["Hung", "Painted"]
        assert status.observed_generation == 1
        before = self.cut.writes
        await self.reconcile()
        assert self.cut.writes - before <= 1, "an empty map may be read as none"
        before = self.cut.writes
        await self.reconcile()
        assert self.cut.writes == before, "nothing is left to be written"


@asynccontextmanager
async def rounds(client: Client) -> AsyncIterator[Rounds]:
    """Run the cache of a manager without controllers."""
    cut = Cut((client.reconnect() or client).transport)
    options = ManagerOptions(health_probe_bind_address="0", namespaces=(client.namespace,))
    manager = Manager(options, client=Client(cut, namespace=client.namespace))
    manager.cache.informer(Door)
    await client.create(door(client))
    async with asyncio.timeout(60), run_manager(manager):
        yield Rounds(manager, client, cut)


@pytest.mark.parametrize("patch_type", [PatchType.MERGE, PatchType.APPLY])
async def test_cut_off_at_any_write(client: Client, patch_type: PatchType) -> None:
    async with rounds(client) as found:
        await found.prepare(patch_type)
        await found.check()
        for how in ("before", "after", "fenced"):
            number = 0
            while number == 0 or found.cut.writes >= number:  # there was such a write
                number += 1
                await found.prepare(patch_type)
                found.cut.at, found.cut.how = number, how
                with suppress(APIError, asyncio.CancelledError):
                    await found.reconcile()
                reached = found.cut.writes
                await found.check()
                found.cut.writes = reached
            assert number > 2, "there were several writes"


@pytest.mark.parametrize("client", ["fake"], indirect=True)
async def test_cancelled_at_any_step(client: Client) -> None:
    async with rounds(client) as found:
        for count in range(STEPS):
            await found.prepare(PatchType.APPLY)
            await cancelled_after(count, found.reconcile())
            await found.check()
