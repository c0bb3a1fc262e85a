"""What a status of several writers keeps: parts in what is removed or made anew, whatever the model is meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kaiwu_runtime import Client, PatchType
from kaiwu_runtime.testing import run_manager

from .test_status_owners import condition
from .test_status_parts import (
    Crate,
    CrateStatus,
    Operator,
    Part,
    Port,
    Work,
    apply_as,
    client,
    owned,
    read,
    real,
)

__all__ = ["client"]

KEYS = ["g", "g.h", "<", ""]


async def test_a_map_in_a_map_is_removed_while_another_adds_to_it(client: Client) -> None:
    def change(status: CrateStatus) -> None:
        status.groups = {key: {"ours": "1"} for key in KEYS}
        status.labels = {"ours": "1"}

    async def remove(status: CrateStatus) -> None:
        status.groups = {}
        await apply_as(client, "other", {"groups": {key: {"theirs": "1"} for key in KEYS[:3]}})

    operator = Operator(client)
    async with run_manager(operator.manager):
        await operator.reconcile(change)
        await operator.reconcile(remove)
        status = (await read(client))["status"]
        assert status["groups"] == {key: {"theirs": "1"} for key in KEYS[:3]}
        assert status["labels"] == {"ours": "1"}
        assert await operator.reconcile(lambda _: None) == 0


@real
async def test_an_item_with_a_key_left_to_its_default_does_not_own_the_others(client: Client) -> None:
    def change(status: CrateStatus) -> None:
        if all(port.port != 80 for port in status.ports or ()):
            status.ports = [*(status.ports or ()), Port(port=80)]

    operator = Operator(client)
    await apply_as(client, "other", {"ports": [{"port": 53, "protocol": "UDP"}]})
    async with run_manager(operator.manager):
        assert await operator.reconcile(change) == 1
        assert "53" not in owned(await read(client))
        await apply_as(client, "other", {"ports": [{"port": 54}]})
        assert await operator.reconcile(change) == 0
    ports = (await read(client))["status"]["ports"]
    assert sorted(port["port"] for port in ports) == [54, 80]


@real
async def test_an_item_that_another_has_updated_is_removed_by_one_with_a_default_key(client: Client) -> None:
    def change(status: CrateStatus) -> None:
        status.ports = [Port(port=80)]

    operator = Operator(client)
    await client.patch(
        Crate,
        "a",
        {"status": {"ports": [{"port": 53, "protocol": "UDP"}]}},
        namespace=client.namespace,
        patch_type=PatchType.MERGE,
        field_manager="other",
        subresource="status",
    )
    async with run_manager(operator.manager):
        await operator.reconcile(change)
        assert (await read(client))["status"]["ports"] == [{"port": 80, "protocol": "TCP"}]
        assert await operator.reconcile(change) == 0


ORDERS: dict[str, Callable[[CrateStatus], Any]] = {
    "parts": lambda status: setattr(
        status, "parts", [Part(name="o2"), Part(name="o1"), *(part for part in status.parts if part.name[0] == "x")]
    ),
    "tags": lambda status: setattr(status, "tags", ["o2", "o1", *(tag for tag in status.tags if tag[0] == "x")]),
    "ports": lambda status: setattr(
        status, "ports", [Port(port=90), Port(port=80), *(port for port in status.ports or () if port.port < 80)]
    ),
}


@real
@pytest.mark.parametrize("name", ORDERS)
async def test_own_items_before_those_of_others_are_not_written_again(client: Client, name: str) -> None:
    theirs = {"parts": [{"name": "x1"}, {"name": "x2"}], "tags": ["x1", "x2"], "ports": [{"port": 1}, {"port": 2}]}

    def turned(status: CrateStatus) -> None:
        ORDERS[name](status)
        items = getattr(status, name)
        items[:2] = items[1::-1]

    operator = Operator(client)
    await apply_as(client, "other", theirs)
    async with run_manager(operator.manager):
        assert [await operator.reconcile(ORDERS[name]) for _ in range(3)] == [1, 0, 0]
        first = (await read(client))["status"][name]
        assert [await operator.reconcile(turned) for _ in range(2)] == [1, 0]
        assert (await read(client))["status"][name] == [*first[:2], first[3], first[2]]


async def test_a_status_that_becomes_none(client: Client) -> None:
    operator = Operator(client)

    def change(status: CrateStatus) -> None:
        status.phase, status.tags = "P", ["o"]

    class Nothing(Work):
        async def reconcile(self, obj: Crate, /) -> None:
            obj.status = None  # type: ignore[assignment]

    await apply_as(client, "other", {"tags": ["x"], "conditions": [condition("Theirs")]})
    async with run_manager(operator.manager):
        await operator.reconcile(change)
        assert await operator.run(Nothing(change)) > 0
        assert (await read(client))["status"] in ({}, {"phase": ""})
        assert await operator.run(Nothing(change)) == 0


async def test_the_model_is_changed_while_it_is_written(client: Client) -> None:
    operator = Operator(client)

    class Busy(Work):
        async def reconcile(self, obj: Crate, /) -> None:
            obj.status.parts = [*obj.status.parts, Part(name="o1", ours="1")]
            written = asyncio.ensure_future(operator.manager.api_reader.apply_status(obj))
            await asyncio.sleep(0)
            obj.status.parts = [Part(name="o2", ours="1"), Part(name="o3", ours="1"), *obj.status.parts]
            await written

    await apply_as(client, "other", {"parts": [{"name": "x"}]})
    async with run_manager(operator.manager):
        await operator.run(Busy(lambda _: None))
    assert {part["name"] for part in (await read(client))["status"]["parts"]} == {"o1", "o2", "o3", "x"}


@real
@pytest.mark.parametrize("name", ["m" * 121, "m" * 122, "é" * 64], ids=["fits", "too long", "unicode"])
async def test_a_long_field_manager(client: Client, name: str) -> None:
    def change(status: CrateStatus) -> None:
        status.phase = "P"

    operator = Operator(client)
    operator.manager.api_reader.field_manager = name
    async with run_manager(operator.manager):
        await operator.reconcile(change)
    (entry,) = [each for each in (await read(client))["metadata"]["managedFields"] if "subresource" in each]
    assert entry["manager"].startswith(name[:50])
    assert entry["manager"].endswith("-status")
