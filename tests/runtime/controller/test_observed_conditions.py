"""The generation in the conditions of a status, whatever the type makes of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from pydantic import Field

from kaiwu_runtime import Client, Manager, ManagerOptions, ObjectReconciler
from kaiwu_runtime.api import APIModel, Condition, Conditions, CustomResource, find_condition, resource
from kaiwu_runtime.testing import FakeTransport, run_manager


def condition(name: str) -> Condition:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Condition(type=name, status="Unknown", reason="New", message="", lastTransitionTime=at)


class Own(APIModel):
    type: str
    observedGeneration: int | None = None  # noqa: N815 - the field's name


class PendingStatus(APIModel):
    conditions: Conditions = Field(default_factory=lambda: Conditions([condition("Ready")]))
    phase: str = ""


class RenamedStatus(APIModel):
    conditions: list[Condition] = Field(default_factory=list, alias="facts")
    phase: str = ""


class KeyedStatus(APIModel):
    conditions: dict[str, Own] = Field(default_factory=dict)
    phase: str = ""


class FixedStatus(APIModel):
    conditions: tuple[Own, ...] | None = None
    phase: str = ""


class DerivedStatus(APIModel):
    phase: str = ""

    @property
    def conditions(self) -> list[Own]:
        return [Own(type=self.phase)]


@resource(group="facts.example.com", version="v1")
class Pending(CustomResource):
    status: PendingStatus = PendingStatus()


@resource(group="facts.example.com", version="v1")
class Renamed(CustomResource):
    status: RenamedStatus = RenamedStatus()


@resource(group="facts.example.com", version="v1")
class Keyed(CustomResource):
    status: KeyedStatus = KeyedStatus()


@resource(group="facts.example.com", version="v1")
class Fixed(CustomResource):
    status: FixedStatus = FixedStatus()


@resource(group="facts.example.com", version="v1")
class Derived(CustomResource):
    status: DerivedStatus = DerivedStatus()


def nothing(status: Any) -> None:
    """Leave the conditions alone."""


def one_more(status: Any) -> None:
    if not find_condition(status.conditions, "New"):
        status.conditions.append(condition("New"))


def one_of_two(status: Any) -> None:
    status.conditions = (Own(type="New"), Own(type="Old", observedGeneration=7))


def one_by_name(status: Any) -> None:
    status.conditions = {"New": Own(type="New")}


@pytest.mark.parametrize(
    ("kind", "change", "written"),
    [
        (Pending, nothing, {}),
        (Pending, one_more, {"conditions": [1, 1]}),
        (Renamed, one_more, {"facts": [1]}),
        (Keyed, one_by_name, {"conditions": [None]}),
        (Fixed, one_of_two, {"conditions": [1, 7]}),
        (Derived, nothing, {}),
    ],
)
async def test_a_status_is_written(kind: type[Any], change: Callable[[Any], None], written: dict[str, Any]) -> None:
    transport = FakeTransport(kind)
    client = Client(transport, namespace="default")
    await client.create(kind(metadata=ObjectMeta(name="a", namespace="default")))
    done = asyncio.Event()

    class Changing(ObjectReconciler[kind]):  # type: ignore[valid-type]  # one kind at a time
        async def reconcile(self, obj: Any) -> None:
            asyncio.get_running_loop().call_later(0.2, done.set)
            change(obj.status)
            obj.status.phase = "Changed"

    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=client)
    manager.setup(Changing)
    async with asyncio.timeout(20), run_manager(manager):
        await done.wait()
    path = f"/apis/facts.example.com/v1/namespaces/default/{kind.__name__.lower()}s/a"
    status = json.loads(await transport.request("GET", path))["status"]
    assert status.pop("phase") == "Changed"
    found = {name: [*value.values()] if isinstance(value, dict) else value for name, value in status.items()}
    assert {name: [each.get("observedGeneration") for each in items] for name, items in found.items()} == written
