"""A status with several writers, in random order: in the end each has what it wants, and there is an end."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from kaiwu_runtime import Client, ControllerBuilder, Manager, ManagerOptions, ObjectReconciler, PatchType, Request
from kaiwu_runtime.api import Conditions, remove_condition
from kaiwu_runtime.client._codec import encode_status
from kaiwu_runtime.controller._object_path import ObjectPath
from kaiwu_runtime.errors import APIError, ConflictError
from kaiwu_runtime.testing import FakeTransport, run_manager

from ..cancelling import cancelled_after
from .test_shared_status import Door, DoorStatus, Hinge, client, door
from .test_status_interrupted import Cut
from .test_status_owners import apply_as, condition

__all__ = ["client"]

SEEDS = range(3)
OUTSIDE = ("K1", "K2", "K3")
"""Conditions of another program."""


class Outside:
    """Writes conditions and a note, as kubectl or a program in Go."""

    def __init__(self, client: Client, *, applies: bool) -> None:
        self.client = client
        self.applies = applies
        self.types: list[str] = []
        self.note: str | None = None

    async def set(self, types: list[str], note: str | None = None) -> None:
        self.types, self.note = sorted(types), note
        if self.applies:
            given: dict[str, Any] = {} if note is None else {"note": note}
            await apply_as(self.client, "outside", conditions=[condition(each) for each in types], **given)
            return
        for _ in range(50):
            with suppress(ConflictError):
                await self._edit()
                return
        raise AssertionError("another writer comes first each time")

    async def _edit(self) -> None:
        """Replace the whole list, if the object is as it was read."""
        obj = await read(self.client)
        conditions = json.loads(bytes(encode_status(obj))).get("conditions", [])
        kept = [each for each in conditions if each["type"] not in OUTSIDE or each["type"] in self.types]
        kept += [condition(each) for each in self.types if each not in {found["type"] for found in kept}]
        await self.client.patch(
            Door,
            "a",
            {
                "metadata": {"resourceVersion": obj.metadata.resourceVersion},
                "status": {"conditions": kept, "note": self.note},
            },
            namespace=self.client.namespace,
            patch_type=PatchType.MERGE,
            field_manager="kubectl-edit",
            subresource="status",
        )

    def check(self, status: DoorStatus) -> None:
        assert sorted(each.type for each in status.conditions if each.type in OUTSIDE) == self.types


async def read(client: Client) -> Door:
    found = await Client(client.transport).get(Door, "a", namespace=client.namespace)
    assert isinstance(found, Door)
    return found


def operator(client: Client, field_manager: str = "") -> tuple[Manager, Cut]:
    cut = Cut((client.reconnect() or client).transport)
    given = Client(cut, namespace=client.namespace)
    given.field_manager = field_manager or given.field_manager
    options = ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0", namespaces=(client.namespace,))
    return Manager(options, client=given), cut


class Fickle:
    """Wants something else each time, and writes it several times before the end of its reconcile."""

    kind = Door
    finalizer = ""

    def __init__(self, rng: random.Random, disturb: Callable[[Door], Awaitable[None]]) -> None:
        self.rng = rng
        self.disturb = disturb
        self.wanted: tuple[Any, ...] = ()

    async def reconcile(self, obj: Door, /) -> None:
        for _ in range(self.rng.randint(0, 4)):
            self._choose(obj.status)
            await self.disturb(obj)
        self._choose(obj.status)

    async def finalize(self, obj: Door, /) -> None: ...

    def _choose(self, status: DoorStatus) -> None:
        choice, sample = self.rng.choice, self.rng.sample
        status.phase = choice("PQR")
        status.keys = {key: choice("12") for key in sample("ab", choice((0, 1, 2)))}
        status.lock = choice((None, {"x": "1"}, {"y": "1"}))
        status.hinges = [Hinge(name=name) for name in sorted(sample("uv", choice((0, 1, 2))))]
        for type_ in ("M1", "M2"):
            if choice((True, False)):
                status.conditions.set(type_, choice((True, False)), reason="Chosen")
            else:
                remove_condition(status.conditions, type_)
        self.wanted = self.part(status)

    @staticmethod
    def part(status: DoorStatus) -> tuple[Any, ...]:
        """Return what is this writer's of a status."""
        own = sorted((each.type, each.status) for each in status.conditions if each.type.startswith("M"))
        return status.phase, dict(status.keys), status.lock, [each.name for each in status.hinges], own


