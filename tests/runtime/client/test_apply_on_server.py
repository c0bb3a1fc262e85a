"""Server-side apply by the client, of objects and of their status, on a real API server."""

from __future__ import annotations

import pytest
from lightkube.models.core_v1 import NamespaceCondition, NamespaceStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace

from kaiwu_runtime import Client
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.errors import (
    APIStatusError,
    ConflictError,
    NotFoundError,
)

from .engines import Engine, EngineSpec, EngineStatus, config_map, engine, engine_in, managers, meta

pytestmark = pytest.mark.envtest


async def test_apply_creates_changes_and_removes_what_is_no_longer_sent(client: Client, namespace: str) -> None:
    await client.apply(config_map("a", namespace, keep="1", drop="1"))
    changed = await client.apply(config_map("a", namespace, keep="2"))
    assert changed.data == {"keep": "2"}
    assert managers(changed) == {"kaiwu-runtime": ("Apply", None)}


async def test_apply_without_force_conflicts_with_another_manager(client: Client, namespace: str) -> None:
    await client.apply(config_map("a", namespace, key="theirs"), field_manager="theirs")
    with pytest.raises(ConflictError, match="theirs") as caught:
        await client.apply(config_map("a", namespace, key="ours"), force=False)
    assert caught.value.code == 409
    assert (await client.get(ConfigMap, "a", namespace=namespace)).data == {"key": "theirs"}
    assert (await client.apply(config_map("a", namespace, key="theirs"), force=False)).data == {"key": "theirs"}
    assert (await client.apply(config_map("a", namespace, key="ours"))).data == {"key": "ours"}


async def test_apply_of_an_object_that_was_read_drops_what_the_server_owns(client: Client, namespace: str) -> None:
    await client.apply(config_map("a", namespace, key="1"))
    read = await client.get(ConfigMap, "a", namespace=namespace)
    await client.apply(config_map("a", namespace, key="2"))
    read.data = {"key": "3"}  # with managedFields in it this is refused, with the old resourceVersion it conflicts
    assert meta(read).managedFields
    assert (await client.apply(read)).data == {"key": "3"}


@pytest.mark.usefixtures("engines")
async def test_apply_of_a_field_that_is_not_in_the_schema_is_refused(client: Client, namespace: str) -> None:
    """The server is asked to parse once instead of twice, and must not let more through for that."""

    @resource(group="client.example.com", version="v1", kind="Engine")
    class NewerEngine(CustomResource):
        spec: dict[str, str]

    newer = NewerEngine(metadata=ObjectMeta(name="a", namespace=namespace), spec={"feul": "petrol"})
    with pytest.raises(APIStatusError, match=r"\.spec\.feul: field not declared in schema; .*`make install`"):
        await client.apply(newer)


@pytest.mark.usefixtures("engines")
async def test_apply_writes_the_spec_and_never_the_status(client: Client, namespace: str) -> None:
    wanted = engine("a", namespace, cylinders=8)
    wanted.status = EngineStatus(phase="Running")
    applied = await client.apply(wanted)
    assert applied.spec == EngineSpec(cylinders=8, fuel="diesel")
    assert applied.status.phase == ""
    assert managers(applied) == {"kaiwu-runtime": ("Apply", None)}


@pytest.mark.usefixtures("engines")
async def test_apply_status_writes_the_status_and_nothing_else(client: Client, namespace: str) -> None:
    current = await client.apply(engine("a", namespace, cylinders=8))
    current.spec.cylinders = 2
    current.status.phase = "Running"
    current.status.notes.append("filled in place")
    written = await client.apply_status(current)
    assert written.status == EngineStatus(phase="Running", hours=0, notes=["filled in place"])
    assert written.spec.cylinders == 8
    assert meta(written).generation == 1
    assert managers(written)["kaiwu-runtime-status"] == ("Apply", "status")
    current.status = EngineStatus(hours=7)
    assert (await client.apply_status(current)).status == EngineStatus(hours=7)


async def test_apply_status_of_an_object_without_a_namespace(client: Client, namespace: str) -> None:
    namespace_object = await client.get(Namespace, namespace)
    conditions = [NamespaceCondition(type="Watched", status="True", reason="Test", message="")]
    namespace_object.status = NamespaceStatus(conditions=conditions)
    written = await client.apply_status(namespace_object)
    assert written.status is not None
    assert [condition.type for condition in written.status.conditions or ()] == ["Watched"]


@pytest.mark.usefixtures("engines")
async def test_apply_status_never_reaches_a_successor(client: Client, namespace: str) -> None:
    first = await client.create(engine("a", namespace))
    await client.delete(Engine, "a", namespace=namespace)
    second = await client.create(engine("a", namespace))
    first.status.phase = "Old"
    with pytest.raises(ConflictError, match="uid"):
        await client.apply_status(first)
    assert await client.get(Engine, "a", namespace=namespace) == second


@pytest.mark.usefixtures("engines")
async def test_apply_status_of_an_object_that_changed_since_it_was_read(client: Client, namespace: str) -> None:
    old = await client.create(engine("a", namespace))
    await client.apply(engine("a", namespace, cylinders=8))
    old.status.phase = "Running"
    written = await client.apply_status(old)
    assert (written.status.phase, written.spec.cylinders) == ("Running", 8)
    with pytest.raises(ConflictError, match="kaiwu-runtime-status"):
        await client.apply_status(engine_in("Stopped", written), field_manager="other", force=False)
    assert (await client.get(Engine, "a", namespace=namespace)).status.phase == "Running"


@pytest.mark.usefixtures("engines")
async def test_apply_status_of_what_is_gone(client: Client, namespace: str) -> None:
    gone = await client.create(engine("a", namespace))
    await client.delete(Engine, "a", namespace=namespace)
    with pytest.raises((NotFoundError, ConflictError)):
        await client.apply_status(gone)
    with pytest.raises(NotFoundError):
        await client.get(Engine, "a", namespace=namespace)


@pytest.mark.usefixtures("engines")
async def test_patch_status_merges_and_removes(client: Client, namespace: str) -> None:
    await client.create(engine("a", namespace))
    await client.patch_status(Engine, "a", {"phase": "Running", "hours": 3}, namespace=namespace)
    patched = await client.patch_status(Engine, "a", {"phase": None}, namespace=namespace)
    assert (patched.status.phase, patched.status.hours) == ("", 3)
    ignored = await client.patch(Engine, "a", {"status": {"hours": 9}}, namespace=namespace)
    assert ignored.status.hours == 3
