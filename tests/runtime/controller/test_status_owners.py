"""What an ObjectReconciler owns in a status that other programs apply to: what it has set, and not what is theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kaiwu_runtime import Client, PatchType
from kaiwu_runtime.api import remove_condition
from kaiwu_runtime.errors import ConflictError
from kaiwu_runtime.testing import FakeTransport

from .test_shared_status import Door, DoorReconciler, DoorStatus, Hinge, client, door, run

__all__ = ["client"]

AT = "2026-01-01T00:00:00Z"
NOBODY: list[str] = []


def condition(type_: str, status: str = "True") -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": "Set", "message": "", "lastTransitionTime": AT}


async def apply_as(client: Client, manager: str, *, force: bool = False, **status: Any) -> None:
    """Apply a status as another program does, which gives up what it does not send any more."""
    metadata = {"name": "a", "namespace": client.namespace}
    obj = Door.model_validate({"metadata": metadata, "status": status})
    await client.apply_status(obj, field_manager=manager, force=force)


async def owned(client: Client, manager: str = "kaiwu-runtime-status") -> list[str]:
    """Return what a manager owns of the status by applies: its fields, and the items of its lists."""
    managed = (await client.get(Door, "a", namespace=client.namespace)).metadata.managedFields or []
    found: list[str] = []
    for each in managed:
        if (each.manager, each.operation, each.subresource) == (manager, "Apply", "status"):
            for name, fields in ((each.fieldsV1 or {}).get("f:status") or {}).items():
                items = [item for item in fields if item.startswith(("k:", "v:"))]
                found += items or [name]
    return sorted(found)


async def reconciled(client: Client, reconcile: Callable[[Door], None]) -> DoorStatus:
    done = asyncio.Event()

    class Keeper(DoorReconciler):
        name = "keeper"

        async def reconcile(self, obj: Door) -> None:
            reconcile(obj)
            asyncio.get_running_loop().call_later(0.5, done.set)

    return await run(client, Keeper, done=done)


async def test_what_others_apply_stays_theirs(client: Client) -> None:
    await client.create(door(client))
    theirs: dict[str, Any] = {"note": "of the locksmith", "hinges": [{"name": "upper"}], "lock": {"pin": "1"}}
    await apply_as(client, "locksmith", conditions=[condition("Locked"), condition("Oiled")], **theirs)

    def reconcile(obj: Door) -> None:
        obj.status.conditions.set("Hung", True, reason="Fits")
        obj.status.phase = "Open"

    await reconciled(client, reconcile)
    own = ["f:observedGeneration", "f:phase", 'k:{"type":"Hung"}']
    assert await owned(client) == own
    await apply_as(client, "locksmith", conditions=[condition("Locked", "False")], note="new")
    status = (await client.get(Door, "a", namespace=client.namespace)).status
    assert [(each.type, each.status) for each in status.conditions] == [("Locked", "False"), ("Hung", "True")]
    assert (status.note, status.lock, status.hinges, status.phase) == ("new", None, [], "Open")

    def again(obj: Door) -> None:
        obj.status.phase = "Shut"

    status = await reconciled(client, again)
    assert await owned(client) == own
    assert [each.type for each in status.conditions] == ["Locked", "Hung"]
    assert status.phase == "Shut"


@pytest.mark.parametrize("client", [pytest.param("real", marks=pytest.mark.envtest)], indirect=True)
async def test_lists_whose_kind_only_the_schema_tells(client: Client) -> None:
    await client.create(door(client))
    await apply_as(client, "locksmith", hinges=[{"name": "upper"}, {"name": "middle"}], tags=["big", "old"])

    def reconcile(obj: Door) -> None:
        obj.status.hinges[1].note = "loose"
        obj.status.hinges.append(Hinge(name="lower"))
        obj.status.tags = ["red", "big"]

    await reconciled(client, reconcile)
    own = ['k:{"name":"lower"}', 'k:{"name":"middle"}', 'v:"red"']
    assert await owned(client) == ["f:observedGeneration", *own]
    await apply_as(client, "locksmith")
    status = (await client.get(Door, "a", namespace=client.namespace)).status
    assert ([(each.name, each.note) for each in status.hinges], status.tags) == (
        [("middle", "loose"), ("lower", None)],
        ["red"],
    )


async def test_what_is_changed_becomes_shared_and_stays_so(client: Client) -> None:
    await client.create(door(client))
    await apply_as(client, "locksmith", conditions=[condition("Locked"), condition("Oiled")], note="old")

    def reconcile(obj: Door) -> None:
        obj.status.conditions.set("Locked", False, reason="Open")
        obj.status.note = "new"

    await reconciled(client, reconcile)
    own = ["f:note", "f:observedGeneration", 'k:{"type":"Locked"}']
    assert await owned(client) == own
    with pytest.raises(ConflictError):
        await apply_as(client, "locksmith", conditions=[condition("Locked")], note="old")

    def again(obj: Door) -> None:
        obj.status.phase = "Open"

    await reconciled(client, again)
    assert await owned(client) == sorted([*own, "f:phase"])


async def test_the_last_own_item_is_removed_and_theirs_stay(client: Client) -> None:
    await client.create(door(client))
    await apply_as(client, "locksmith", conditions=[condition("Locked"), condition("Oiled")])
    await apply_as(client, "kaiwu-runtime-status", conditions=[condition("Hung")], observedGeneration=1)

    def reconcile(obj: Door) -> None:
        remove_condition(obj.status.conditions, "Hung")

    status = await reconciled(client, reconcile)
    assert [each.type for each in status.conditions] == ["Locked", "Oiled"]
    assert await owned(client) == ["f:observedGeneration"]

    def further(obj: Door) -> None:
        remove_condition(obj.status.conditions, "Locked")

    status = await reconciled(client, further)
    assert [each.type for each in status.conditions] == ["Oiled"]
    assert await owned(client) == ["f:observedGeneration"]


async def test_what_is_removed_while_nothing_is_owned(client: Client) -> None:
    await client.create(door(client))
    await apply_as(client, "locksmith", conditions=[condition("Locked")], observedGeneration=1, note="old")

    def reconcile(obj: Door) -> None:
        obj.status.note = None

    status = await reconciled(client, reconcile)
    assert ([each.type for each in status.conditions], status.note) == (["Locked"], None)
    assert await owned(client) == NOBODY
    await apply_as(client, "locksmith", observedGeneration=1)
    assert not (await client.get(Door, "a", namespace=client.namespace)).status.conditions


@pytest.mark.parametrize("client", [pytest.param("real", marks=pytest.mark.envtest)], indirect=True)
async def test_what_no_manager_owns_is_removed_too(client: Client) -> None:
    await client.create(door(client))
    await apply_as(client, "kaiwu-runtime-status", note="old", observedGeneration=1)
    managed = [
        {
            "manager": "kaiwu-runtime-status",
            "operation": "Apply",
            "subresource": "status",
            "apiVersion": "doors.example.com/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:status": {"f:observedGeneration": {}}},
        }
    ]
    forgotten = [{"op": "replace", "path": "/metadata/managedFields", "value": managed}]
    await client.patch(Door, "a", forgotten, namespace=client.namespace, patch_type=PatchType.JSON)
    assert await owned(client) == ["f:observedGeneration"]

    def reconcile(obj: Door) -> None:
        obj.status.note = None

        obj.status.phase = "New"

    assert (await reconciled(client, reconcile)).note is None


async def test_what_was_written_under_another_name_in_the_same_pass_is_removed(client: Client) -> None:
    await client.create(door(client))
    await apply_as(client, "kaiwu-runtime-status", note="old")
    done = asyncio.Event()

    class Keeper(DoorReconciler):
        name = "keeper"

        async def reconcile(self, obj: Door) -> None:
            if obj.status.phase == "New":
                return
            obj.metadata = (await self.client.apply_status(obj, field_manager="locksmith")).metadata
            obj.status.note, obj.status.phase = None, "New"
            asyncio.get_running_loop().call_later(0.5, done.set)

    status = await run(client, Keeper, done=done)
    assert (status.note, status.phase) == (None, "New")


@pytest.mark.parametrize("client", ["fake"], indirect=True)
async def test_a_status_that_a_reconciler_has_written_is_not_written_again(client: Client) -> None:
    await client.create(door(client))
    done = asyncio.Event()

    class Writer(DoorReconciler):
        name = "writer"

        async def reconcile(self, obj: Door) -> None:
            obj.status.phase, obj.status.observed_generation = "Open", obj.metadata.generation
            await self.client.apply_status(obj)
            asyncio.get_running_loop().call_later(0.5, done.set)

    assert (await run(client, Writer, done=done)).phase == "Open"
    assert isinstance(client.transport, FakeTransport)
    writes = [each for each in client.transport.requests if each.verb == "apply" and each.subresource == "status"]
    assert len(writes) == 1
