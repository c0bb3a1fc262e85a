"""A project's kind, and the objects that tests of the client write."""

from __future__ import annotations

from typing import Any

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from pydantic import Field

from kaiwu_runtime.api import APIModel, CustomResource, resource


class EngineSpec(APIModel):
    cylinders: int = Field(default=4, ge=1, le=16)
    fuel: str = "diesel"


class EngineStatus(APIModel):
    phase: str = ""
    hours: int = 0
    notes: list[str] = Field(default_factory=list)


@resource(group="client.example.com", version="v1")
class Engine(CustomResource):
    spec: EngineSpec = Field(default_factory=EngineSpec)
    status: EngineStatus = Field(default_factory=EngineStatus)


def config_map(name: str, namespace: str, labels: dict[str, str] | None = None, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels), data=data)


def engine(name: str, namespace: str, **spec: Any) -> Engine:
    return Engine(metadata=ObjectMeta(name=name, namespace=namespace), spec=EngineSpec(**spec))


def engine_in(phase: str, read: Engine) -> Engine:
    return Engine(metadata=read.metadata, status=EngineStatus(phase=phase))


def meta(obj: ConfigMap | Engine) -> ObjectMeta:
    assert obj.metadata is not None
    return obj.metadata


def managers(obj: ConfigMap | Engine) -> dict[str, tuple[str | None, str | None]]:
    return {str(entry.manager): (entry.operation, entry.subresource) for entry in meta(obj).managedFields or ()}
