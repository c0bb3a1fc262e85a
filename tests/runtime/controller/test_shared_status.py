"""A status that several controllers write, on an API server in memory and on a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from pydantic import Field

from kaiwu_runtime import Client, ControllerBuilder, Manager, ManagerOptions, ObjectReconciler, PatchType
from kaiwu_runtime.api import (
    APIModel,
    Condition,
    Conditions,
    CustomResource,
    ListMapKeys,
    ListType,
    remove_condition,
    resource,
)
from kaiwu_runtime.controller import GenerationChanged
from kaiwu_runtime.testing import run_manager

from ..on_both import SERVERS, connected


class Hinge(APIModel):
    name: str
    note: str | None = None


class DoorStatus(APIModel):
    observed_generation: int | None = None
    phase: str = ""
    note: str | None = None
    lock: dict[str, str] | None = None
    keys: dict[str, str] = Field(default_factory=dict)
    hinges: Annotated[list[Hinge], ListMapKeys("name")] = Field(default_factory=list)
    tags: Annotated[list[str], ListType("set")] = Field(default_factory=list)
    conditions: Conditions = Conditions()


@resource(group="doors.example.com", version="v1")
class Door(CustomResource):
    status: DoorStatus = DoorStatus()


class DoorReconciler(ObjectReconciler[Door]):
    """Is woken by changes of the spec alone, as nothing in the status concerns it."""

    name: ClassVar[str]

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        return controller.named(self.name).for_(Door, GenerationChanged())


@pytest.fixture(params=SERVERS)
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    async with connected(request, tmp_path, Door) as client:
        yield client


async def run(client: Client, *kinds: type[DoorReconciler], done: asyncio.Event) -> DoorStatus:
    """Run reconcilers until the event is set and all has been written, and return the status of the door."""
    options = ManagerOptions(health_probe_bind_address="0", namespaces=(client.namespace,))
    manager = Manager(options, client=client.reconnect() or Client(client.transport))
    manager.setup(*kinds)
    async with asyncio.timeout(20), run_manager(manager):
        await done.wait()
    return (await client.get(Door, "a", namespace=client.namespace)).status


def door(client: Client) -> Door:
    return Door(metadata=ObjectMeta(name="a", namespace=client.namespace))


async def test_controllers_keep_the_conditions_of_each_other(client: Client) -> None:
    quick, done = asyncio.Event(), asyncio.Event()

    class Quick(DoorReconciler):
        name = "quick"

        async def reconcile(self, obj: Door) -> None:
            obj.status.conditions.set("Painted", True, reason="Dry")
            obj.status.phase = "Painted"

    class Slow(DoorReconciler):
        name = "slow"

        async def reconcile(self, obj: Door) -> None:
            assert not obj.status.conditions
            quick.set()
            while not (await client.get(Door, "a", namespace=client.namespace)).status.conditions:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            obj.status.conditions.set("Hung", True, reason="Fits")
            asyncio.get_running_loop().call_later(0.5, done.set)

    class Waiting(Quick):
        async def reconcile(self, obj: Door) -> None:
            await quick.wait()
            await super().reconcile(obj)

    await client.create(door(client))
    status = await run(client, Waiting, Slow, done=done)
    assert [(each.type, each.observedGeneration) for each in status.conditions] == [("Painted", 1), ("Hung", 1)]
    assert (status.phase, status.observed_generation) == ("Painted", 1)


async def test_a_condition_of_another_program_stays_as_it_is(client: Client) -> None:
    done = asyncio.Event()

    class Hinges(DoorReconciler):
        name = "hinges"

        async def reconcile(self, obj: Door) -> None:
            obj.status.conditions.set("Hung", True, reason="Fits")
            obj.status.conditions.append(
                Condition(type="Own", status="True", reason="Added", message="", lastTransitionTime=datetime.now(UTC))
            )
            asyncio.get_running_loop().call_later(0.5, done.set)

    created = await client.create(door(client))
    created.status.conditions.set("Locked", True, reason="Key")
    await client.apply_status(created, field_manager="locksmith")
    status = await run(client, Hinges, done=done)
    assert [(each.type, each.observedGeneration) for each in status.conditions] == [
        ("Locked", None),
        ("Hung", 1),
        ("Own", 1),
    ]


async def test_a_status_written_meanwhile_is_no_change_of_another(client: Client) -> None:
    done = asyncio.Event()

    class Painter(DoorReconciler):
        name = "painter"

        async def reconcile(self, obj: Door) -> None:
            for phase in ("Painting", "Idle"):
                obj.status.phase = phase
                if phase == "Painting":
                    await self.client.apply_status(obj)
            asyncio.get_running_loop().call_later(0.5, done.set)

    created = await client.create(door(client))
    created.status.phase = "Idle"
    await client.apply_status(created)
    status = await run(client, Painter, done=done)
    assert (status.phase, status.observed_generation) == ("Idle", 1)


@pytest.mark.parametrize("patch_type", [PatchType.MERGE, PatchType.APPLY])
async def test_what_another_program_has_set_can_be_removed(client: Client, patch_type: PatchType) -> None:
    """As the operator in Go that this one replaces."""
    done = asyncio.Event()

    class Heir(DoorReconciler):
        name = "heir"

        async def reconcile(self, obj: Door) -> None:
            obj.status.note = obj.status.lock = None
            obj.status.keys = {name: value for name, value in obj.status.keys.items() if name != "spare"}
            obj.status.hinges = [Hinge(name=each.name) for each in obj.status.hinges if each.name != "lower"]
            obj.status.tags = [each for each in obj.status.tags if each != "red"]
            remove_condition(obj.status.conditions, "Locked")
            obj.status.conditions.set("Hung", True, reason="Fits")
            asyncio.get_running_loop().call_later(0.5, done.set)

    created = await client.create(door(client))
    at = "2026-01-01T00:00:00Z"
    conditions = [
        {"type": name, "status": "True", "reason": "Set", "message": "", "lastTransitionTime": at}
        for name in ("Locked", "Painted")
    ]
    status: dict[str, Any] = {"note": "old", "lock": {"pin": "1"}, "keys": {"spare": "1", "main": "2"}}
    status |= {
        "conditions": conditions,
        "hinges": [{"name": "upper", "note": "old"}, {"name": "lower"}],
        "tags": ["red", "big"],
    }
    body: dict[str, Any] = {"status": status}
    if patch_type is PatchType.APPLY:
        metadata = {"name": "a", "namespace": created.metadata.namespace}
        body |= {"apiVersion": "doors.example.com/v1", "kind": "Door", "metadata": metadata}
    for manager in ("manager", "another"):
        await client.patch(
            Door,
            "a",
            body,
            namespace=client.namespace,
            patch_type=patch_type,
            field_manager=manager,
            subresource="status",
        )
    found = await run(client, Heir, done=done)
    assert (found.note, found.lock, found.keys) == (None, None, {"main": "2"})
    assert (found.hinges, found.tags) == ([Hinge(name="upper")], ["big"])
    assert [each.type for each in found.conditions] == ["Painted", "Hung"]
