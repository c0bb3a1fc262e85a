"""Text of every kind comes back from the API server as it went there, whatever it went by."""

from __future__ import annotations

import asyncio
import json
import subprocess
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from pydantic import Field

from kaiwu_runtime import Client
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, find_condition, resource, set_condition
from kaiwu_runtime.client import PatchType, create_or_update, patch_changes
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.generator._yaml_output import to_yaml
from kaiwu_runtime.recorder._sender import EVENTS

from ..crds import install

pytestmark = pytest.mark.envtest

TREATED_DIFFERENTLY = (
    "\x00\x08\t\n\x0b\r\x1b\x7f\x80\x85\x9f\xa0\u2028\u2029\ufeff\ufffd\ufffe\uffff\U0001f680\U0010ffff"
)
CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(TREATED_DIFFERENTLY + "\"\\:,{}?&*!|-#'% ")
TEXT = st.text(CHARACTERS)
TEXTS = st.lists(TEXT, min_size=1, max_size=12)
NAMED = st.dictionaries(
    TEXT | st.builds(lambda text: (text or "k") * 1100, st.text(CHARACTERS, max_size=1)), TEXT, max_size=4
)


class PosterSpec(APIModel):
    texts: list[str] = Field(default_factory=list)
    named: dict[str, str] = Field(default_factory=dict)


class PosterStatus(APIModel):
    texts: list[str] = Field(default_factory=list)
    conditions: Conditions = Conditions()


@resource(group="text.example.com", version="v1")
class Poster(CustomResource):
    spec: PosterSpec = Field(default_factory=PosterSpec)
    status: PosterStatus = Field(default_factory=PosterStatus)


Write = Callable[[Client, Poster], Awaitable[Any]]


async def _create(client: Client, poster: Poster) -> None:
    await client.create(poster)


async def _apply(client: Client, poster: Poster) -> None:
    await client.apply(poster)


async def _apply_by_patch(client: Client, poster: Poster) -> None:
    name, namespace = poster.metadata.name or "", poster.metadata.namespace or ""
    body = {"apiVersion": "text.example.com/v1", "kind": "Poster", "metadata": {"name": name}}
    spec = {"texts": poster.spec.texts, "named": poster.spec.named}
    await client.patch(Poster, name, {**body, "spec": spec}, namespace=namespace, patch_type=PatchType.APPLY)


async def _merge_patch(client: Client, poster: Poster) -> None:
    made = await client.create(Poster(metadata=poster.metadata))
    base = made.model_copy(deep=True)
    made.spec = poster.spec
    await patch_changes(client, made, base)


async def _json_patch(client: Client, poster: Poster) -> None:
    await client.create(Poster(metadata=poster.metadata))
    operations = [{"op": "add", "path": "/spec", "value": {"texts": poster.spec.texts, "named": poster.spec.named}}]
    name, namespace = poster.metadata.name or "", poster.metadata.namespace or ""
    await client.patch(Poster, name, operations, namespace=namespace, patch_type=PatchType.JSON)


async def _create_or_update(client: Client, poster: Poster) -> None:
    await client.create(Poster(metadata=poster.metadata))

    def mutate(found: Poster) -> None:
        found.spec = poster.spec

    await create_or_update(client, Poster(metadata=poster.metadata), mutate)


WRITES = [_create, _apply, _apply_by_patch, _merge_patch, _json_patch, _create_or_update]


