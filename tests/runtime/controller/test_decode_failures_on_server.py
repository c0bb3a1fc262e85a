"""Objects that the API server takes and the type refuses: who hears of it, and what becomes of the others."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from lightkube.resources.events_v1 import Event
from pydantic import Field, field_validator

from kaiwu_runtime import Client, Manager, ManagerOptions, ObjectReconciler, PatchType, Request
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource, set_condition
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.controller import ControllerBuilder, GenerationChanged, Predicate
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.rest._paths import collection_path, object_path

from ..crds import install
from .rig import Recording, Rig, config_map, until

pytestmark = pytest.mark.envtest


class BoilerSpec(APIModel):
    size: int = 2

    @field_validator("size")
    @classmethod
    def even(cls, value: int) -> int:
        """Stricter than the schema, which knows no functions."""
        if value % 2:
            raise ValueError("must be even")
        return value


class BoilerStatus(APIModel):
    seen: int = 0
    conditions: Conditions = Conditions()


@resource(group="undecodable.example.com", version="v1")
class Boiler(CustomResource):
    spec: BoilerSpec = Field(default_factory=BoilerSpec)
    status: BoilerStatus | None = None


@resource(group="undecodable.example.com", version="v1")
class Kettle(CustomResource):
    """A kind whose status has no conditions."""

    spec: BoilerSpec = Field(default_factory=BoilerSpec)


@pytest.fixture(autouse=True)
def _crds(control_plane: ControlPlane, tmp_path: Path) -> None:
    install(control_plane, [Boiler, Kettle], tmp_path)


async def ready(client: Client, request: Request) -> None:
    """Write a whole status, with everything that was read in it, as a reconciler does."""
    boiler = await client.get(Boiler, request.name, namespace=request.namespace)
    status = boiler.status or BoilerStatus()
    set_condition(status.conditions, type="Ready", status=True, reason="Boils")
    status.seen = boiler.metadata.generation or 0
    boiler.status = status
    await client.apply_status(boiler)


def for_boilers(builder: ControllerBuilder) -> ControllerBuilder:
    return builder.for_(Boiler)


class Stored:
    """Objects as the API server has them, whatever their type thinks of them."""

    def __init__(self, rig: Rig, kind: type[CustomResource] = Boiler) -> None:
        self.transport = rig.client.transport
        self.client = rig.client
        self.namespace = rig.namespace
        self.identity = identify(kind)

    async def create(self, name: str, size: int, *conditions: dict[str, Any]) -> None:
        body = {
            "apiVersion": self.identity.api_version,
            "kind": self.identity.kind,
            "metadata": {"name": name},
            "spec": {"size": size},
        }
        path = collection_path(self.identity, self.namespace)
        await self.transport.request("POST", path, body=json.dumps(body).encode())
        if conditions:
            await self.merge(name, "status", status={"conditions": conditions})

    async def merge(self, name: str, subresource: str = "", **members: Any) -> None:
        path = object_path(self.identity, self.namespace, name, subresource)
        await self.transport.request(
            "PATCH", path, body=json.dumps(members).encode(), content_type=PatchType.MERGE.value
        )

    async def read(self, name: str) -> dict[str, Any]:
        path = object_path(self.identity, self.namespace, name)
        found: dict[str, Any] = json.loads(await self.transport.request("GET", path))
        return found

    async def conditions(self, name: str) -> dict[str, dict[str, Any]]:
        conditions = (await self.read(name)).get("status", {}).get("conditions", [])
        return {condition["type"]: condition for condition in conditions}

    async def has(self, name: str, *types: str, **fields: object) -> dict[str, dict[str, Any]]:
        """Return the conditions of an object once they are of these types, and the first has these fields."""
        async with asyncio.timeout(15):
            while True:
                found = await self.conditions(name)
                if found.keys() == set(types) and fields.items() <= found[types[0]].items():
                    return found
                await asyncio.sleep(0.02)

    async def events(self, name: str) -> list[Event]:
        """Return the events of an object once there are any."""
        async with asyncio.timeout(15):
            while True:
                events = await self.client.list(Event, namespace=self.namespace)
                found = [event for event in events if event.regarding and event.regarding.name == name]
                if found:
                    return found
                await asyncio.sleep(0.02)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.error for record in caplog.records if record.levelno >= logging.ERROR]  # type: ignore[attr-defined]


@pytest.mark.parametrize("predicates", [(), (GenerationChanged(),)], ids=["every change", "generation"])
async def test_an_event_and_a_condition_tell_of_it_and_the_others_are_reconciled(
    rig: Rig, caplog: pytest.LogCaptureFixture, predicates: tuple[Predicate, ...]
) -> None:
    stored = Stored(rig)
    await stored.create("bad", 3)
    await stored.create("good", 4)
    reconciler = rig.add(ready, lambda builder: builder.for_(Boiler, *predicates))
    async with rig.running():
        marked = (await stored.has("bad", "Decoded"))["Decoded"]
        assert (marked["status"], marked["reason"], marked["observedGeneration"]) == ("False", "DecodeFailed", 1)
        assert marked["message"] == f"Boiler {rig.namespace}/bad: spec.size: Value error, must be even"
        await stored.has("good", "Ready")
        (event,) = await stored.events("bad")
        assert (event.type, event.reason, event.action) == ("Warning", "DecodeFailed", "Decode")
        assert event.note == marked["message"]
        assert event.reportingController == "boiler-controller"

        await asyncio.sleep(0.3)  # many times the first back-off
        assert errors(caplog) == [marked["message"]], "once"
        assert reconciler.count("bad") <= 2, "it is not tried until it changes"

        await stored.merge("bad", spec={"size": 5})
        again = await stored.has("bad", "Decoded", observedGeneration=2)
        assert again["Decoded"]["lastTransitionTime"] == marked["lastTransitionTime"]

        await stored.merge("bad", spec={"size": 6})
        await stored.has("bad", "Ready")
        assert (await stored.read("bad"))["status"]["seen"] == 3
        await asyncio.sleep(0.2)
        await stored.has("bad", "Ready")


async def test_a_condition_of_an_earlier_run_is_removed_when_the_object_fits(rig: Rig) -> None:
    stored = Stored(rig)
    await stored.create("once-bad", 4, condition("DecodeFailed"), ready_condition())
    rig.add(ready, for_boilers)
    async with rig.running():
        await stored.has("once-bad", "Ready", reason="Boils")
    assert (await stored.read("once-bad"))["status"]["seen"] == 1


class Boiling(ObjectReconciler[Boiler]):
    """Writes a status, as it is."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.seen: list[str] = []

    async def reconcile(self, obj: Boiler) -> None:
        self.seen.append(obj.metadata.name or "")
        obj.status = obj.status or BoilerStatus()
        obj.status.seen = 7


