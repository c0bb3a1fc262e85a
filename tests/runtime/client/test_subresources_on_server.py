"""Subresources, clients of a namespace and of metadata, field managers and field validation, on a real API server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.autoscaling_v1 import Scale as ScaleModel
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment, DeploymentScale, DeploymentStatus
from lightkube.resources.core_v1 import ConfigMap, Pod, PodEviction, ServiceAccount, ServiceAccountToken

from kaiwu_runtime import Client, MetadataClient, NamespacedClient, create_or_update, get_scale, set_scale
from kaiwu_runtime.api import APIModel, CustomResource, Scale, resource
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.cache._cached_client import CachedClient
from kaiwu_runtime.client import PatchType
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import BadRequestError, InvalidError, NotFoundError

from ..crds import install
from ..generic_kinds import GenericConfigMap
from .engines import config_map, managers, meta

pytestmark = pytest.mark.envtest


class DeckSpec(APIModel):
    cards: int | None = None
    title: str | None = None


class DeckStatus(APIModel):
    cards: int | None = None


@resource(
    group="subresources.example.com",
    version="v1",
    scale=Scale(spec_replicas_path=".spec.cards", status_replicas_path=".status.cards"),
)
class Deck(CustomResource):
    spec: DeckSpec | None = None
    status: DeckStatus | None = None


@resource(group="subresources.example.com", version="v1", status=False)
class Plain(CustomResource):
    spec: DeckSpec | None = None
    status: DeckStatus | None = None


GenericDeck: Any = create_namespaced_resource("subresources.example.com", "v1", "Deck", "decks")
GenericPlain: Any = create_namespaced_resource("subresources.example.com", "v1", "Plain", "plains")
GenericDeployment: Any = create_namespaced_resource("apps", "v1", "Deployment", "deployments")


@pytest.fixture(scope="module", autouse=True)
def decks(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    install(control_plane, [Deck, Plain], tmp_path_factory.mktemp("crds"))


def deployment(namespace: str, replicas: int = 1) -> Deployment:
    labels = {"app": "a"}
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=[Container(name="c", image="example.com/c:1")])
    )
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(matchLabels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name="a", namespace=namespace), spec=spec)


def generic_deployment(namespace: str) -> Any:
    return GenericDeployment(metadata={"name": "a", "namespace": namespace}, spec={"replicas": 5})


def place(namespace: str, name: str = "a") -> ObjectMeta:
    return ObjectMeta(name=name, namespace=namespace)


@pytest.mark.parametrize("kind", ["typed", "generic", "custom", "generic custom"])
async def test_scales_are_scales_whatever_they_are_written_by(client: Client, namespace: str, kind: str) -> None:
    if "custom" in kind:
        made: Any = await client.create(Deck(metadata=place(namespace), spec=DeckSpec(cards=1)))
    else:
        made = await client.create(deployment(namespace))
    type_ = {"generic": GenericDeployment, "generic custom": GenericDeck}.get(kind, type(made))
    patched = await client.patch(type_, "a", {"spec": {"replicas": 3}}, namespace=namespace, subresource="scale")
    assert (type(patched), patched.spec) == (ScaleModel, ScaleSpec(replicas=3))
    if kind != "generic custom":  # the path of the replicas is the CRD's, which a generic kind does not know
        makers: dict[str, Any] = {
            "typed": lambda: deployment(namespace, 5),
            "generic": lambda: generic_deployment(namespace),
            "custom": lambda: Deck(metadata=place(namespace), spec=DeckSpec(cards=5)),
        }
        applied = await client.apply(makers[kind](), subresource="scale")
        assert (type(applied), applied.spec) == (ScaleModel, ScaleSpec(replicas=5))
        assert (await get_scale(client, type_, "a", namespace=namespace)).spec == ScaleSpec(replicas=5)
    assert (await set_scale(client, type_, "a", 7, namespace=namespace)).spec == ScaleSpec(replicas=7)


async def test_lightkube_s_scale_and_status_classes(client: Client, namespace: str) -> None:
    await client.create(deployment(namespace))
    scale = await client.get(DeploymentScale, "a", namespace=namespace)
    assert scale.spec == ScaleSpec(replicas=1)
    applied = await client.apply(DeploymentScale(metadata=place(namespace), spec=ScaleSpec(replicas=4)))
    assert applied.spec == ScaleSpec(replicas=4)
    patched = await client.patch(
        DeploymentStatus, "a", {"status": {"replicas": 2}}, namespace=namespace, patch_type=PatchType.STRATEGIC
    )
    assert patched.status is not None
    assert patched.status.replicas == 2
    again = await client.get(DeploymentStatus, "a", namespace=namespace)
    assert again.status is not None
    again.status.observedGeneration = 1
    assert (await client.apply_status(again)).status.observedGeneration == 1  # type: ignore[union-attr]


async def test_what_is_created_on_an_object(client: Client, namespace: str) -> None:
    await client.create(ServiceAccount(metadata=place(namespace, "robot")))
    request = ServiceAccountToken(metadata=place(namespace, "robot"), spec=TokenRequestSpec(audiences=["me"]))
    token = await client.create(request)
    assert token.status is not None
    assert str(token.status.token).count(".") == 2
    await client.create(Pod(metadata=place(namespace, "p"), spec=PodSpec(containers=[Container(name="c", image="i")])))
    eviction = PodEviction(metadata=place(namespace, "p"))
    assert await client.create(eviction) is eviction
    with pytest.raises(NotFoundError):
        await client.get(Pod, "p", namespace=namespace)


async def test_a_status_without_a_subresource_is_applied_with_the_rest(client: Client, namespace: str) -> None:
    for made in (
        Plain(metadata=place(namespace), status=DeckStatus(cards=2)),
        GenericPlain(metadata={"name": "b", "namespace": namespace}, status={"cards": 2}),
    ):
        first, second = await client.apply(made), await client.apply(made)
        status: Any = first.status
        assert (status["cards"] if isinstance(status, dict) else status.cards) == 2
        assert first.metadata.resourceVersion == second.metadata.resourceVersion
    with pytest.raises(ValueError, match=r"^Plain has no status subresource: write its status with apply$"):
        await client.apply_status(Plain(metadata=place(namespace), status=DeckStatus(cards=2)))


async def test_a_status_with_a_subresource_stays_out_of_an_apply(client: Client, namespace: str) -> None:
    for made in (
        Deck(metadata=place(namespace), status=DeckStatus(cards=2)),
        GenericDeck(metadata={"name": "b", "namespace": namespace}, status={"cards": 2}),
    ):
        first, second = await client.apply(made), await client.apply(made)
        assert not first.status
        assert first.metadata.resourceVersion == second.metadata.resourceVersion


async def test_a_client_of_one_namespace(client: Client, namespace: str) -> None:
    mine = NamespacedClient(client, namespace)
    await mine.create(ConfigMap(metadata=ObjectMeta(name="a"), data={"a": "1"}))
    await mine.apply(ConfigMap(metadata=ObjectMeta(name="b"), data={"a": "1"}))

    def mutate(found: ConfigMap) -> None:
        found.data = {"a": "2"}

    await create_or_update(mine, ConfigMap(metadata=ObjectMeta(name="a")), mutate)
    await create_or_update(mine, ConfigMap(metadata=ObjectMeta(name="c")), mutate)
    found = {str(one.metadata.name): one.data for one in await mine.list(ConfigMap) if one.metadata is not None}
    assert found | {"a": {"a": "2"}, "b": {"a": "1"}, "c": {"a": "2"}} == found
    await mine.apply_status(await mine.create(Deck(metadata=ObjectMeta(name="d"), status=DeckStatus(cards=1))))
    assert (await set_scale(mine, Deck, "d", 3)).spec == ScaleSpec(replicas=3)
    assert (await get_scale(mine, Deck, "d")).spec == ScaleSpec(replicas=3)
    await mine.delete(ConfigMap, "a")
    with pytest.raises(NotFoundError):
        await client.get(ConfigMap, "a", namespace=namespace)


async def test_a_client_that_sees_metadata_only(client: Client, namespace: str) -> None:
    await client.create(config_map("a", namespace, {"app": "x"}, text="long"))
    seer = MetadataClient(NamespacedClient(client, namespace))
    found = await seer.get(ConfigMap, "a")
    assert (found.apiVersion, found.kind, found.metadata.labels) == ("v1", "ConfigMap", {"app": "x"})
    patched = await seer.patch(ConfigMap, "a", {"metadata": {"labels": {"app": "y"}}}, field_manager="painter")
    assert patched.metadata.labels == {"app": "y"}
    assert [one.metadata.name for one in await seer.list(ConfigMap, label_selector="app=y")] == ["a"]
    await seer.delete(ConfigMap, "a", uid=found.metadata.uid or "")
    with pytest.raises(NotFoundError):
        await seer.get(ConfigMap, "a")


async def test_a_field_manager_per_call(client: Client, namespace: str) -> None:
    stored = await client.create(config_map("a", namespace, a="1"), field_manager="creator")
    assert set(managers(stored)) == {"creator"}
    stored = await client.patch(ConfigMap, "a", {"data": {"b": "2"}}, namespace=namespace, field_manager="patcher")
    assert set(managers(stored)) == {"creator", "patcher"}
    base = config_map("a", namespace, a="1", b="2")
    base.metadata = meta(stored)

    def mutate(found: ConfigMap) -> None:
        found.data = {"c": "3"}

    stored, _ = await create_or_update(client, base, mutate, field_manager="updater")
    assert "updater" in managers(stored)


async def test_unknown_fields_are_refused_on_request(
    client: Client, namespace: str, control_plane: ControlPlane
) -> None:
    strict = Client(client.transport, field_validation="Strict")
    made = GenericConfigMap(metadata={"name": "a", "namespace": namespace}, date={"a": "1"})
    with pytest.raises(BadRequestError, match='strict decoding error: unknown field "date"'):
        await strict.create(made)
    with pytest.raises(BadRequestError, match='strict decoding error: unknown field "date"'):
        await client.create(made, field_validation="Strict")
    assert "date" not in await strict.create(made, field_validation="Ignore")
    with pytest.raises(InvalidError, match='unknown field "date"'):
        await client.patch(ConfigMap, "a", {"date": {"a": "1"}}, namespace=namespace, field_validation="Strict")
    await client.patch(ConfigMap, "a", {"date": {"a": "1"}}, namespace=namespace)
    with pytest.raises(ValueError, match=r"^invalid field validation 'strict': use Strict, Warn or Ignore$"):
        await client.create(made, field_validation="strict")  # type: ignore[arg-type]


async def test_generic_kinds_have_their_type_wherever_they_are_read(client: Client, namespace: str) -> None:
    await client.create(deployment(namespace))
    cache = Cache(client.transport, namespaces=[namespace], sync_timeout=15)
    running = asyncio.create_task(cache.run())
    try:
        cached = CachedClient(client, cache)
        for reader in (client, cached):
            for kind in (Deployment, GenericDeployment):
                (listed,) = await reader.list(kind, namespace=namespace)
                got = await reader.get(kind, "a", namespace=namespace)
                for found in (listed, got):
                    assert (found.apiVersion, found.kind) == ("apps/v1", "Deployment")
                    if isinstance(found, dict):
                        assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")
        assert (await cached.get(DeploymentScale, "a", namespace=namespace)).spec == ScaleSpec(replicas=1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