@pytest.fixture(scope="module")
def posters(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    install(control_plane, [Poster], tmp_path_factory.mktemp("crds"))
    return control_plane


def run(control_plane: ControlPlane, test: Callable[[Client], Awaitable[None]]) -> None:
    """Run one example with a client of its own."""

    async def main() -> None:
        async with Client.connect(control_plane.kubeconfig) as client:
            await test(client)

    asyncio.run(main())


def poster(**fields: Any) -> Poster:
    return Poster(metadata=ObjectMeta(name=f"p-{uuid.uuid4().hex}", namespace="default"), **fields)


@pytest.mark.parametrize("write", WRITES)
@given(TEXTS, NAMED)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_the_spec_comes_back_equal(
    posters: ControlPlane, write: Write, texts: list[str], named: dict[str, str]
) -> None:
    async def test(client: Client) -> None:
        sent = poster(spec=PosterSpec(texts=texts, named=named))
        await write(client, sent)
        stored = await client.get(Poster, sent.metadata.name or "", namespace="default")
        assert stored.spec.texts == texts
        assert stored.spec.named == named

    run(posters, test)


@given(TEXTS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_status_and_conditions_come_back_equal_and_are_written_once(posters: ControlPlane, texts: list[str]) -> None:
    async def test(client: Client) -> None:
        stored = await client.create(poster())
        stored.status.texts = texts
        set_condition(stored.status.conditions, type="Ready", status=True, reason="A", message="".join(texts))
        stored = await client.apply_status(stored)
        assert stored.status.texts == texts
        found = find_condition(stored.status.conditions, "Ready")
        assert found is not None
        assert found.message == "".join(texts)
        changed = set_condition(stored.status.conditions, type="Ready", status=True, reason="A", message="".join(texts))
        assert not changed
        again = await client.apply_status(stored)
        assert again.metadata.resourceVersion == stored.metadata.resourceVersion
        patched = await client.patch_status(
            Poster, stored.metadata.name or "", {"texts": texts[::-1]}, namespace="default"
        )
        assert patched.status.texts == texts[::-1]

    run(posters, test)


@given(TEXT)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_a_config_map_applied_twice_is_written_once(control_plane: ControlPlane, text: str) -> None:
    async def test(client: Client) -> None:
        sent = ConfigMap(
            metadata=ObjectMeta(name=f"c-{uuid.uuid4().hex}", namespace="default", annotations={"a": text}),
            data={"text": text},
        )
        first, second = await client.apply(sent), await client.apply(sent)
        assert first.data == second.data == {"text": text}
        assert first.metadata is not None
        assert second.metadata is not None
        assert second.metadata.annotations == {"a": text}
        assert first.metadata.resourceVersion == second.metadata.resourceVersion

    run(control_plane, test)


@given(st.text(CHARACTERS, min_size=1))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_the_note_of_an_event(control_plane: ControlPlane, text: str) -> None:
    async def test(client: Client) -> None:
        name = f"e-{uuid.uuid4().hex}"
        event = {
            "apiVersion": EVENTS.api_version,
            "kind": "Event",
            "metadata": {"name": name, "namespace": "default"},
            "eventTime": "2026-01-02T03:04:05.000000Z",
            "type": "Normal",
            "reason": "A",
            "action": "A",
            "note": text,
            "reportingController": "example.com/a",
            "reportingInstance": "a",
        }
        path = EVENTS.path("default")
        await client.transport.request("POST", path, body=json.dumps(event).encode())
        stored = json.loads(await client.transport.request("GET", f"{path}/{name}"))
        assert stored["note"] == text

    run(control_plane, test)


@given(TEXTS, NAMED)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
def test_a_crd_and_an_object_from_files(
    posters: ControlPlane, tmp_path_factory: pytest.TempPathFactory, texts: list[str], named: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    schema = {"type": "object", "description": "".join(texts), "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "leaflets.text.example.com", "annotations": {"example.com/text": texts[0]}},
        "spec": {
            "group": "text.example.com",
            "names": {"plural": "leaflets", "kind": "Leaflet"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    (folder / "crd.yaml").write_text(to_yaml([definition]), encoding="utf-8")
    posters.install_crds(folder)
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/leaflets.text.example.com"
    stored = posters.rest.object("GET", path)
    assert stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"].get("description", "") == "".join(texts)
    assert stored["metadata"]["annotations"]["example.com/text"] == texts[0]

    name = f"p-{uuid.uuid4().hex}"
    manifest = {
        "apiVersion": "text.example.com/v1",
        "kind": "Poster",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"texts": texts, "named": named},
    }
    file = folder / "poster.yaml"
    file.write_text(to_yaml([manifest]), encoding="utf-8")
    # Not by `kubectl apply --server-side`: kubectl itself sends JSON that YAML reads otherwise.
    kubectl(posters, "create", "-f", file)
    shown = json.loads(kubectl(posters, "get", "poster", name, "-n", "default", "-o", "json"))
    assert shown["spec"] == {"texts": texts, "named": named}


def kubectl(control_plane: ControlPlane, *arguments: str | Path) -> str:
    """Run kubectl and return what it prints."""
    command = ["kubectl", "--kubeconfig", str(control_plane.kubeconfig), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()
