"""Every method of the client on a real API server: what it stores, what it leaves alone, which error it raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod
from lightkube.resources.rbac_authorization_v1 import ClusterRole

from kaiwu_runtime import Client
from kaiwu_runtime.client import PatchType, _read_verbs
from kaiwu_runtime.client._request_options import PropagationPolicy
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import (
    AlreadyExistsError,
    APIStatusError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)

from .engines import Engine, EngineSpec, config_map, engine, managers, meta

pytestmark = pytest.mark.envtest


async def test_get_returns_the_stored_object(client: Client, namespace: str) -> None:
    created = await client.create(config_map("a", namespace, key="value"))
    read = await client.get(ConfigMap, "a", namespace=namespace)
    assert read == created
    assert read.data == {"key": "value"}
    assert meta(read).uid
    assert (await client.get(Namespace, namespace)).metadata is not None  # cluster-scoped: no namespace in the path


async def test_list_reads_every_page(client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        await client.create(config_map(f"page-{number}", namespace, {"parity": "even" if number % 2 == 0 else "odd"}))
    monkeypatch.setattr(_read_verbs, "PAGE_SIZE", 2)
    sent: list[Mapping[str, str]] = []
    request = client.transport.request

    async def record(method: str, path: str, *, params: Mapping[str, str] | None = None, **rest: Any) -> bytes:
        sent.append(dict(params or {}))
        return await request(method, path, params=params, **rest)

    monkeypatch.setattr(client.transport, "request", record)
    found = await client.list(ConfigMap, namespace=namespace, label_selector="parity")
    assert [meta(obj).name for obj in found] == [f"page-{number}" for number in range(7)]
    assert len(sent) == 4
    assert all(params["limit"] == "2" and params["labelSelector"] == "parity" for params in sent)
    assert all("continue" in params for params in sent[1:])


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        pytest.param({"label_selector": "tier=db"}, ["one", "two"], id="label equals"),
        pytest.param({"label_selector": "tier in (db, web),!old"}, ["one", "three"], id="label set and absent"),
        pytest.param({"label_selector": "tier!=db,tier"}, ["three"], id="label not equal"),
        pytest.param({"field_selector": "metadata.name=two"}, ["two"], id="field"),
        pytest.param({"label_selector": "tier=db", "field_selector": "metadata.name!=two"}, ["one"], id="both"),
        pytest.param({"label_selector": "tier=none"}, [], id="nothing"),
    ],
)
async def test_list_by_selectors(client: Client, namespace: str, selectors: dict[str, str], names: list[str]) -> None:
    await client.create(config_map("one", namespace, {"tier": "db"}))
    await client.create(config_map("two", namespace, {"tier": "db", "old": ""}))
    await client.create(config_map("three", namespace, {"tier": "web"}))
    found = await client.list(ConfigMap, namespace=namespace, **selectors)
    assert sorted(str(meta(obj).name) for obj in found) == sorted(names)


async def test_list_across_namespaces(client: Client, control_plane: ControlPlane, namespace: str) -> None:
    other = control_plane.create_namespace()
    label = {"across": namespace}
    await client.create(config_map("a", namespace, label))
    await client.create(config_map("a", other, label))
    found = await client.list(ConfigMap, label_selector=f"across={namespace}")
    assert {meta(obj).namespace for obj in found} == {namespace, other}


async def test_create_with_a_generated_name(client: Client, namespace: str) -> None:
    unnamed = ConfigMap(metadata=ObjectMeta(generateName="batch-", namespace=namespace))
    first, second = await client.create(unnamed), await client.create(unnamed)
    assert str(meta(first).name).startswith("batch-")
    assert meta(first).name != meta(second).name


async def test_create_records_the_field_manager(control_plane: ControlPlane, namespace: str) -> None:
    async with Client.connect(control_plane.kubeconfig, field_manager="mechanic") as client:
        assert managers(await client.create(config_map("a", namespace, k="v"))) == {"mechanic": ("Update", None)}


@pytest.mark.parametrize(
    ("patch_type", "patch"),
    [
        pytest.param(PatchType.MERGE, {"data": {"old": None, "new": "1"}}, id="merge"),
        pytest.param(
            PatchType.JSON,
            [{"op": "remove", "path": "/data/old"}, {"op": "add", "path": "/data/new", "value": "1"}],
            id="json",
        ),
        pytest.param(PatchType.STRATEGIC, {"data": {"old": None, "new": "1"}}, id="strategic"),
        pytest.param(PatchType.STRATEGIC, {"data": {"$patch": "replace", "new": "1", "kept": "1"}}, id="directive"),
    ],
)
async def test_patch(
    client: Client, namespace: str, patch_type: PatchType, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> None:
    await client.create(config_map("a", namespace, old="1", kept="1"))
    patched = await client.patch(ConfigMap, "a", patch, namespace=namespace, patch_type=patch_type)
    assert patched.data == {"kept": "1", "new": "1"}
    assert await client.get(ConfigMap, "a", namespace=namespace) == patched


async def test_patch_by_server_side_apply(client: Client, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"new": "1"}}
    made = await client.patch(ConfigMap, "a", body, namespace=namespace, patch_type=PatchType.APPLY)
    assert made.data == {"new": "1"}
    assert managers(made) == {"kaiwu-runtime": ("Apply", None)}


@pytest.mark.parametrize("patch_type", [PatchType.MERGE, PatchType.STRATEGIC])
async def test_patch_with_an_old_resource_version_conflicts(
    client: Client, namespace: str, patch_type: PatchType
) -> None:
    old = meta(await client.create(config_map("a", namespace, key="1"))).resourceVersion
    new = meta(await client.apply(config_map("a", namespace, key="2"))).resourceVersion

    async def patch(version: str | None) -> ConfigMap:
        body = {"metadata": {"resourceVersion": version}, "data": {"key": "3"}}
        return await client.patch(ConfigMap, "a", body, namespace=namespace, patch_type=patch_type)

    with pytest.raises(ConflictError):
        await patch(old)
    assert (await patch(new)).data == {"key": "3"}


@pytest.mark.usefixtures("engines")
async def test_custom_resources_take_no_strategic_patch(client: Client, namespace: str) -> None:
    await client.create(engine("a", namespace))
    with pytest.raises(APIStatusError) as caught:
        await client.patch(Engine, "a", {"spec": {}}, namespace=namespace, patch_type=PatchType.STRATEGIC)
    assert caught.value.code == 415


@pytest.mark.parametrize("precondition", ["uid", "resource_version"])
async def test_delete_with_a_precondition(client: Client, namespace: str, precondition: str) -> None:
    created = meta(await client.create(config_map("a", namespace)))
    right = {"uid": str(created.uid), "resource_version": str(created.resourceVersion)}
    wrong = {"uid": "00000000-0000-0000-0000-000000000000", "resource_version": "1"}
    with pytest.raises(ConflictError):
        await client.delete(ConfigMap, "a", namespace=namespace, **cast("Any", {precondition: wrong[precondition]}))
    await client.get(ConfigMap, "a", namespace=namespace)
    await client.delete(ConfigMap, "a", namespace=namespace, **cast("Any", {precondition: right[precondition]}))
    with pytest.raises(NotFoundError):
        await client.get(ConfigMap, "a", namespace=namespace)


@pytest.mark.parametrize(("propagation", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
async def test_delete_with_a_propagation_policy(
    client: Client, namespace: str, propagation: PropagationPolicy, finalizer: str
) -> None:
    await client.create(config_map("a", namespace))
    await client.delete(ConfigMap, "a", namespace=namespace, propagation=propagation)
    left = meta(await client.get(ConfigMap, "a", namespace=namespace))  # for the garbage collector, which is not here
    assert left.finalizers == [finalizer]
    assert left.deletionTimestamp


async def test_delete_waits_for_finalizers(client: Client, namespace: str) -> None:
    kept = config_map("a", namespace)
    meta(kept).finalizers = ["client.example.com/wait"]
    await client.create(kept)
    await client.delete(ConfigMap, "a", namespace=namespace)
    assert meta(await client.get(ConfigMap, "a", namespace=namespace)).deletionTimestamp
    await client.patch(ConfigMap, "a", {"metadata": {"finalizers": None}}, namespace=namespace)
    with pytest.raises(NotFoundError):
        await client.get(ConfigMap, "a", namespace=namespace)


@pytest.mark.usefixtures("engines")
async def test_a_dry_run_answers_and_stores_nothing(client: Client, namespace: str) -> None:
    before = await client.create(engine("a", namespace))
    before.status.phase = "Dry"
    options: dict[str, Any] = {"namespace": namespace, "dry_run": True}
    assert (await client.create(engine("b", namespace), dry_run=True)).spec.cylinders == 4
    assert (await client.apply(engine("a", namespace, cylinders=6), dry_run=True)).spec.cylinders == 6
    assert (await client.apply_status(before, dry_run=True)).status.phase == "Dry"
    assert (await client.patch(Engine, "a", {"spec": {"fuel": "gas"}}, **options)).spec.fuel == "gas"
    assert (await client.patch_status(Engine, "a", {"hours": 1}, **options)).status.hours == 1
    await client.delete(Engine, "a", **options)
    with pytest.raises(InvalidError):
        await client.patch(Engine, "a", {"spec": {"cylinders": 99}}, **options)
    (stored,) = await client.list(Engine, namespace=namespace)
    assert meta(stored).resourceVersion == meta(before).resourceVersion
    assert stored.status.phase == ""


async def test_refusals_are_typed_and_say_what_is_wrong(
    client: Client, control_plane: ControlPlane, namespace: str
) -> None:
    await client.create(config_map("a", namespace))
    with pytest.raises(NotFoundError, match='configmaps "missing" not found') as missing:
        await client.get(ConfigMap, "missing", namespace=namespace)
    assert (missing.value.code, missing.value.reason) == (404, "NotFound")
    assert missing.value.details["name"] == "missing"
    with pytest.raises(AlreadyExistsError, match='configmaps "a" already exists') as exists:
        await client.create(config_map("a", namespace))
    assert not isinstance(exists.value, ConflictError)
    with pytest.raises(InvalidError, match=r"metadata\.name: Invalid value: \"A_B\"") as invalid:
        await client.create(config_map("A_B", namespace))
    assert invalid.value.details["causes"][0]["field"] == "metadata.name"
    with pytest.raises(BadRequestError):
        await client.list(ConfigMap, namespace=namespace, field_selector="data.key=1")
    async with Client.connect(control_plane.add_user("stranger")) as stranger:
        with pytest.raises(ForbiddenError, match='"stranger" cannot list resource "pods"'):
            await stranger.list(Pod, namespace=namespace)


@pytest.mark.usefixtures("engines")
async def test_a_schema_violation_names_the_field(client: Client, namespace: str) -> None:
    broken = Engine(metadata=ObjectMeta(name="a", namespace=namespace), spec=EngineSpec.model_construct(cylinders=99))
    broken.spec.model_fields_set.add("cylinders")
    with pytest.raises(InvalidError, match=r"spec\.cylinders: Invalid value: 99"):
        await client.create(broken)


@pytest.mark.parametrize(
    ("name", "namespace", "message"),
    [
        pytest.param("", "default", "metadata.name is not set", id="no name"),
        pytest.param("a", "", "metadata.namespace is not set", id="no namespace"),
        pytest.param("a/status", "default", "'a/status'", id="a slash would name a subresource"),
        pytest.param("..", "default", "'..'", id="dots would name the parent"),
        pytest.param("%2e%2e", "default", "'%2e%2e'", id="escapes"),
        pytest.param("a", "default/secrets", "'default/secrets'", id="namespace with a slash"),
    ],
)
async def test_names_that_would_be_another_path_are_not_sent(
    client: Client, name: str, namespace: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        await client.get(ConfigMap, name, namespace=namespace)
    with pytest.raises(ValueError, match=message):
        await client.delete(ConfigMap, name, namespace=namespace)
    with pytest.raises(ValueError, match=message):
        await client.apply(config_map(name, namespace))


async def test_names_are_quoted_in_paths(client: Client) -> None:
    """The names of RBAC objects may be anything that is one segment of a path."""
    name = "system:odd name?dryRun=All#1 é"
    await client.apply(ClusterRole(metadata=ObjectMeta(name=name)))
    read = await client.get(ClusterRole, name)
    assert read.metadata is not None
    assert read.metadata.name == name
    await client.delete(ClusterRole, name)


def test_connecting_without_a_kubeconfig_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no-such-file: no such kubeconfig file"):
        Client.connect(tmp_path / "no-such-file")