@pytest.mark.parametrize("plain", [True, False])
async def test_a_dry_run_reconciles_an_object_with_a_condition_of_an_earlier_run(
    rig: Rig, control_plane: ControlPlane, plain: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = Stored(rig)
    await stored.create("once-bad", 4, condition("DecodeFailed"))
    manager = Manager(
        ManagerOptions(kubeconfig=str(control_plane.kubeconfig), namespaces=(rig.namespace,), dry_run=True)
    )
    recording, boiling = Recording(manager.client, "recording", for_boilers, ready), Boiling(manager.client)
    (recording if plain else boiling).setup_with_manager(manager)
    await asyncio.wait_for(manager.start(), 30)
    assert (recording.count("once-bad"), boiling.seen) == ((1, []) if plain else (0, ["once-bad"]))
    assert "Decoded" in await stored.conditions("once-bad")
    shown = capsys.readouterr().out
    assert "-  - lastTransitionTime: '2020-02-02T02:02:02Z'" in shown, "what a real run removes"
    assert f"+  seen: {1 if plain else 7}" in shown


async def test_an_object_that_was_marked_and_broken_again_is_told_of_with_the_time_it_had(rig: Rig) -> None:
    stored = Stored(rig)
    await stored.create("bad", 3, condition("DecodeFailed"))
    rig.add(ready, for_boilers)
    async with rig.running():
        await stored.events("bad")
        again = await stored.has("bad", "Decoded", observedGeneration=1)
        assert again["Decoded"]["lastTransitionTime"] == LONG_AGO


async def test_a_condition_of_that_name_may_be_the_reconcilers_own(rig: Rig) -> None:
    stored = Stored(rig)
    await stored.create("film", 4, condition("AllFrames"))
    rig.add(ready, for_boilers)
    async with rig.running():
        found = await stored.has("film", "Decoded", "Ready")
        assert found["Decoded"]["reason"] == "AllFrames"
        await stored.merge("film", spec={"size": 5})
        await stored.events("film")
    assert (await stored.conditions("film"))["Decoded"]["reason"] == "AllFrames"


async def test_without_conditions_there_is_the_event(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    stored = Stored(rig, Kettle)
    await stored.create("bad", 3)

    async def work(client: Client, request: Request) -> None:
        await client.get(Kettle, request.name, namespace=request.namespace)

    reconciler = rig.add(work, lambda builder: builder.for_(Kettle))
    async with rig.running():
        await stored.events("bad")
        await asyncio.sleep(0.3)
        assert reconciler.count("bad") == 1
    assert len(errors(caplog)) == 1


async def test_another_object_that_does_not_fit_is_an_ordinary_failure(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    stored = Stored(rig)
    await stored.create("bad", 3)

    done = asyncio.Event()

    async def work(client: Client, request: Request) -> None:
        if request.name == "needs-it":
            await client.get(Boiler, "bad", namespace=request.namespace)
            done.set()

    reconciler = rig.add(work)  # for ConfigMaps
    async with rig.running():
        await rig.client.create(config_map("needs-it", rig.namespace))
        await until(lambda: reconciler.count("needs-it") >= 3)
        await stored.merge("bad", spec={"size": 4})
        await asyncio.wait_for(done.wait(), 15)
    assert set(errors(caplog)) == {f"Boiler {rig.namespace}/bad: spec.size: Value error, must be even"}
    assert await stored.conditions("bad") == {}


async def test_a_status_that_may_not_be_written_costs_the_condition_alone(
    control_plane: ControlPlane, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    stored = Stored(rig)
    await stored.create("bad", 3)
    await stored.create("once-bad", 4, condition("DecodeFailed"))
    allow(control_plane, rig.namespace)
    account = control_plane.service_account_kubeconfig("reader", rig.namespace)
    async with Client.connect(account) as client:
        reader = Rig(control_plane, rig.namespace, client, kubeconfig=account)

        async def work(client: Client, request: Request) -> None:
            await client.get(Boiler, request.name, namespace=request.namespace)

        reconciler = reader.add(work, for_boilers)
        async with reader.running():
            await stored.events("bad")
            await until(lambda: reconciler.count("once-bad") == 1)
        assert reconciler.count("bad") == 1
    warnings = {record.getMessage() for record in caplog.records if record.levelno == logging.WARNING}
    assert warnings == {"Cannot write the condition", "Cannot remove the condition"}
    assert await stored.conditions("bad") == {}


LONG_AGO = "2020-02-02T02:02:02Z"


def condition(reason: str) -> dict[str, Any]:
    return {
        "type": "Decoded",
        "status": "False",
        "reason": reason,
        "message": "from a test",
        "lastTransitionTime": LONG_AGO,
    }


def ready_condition() -> dict[str, Any]:
    return {**condition("Unknown"), "type": "Ready"}


def allow(control_plane: ControlPlane, namespace: str) -> None:
    """Let an account read boilers and write events, and nothing else."""
    base = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    metadata = {"name": "reader", "namespace": namespace}
    rules = [
        {"apiGroups": ["undecodable.example.com"], "resources": ["boilers"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    control_plane.rest.object("POST", f"{base}/roles", {"metadata": metadata, "rules": rules})
    binding = {
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    control_plane.rest.object("POST", f"{base}/rolebindings", binding)
