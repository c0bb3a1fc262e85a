"""Objects that were written in versions which their CRD lacks since: once each apply failed, for ever, with 500."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime import Client, Manager, ManagerOptions, ObjectReconciler
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ServerError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.testing import eventually, run_manager

from ..webhook.widgets import CRDS, raw

pytestmark = pytest.mark.envtest

GROUP = "removed.example.com"


class LampSpec(APIModel):
    colour: str = ""
    size: int = 0


class LampStatus(APIModel):
    lit: int = 0
    conditions: Conditions = Conditions()


@resource(group=GROUP, version="v1alpha1", kind="Lamp", scope="Cluster", storage=False)
class Alpha(CustomResource):
    spec: LampSpec = LampSpec()
    status: LampStatus = LampStatus()


@resource(group=GROUP, version="v1beta1", kind="Lamp", scope="Cluster", storage=False)
class Beta(CustomResource):
    spec: LampSpec = LampSpec()
    status: LampStatus = LampStatus()


@resource(group=GROUP, version="v1", scope="Cluster", storage=True)
class Lamp(CustomResource):
    """The version that stays."""

    spec: LampSpec = LampSpec()
    status: LampStatus = LampStatus()


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """A client of an API server that has all versions, until a test removes some."""
    (crd,) = build_crds([Alpha, Beta, Lamp])
    async with Client.connect(control_plane.kubeconfig) as made:
        control_plane.rest.apply(CRDS, crd.manifest)
        await eventually(until_served(made, Alpha))
        yield made
        await raw(made, "DELETE", f"{CRDS}/lamps.{GROUP}")
        await eventually(until_served(made, Lamp, served=False))


def until_served(client: Client, kind: type[Any], *, served: bool = True) -> Callable[[], Any]:
    async def is_so() -> bool:
        return await client.serves(kind) is served

    return is_so


def until_lit(client: Client, size: int) -> Callable[[], Any]:
    async def is_lit() -> bool:
        return {each.status.lit for each in await client.list(Lamp)} == {size}

    return is_lit


def until_rejected(client: Client) -> Callable[[], Any]:
    async def is_rejected() -> bool:
        try:
            await client.apply(Lamp(metadata=ObjectMeta(name="probe"), spec=LampSpec(size=1)), dry_run=True)
        except ServerError as error:
            return "invalid group/version" in error.message
        return False

    return is_rejected


async def remove_versions(control_plane: ControlPlane, client: Client) -> None:
    """Leave v1 only; all objects are stored in it already."""
    (crd,) = build_crds([Lamp])
    control_plane.rest.apply(CRDS, crd.manifest)
    await eventually(until_rejected(client))


async def create(client: Client, kind: type[Any], name: str = "probe") -> None:
    created = kind(metadata=ObjectMeta(name=name, labels={"a": "b"}), spec=LampSpec(colour="red"))
    await client.create(created, field_manager="creator")


def managers(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["manager"], each["apiVersion"].partition("/")[2]) for each in answer["metadata"]["managedFields"]}


async def test_an_apply_and_a_status(control_plane: ControlPlane, client: Client) -> None:
    await create(client, Alpha)
    for name in ("spec", "status", "both"):
        await create(client, Alpha, name)
    await client.apply(Beta(metadata=ObjectMeta(name="both"), spec=LampSpec(size=7)), field_manager="beta")
    await client.apply(Lamp(metadata=ObjectMeta(name="both"), spec=LampSpec(colour="red")), field_manager="kept")
    await remove_versions(control_plane, client)
    for name in ("spec", "both"):
        applied = await client.apply(Lamp(metadata=ObjectMeta(name=name), spec=LampSpec(size=3)), field_manager="me")
        assert (applied.spec.colour, applied.spec.size) == ("red", 3)
    for name in ("status", "both"):
        written = Lamp(metadata=ObjectMeta(name=name), status=LampStatus(lit=5))
        assert (await client.apply_status(written, field_manager="me-status")).status.lit == 5
    path = f"/apis/{GROUP}/v1/lamps/"
    found = {name: managers(await raw(client, "GET", path + name)) for name in ("spec", "status", "both")}
    # The API server gives that manager what an object without managed fields has.
    assert found["spec"] == {("me", "v1"), ("before-first-apply", "v1")}
    assert found["status"] == {("me-status", "v1")}
    assert found["both"] == {("me", "v1"), ("me-status", "v1"), ("kept", "v1")}


async def test_a_dry_run_changes_nothing(control_plane: ControlPlane, client: Client) -> None:
    await create(client, Beta)
    await remove_versions(control_plane, client)
    path = f"/apis/{GROUP}/v1/lamps/probe"
    before = await raw(client, "GET", path)
    with pytest.raises(ServerError, match="invalid group/version"):
        await client.apply(Lamp(metadata=ObjectMeta(name="probe"), spec=LampSpec(size=3)), dry_run=True)
    assert await raw(client, "GET", path) == before


class Keeper(ObjectReconciler[Lamp]):
    """Keeps the number of the spec in the status."""

    async def reconcile(self, obj: Lamp) -> None:
        obj.status.lit = obj.spec.size
        obj.status.conditions.set("Ready", True, reason="Lit")


async def test_an_operator_goes_on(
    control_plane: ControlPlane, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("probe", "a", "b"):
        await create(client, Alpha, name)
    options = ManagerOptions(
        kubeconfig=str(control_plane.kubeconfig),
        health_probe_bind_address="0",
        metrics_bind_address="0",
    )
    manager = Manager(options)
    manager.setup(Keeper)

    async with run_manager(manager):
        await eventually(until_lit(client, 0))
        await remove_versions(control_plane, client)
        for name in ("probe", "a", "b"):
            await client.patch(Lamp, name, {"spec": {"size": 4}})
        await eventually(until_lit(client, 4))
    assert [json.dumps(each.__dict__, default=str) for each in caplog.records if each.levelname == "ERROR"] == []
