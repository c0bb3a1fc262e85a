"""Embedded objects with empty metadata: each write of the same object leaves the version that is stored."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from pydantic import Field

from kaiwu_runtime import Client, create_or_update
from kaiwu_runtime.api import APIModel, CustomResource, EmbeddedResource, Nullable, PreserveUnknownFields, resource

from ..crds import install

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest import ControlPlane

pytestmark = pytest.mark.envtest

Embedded = Annotated[dict[str, Any], EmbeddedResource(), PreserveUnknownFields()]


class BoxSpec(APIModel):
    one: Embedded | None = None
    null: Annotated[Embedded | None, Nullable()] = None
    many: list[Embedded] = Field(default_factory=list)
    named: dict[str, Embedded] = Field(default_factory=dict)


@resource(group="embedded.example.com", version="v1", plural="boxes")
class Box(CustomResource):
    spec: BoxSpec = BoxSpec()


MEMBERS: dict[str, list[Any]] = {
    "name": ["", "a"],
    "labels": [{}, None, {"a": ""}],
    "annotations": [{}],
    "creationTimestamp": [None],
    "finalizers": [[], None],
    "ownerReferences": [[]],
    "generation": [0],
}
METADATA: list[Any] = [
    {},
    *({name: value} for name, values in MEMBERS.items() for value in values),
    *({name: values[0], "namespace": "b"} for name, values in MEMBERS.items()),
    {name: values[0] for name, values in MEMBERS.items()},
]


async def test_no_write_is_the_reason_of_the_next(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    install(control_plane, [Box], tmp_path)
    wrong: list[str] = []
    async with Client.connect(control_plane.kubeconfig) as client:
        for number, metadata in enumerate(METADATA):
            embedded = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": metadata,
                "data": {"empty": {}, "whole": 5.0},
            }
            spec = BoxSpec(one=embedded, null=embedded, many=[embedded, embedded], named={"a": embedded})
            box = Box(metadata=ObjectMeta(name=f"box-{number}", namespace=namespace), spec=spec)

            def mutate(found: Box, spec: BoxSpec = spec) -> None:
                found.spec = deepcopy(spec)

            versions = [(await client.apply(deepcopy(box))).metadata.resourceVersion for _ in range(3)]
            versions += [
                (await create_or_update(client, deepcopy(box), mutate))[0].metadata.resourceVersion for _ in range(2)
            ]
            if len(set(versions)) != 1:
                wrong.append(f"{metadata}: {[one != other for one, other in itertools.pairwise(versions)]}")
            assert spec.one == embedded
    assert not wrong