@pytest.mark.parametrize("applies", [True, False], ids=["apply", "edit"])
@pytest.mark.parametrize("seed", SEEDS)
async def test_writes_that_are_cut_off_in_a_reconcile(client: Client, seed: int, *, applies: bool) -> None:
    rng = random.Random(seed)
    manager, cut = operator(client)
    outside = Outside(manager.client, applies=applies)
    steps = 8 if isinstance(client.transport, FakeTransport) else 200

    async def from_outside() -> None:
        await outside.set(rng.sample(OUTSIDE, rng.randint(0, 3)), rng.choice(("a", "b", None)))

    async def disturb(obj: Door) -> None:
        write = manager.client.apply_status
        match rng.randint(0, 4):
            case 0:
                with suppress(ConflictError):
                    await asyncio.create_task(cancelled_after(rng.randint(0, steps), write(obj)))
            case 1:
                cut.writes, cut.at, cut.how = 0, rng.randint(1, 3), rng.choice(("before", "after", "fenced"))
                with suppress(asyncio.CancelledError, APIError):
                    await write(obj)
                cut.how = ""
            case 2:
                await write(obj)
        if rng.choice((True, False)):
            await from_outside()

    work = Fickle(rng, disturb)
    informer = manager.cache.informer(Door)
    await client.create(door(client))
    async with asyncio.timeout(60), run_manager(manager):
        await from_outside()
        for _ in range(20):
            path = ObjectPath(
                work, informer=informer, cache=manager.cache, client=manager.api_reader, decode_failures=None
            )
            await path.reconcile(Request(client.namespace, "a"))
            status = (await read(client)).status
            assert work.part(status) == work.wanted
            assert status.note == outside.note
            outside.check(status)
            if rng.choice((True, False)):
                await from_outside()


class Counted(ObjectReconciler[Door]):
    """Sets what follows from conditions of others; woken by each change, its own writes among them."""

    reconciles: Counter[str]

    async def reconcile(self, obj: Door) -> None:
        type(self).reconciles[type(self).__name__] += 1
        seen = {each.type for each in obj.status.conditions}
        await asyncio.sleep(random.uniform(0, 0.02))
        self.follow(obj.status, seen)

    def follow(self, status: DoorStatus, seen: set[str]) -> None:
        raise NotImplementedError


def exists(conditions: Conditions, type_: str, *, wanted: bool) -> None:
    if wanted:
        conditions.set(type_, True, reason="Wanted")
    else:
        remove_condition(conditions, type_)


class Left(Counted):
    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.named("left")

    def follow(self, status: DoorStatus, seen: set[str]) -> None:
        status.conditions.set("L1", "K1" in seen, reason="Seen")
        exists(status.conditions, "L2", wanted="K2" not in seen)
        status.phase = "K3" if "K3" in seen else ""


class Right(Counted):
    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.named("right")

    def follow(self, status: DoorStatus, seen: set[str]) -> None:
        status.conditions.set("R1", "L2" in seen, reason="Seen")
        exists(status.conditions, "R2", wanted="K1" not in seen)
        status.keys = {} if "K1" in seen else {"r": "1"}
        status.lock = {"pin": "1"} if "K2" in seen else None


async def quiet(client: Client) -> DoorStatus:
    """Wait until nothing is written or reconciled any more, and return the status."""
    seen, since = None, time.monotonic()
    while seen is None or time.monotonic() - since < 0.4:
        obj = await read(client)
        now = (Counted.reconciles.copy(), obj.metadata.resourceVersion)
        if now != seen:
            seen, since = now, time.monotonic()
        await asyncio.sleep(0.05)
    return obj.status


@pytest.mark.parametrize("operators", [1, 2])
@pytest.mark.parametrize("applies", [True, False], ids=["apply", "edit"])
@pytest.mark.parametrize("seed", SEEDS[:1])
async def test_two_reconcilers_and_another_writer(client: Client, operators: int, seed: int, *, applies: bool) -> None:
    rng = random.Random(seed)
    Counted.reconciles = Counter()
    managers = [operator(client, f"operator-{number}")[0] for number in range(operators)]
    managers[0].setup(Left)
    managers[-1].setup(Right)
    outside = Outside(client, applies=applies)
    await client.create(door(client))
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        for manager in managers:
            await stack.enter_async_context(run_manager(manager))
        for _ in range(5):
            for _ in range(rng.randint(1, 8)):
                await outside.set(rng.sample(OUTSIDE, rng.randint(0, 3)))
                await asyncio.sleep(rng.choice((0, 0.03)))
            status = await quiet(client)
            outside.check(status)
            there = set(outside.types)
            found = {each.type: each.status for each in status.conditions if each.type not in OUTSIDE}
            wanted = {"L1": str("K1" in there), "R1": str("K2" not in there)}
            wanted |= {} if "K2" in there else {"L2": "True"}
            wanted |= {} if "K1" in there else {"R2": "True"}
            assert found == wanted
            assert status.phase == ("K3" if "K3" in there else "")
            assert status.keys == ({} if "K1" in there else {"r": "1"})
            assert status.lock == ({"pin": "1"} if "K2" in there else None)
    assert sum(Counted.reconciles.values()) < 400, "each write is the reason of few reconciles"
