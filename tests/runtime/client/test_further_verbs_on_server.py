"""Evictions, tokens, deletions of collections and discovery, on a real API server."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace, Node, Pod, Secret, Service, ServiceAccount

from kaiwu_runtime import Client, NamespacedClient, ObjectKey
from kaiwu_runtime.errors import (
    BadRequestError,
    ConflictError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    TooManyRequestsError,
)

from .engines import Engine, config_map

pytestmark = [pytest.mark.envtest, pytest.mark.usefixtures("engines")]

Absent: Any = create_namespaced_resource("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors")
AbsentVersion: Any = create_namespaced_resource("apps", "v1beta1", "Deployment", "deployments")
Budget: Any = create_namespaced_resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")


def pod(name: str, namespace: str) -> Pod:
    return Pod(
        metadata=ObjectMeta(name=name, namespace=namespace, labels={"app": "db"}),
        spec=PodSpec(containers=[Container(name="main", image="example.com/db")], terminationGracePeriodSeconds=0),
    )


async def running(client: Client, name: str, namespace: str) -> Pod:
    """Create a pod that is running and ready, as far as the API server can tell."""
    made = await client.create(pod(name, namespace))
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return await client.patch_status(Pod, name, ready, namespace=namespace) if made else made


async def budget(client: Client, namespace: str, allowed: int) -> None:
    """Create a PodDisruptionBudget with the status that a controller would have written."""
    made = await client.create(
        Budget(
            metadata={"name": "db", "namespace": namespace},
            spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "db"}}},
        )
    )
    status = {
        "observedGeneration": made["metadata"]["generation"],
        "disruptionsAllowed": allowed,
        "currentHealthy": 1 + allowed,
        "desiredHealthy": 1,
        "expectedPods": 2,
    }
    await client.patch_status(Budget, "db", status, namespace=namespace)


async def test_an_eviction(client: Client, namespace: str) -> None:
    await running(client, "a", namespace)
    await client.evict(Pod, ObjectKey(namespace, "a"), dry_run=True)
    await client.get(Pod, "a", namespace=namespace)
    await client.evict(Pod, ObjectKey(namespace, "a"))
    assert await client.find(Pod, "a", namespace=namespace) is None
    with pytest.raises(NotFoundError):
        await client.evict(Pod, "a", namespace=namespace)


async def test_an_eviction_that_a_budget_refuses(client: Client, namespace: str) -> None:
    await running(client, "a", namespace)
    await budget(client, namespace, allowed=0)
    with pytest.raises(TooManyRequestsError, match="disruption budget") as caught:
        await client.evict(Pod, "a", namespace=namespace)
    assert caught.value.has_cause("DisruptionBudget")
    await client.get(Pod, "a", namespace=namespace)


async def test_an_eviction_that_a_budget_permits(client: Client, namespace: str) -> None:
    for name in ("a", "b"):
        await running(client, name, namespace)
    await budget(client, namespace, allowed=1)
    await client.evict(Pod, "a", namespace=namespace, grace_period_seconds=0)
    with pytest.raises(TooManyRequestsError):
        await client.evict(Pod, "b", namespace=namespace)


async def test_an_eviction_of_one_very_pod(client: Client, namespace: str) -> None:
    made = await running(client, "a", namespace)
    assert made.metadata is not None
    with pytest.raises(ConflictError):
        await client.evict(Pod, "a", namespace=namespace, uid="00000000-0000-0000-0000-000000000000")
    await client.evict(Pod, "a", namespace=namespace, uid=made.metadata.uid or "")


async def test_a_token(client: Client, namespace: str) -> None:
    await client.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace=namespace)))
    secret = await client.create(Secret(metadata=ObjectMeta(name="bound", namespace=namespace)))
    token = await client.create_token(
        ServiceAccount,
        ObjectKey(namespace, "robot"),
        audiences=["vault", "ü"],
        expiration_seconds=600,
        bound_to=secret,
    )
    assert abs(token.expires - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=60)
    claims = json.loads(base64.urlsafe_b64decode(token.token.split(".")[1] + "=="))
    assert claims["sub"] == f"system:serviceaccount:{namespace}:robot"
    assert claims["aud"] == ["vault", "ü"]
    assert claims["kubernetes.io"]["secret"]["name"] == "bound"
    assert token.token not in repr(token)


async def test_tokens_that_are_refused(client: Client, namespace: str) -> None:
    await client.create(ServiceAccount(metadata=ObjectMeta(name="robot", namespace=namespace)))
    with pytest.raises(NotFoundError):
        await client.create_token(ServiceAccount, "missing", namespace=namespace)
    with pytest.raises(ValueError, match="use 600 or more"):
        await client.create_token(ServiceAccount, "robot", namespace=namespace, expiration_seconds=599)
    with pytest.raises(InvalidError):
        await client.create_token(ServiceAccount, "robot", namespace=namespace, expiration_seconds=1 << 33)
    with pytest.raises(TypeError, match="audiences must be a list"):
        await client.create_token(ServiceAccount, "robot", namespace=namespace, audiences="vault")
    with pytest.raises(ValueError, match=r"Secret: metadata.name is not set"):
        await client.create_token(ServiceAccount, "robot", namespace=namespace, bound_to=Secret(metadata=ObjectMeta()))
    missing = Secret(metadata=ObjectMeta(name="missing", namespace=namespace))
    with pytest.raises(NotFoundError):
        await client.create_token(ServiceAccount, "robot", namespace=namespace, bound_to=missing)


async def names(client: Client, namespace: str) -> set[str]:
    found = await client.list(ConfigMap, namespace=namespace, label_selector="app")
    return {each.metadata.name or "" for each in found if each.metadata}


async def test_a_collection(client: Client, namespace: str) -> None:
    for name, app in (("a", "x"), ("b", "x"), ("c", "y")):
        obj = config_map(name, namespace)
        assert obj.metadata is not None
        obj.metadata.labels = {"app": app}
        await client.create(obj)
    await client.delete_all_of(ConfigMap, namespace=namespace, label_selector="app=x", dry_run=True)
    assert await names(client, namespace) == {"a", "b", "c"}
    await client.delete_all_of(
        ConfigMap, namespace=namespace, label_selector="app in (x,z)", field_selector="metadata.name!=a"
    )
    assert await names(client, namespace) == {"a", "c"}
    await NamespacedClient(client, namespace).delete_all_of(ConfigMap, label_selector="app")
    assert await names(client, namespace) == set()
    await client.delete_all_of(Engine, namespace=namespace, propagation="Foreground")


async def test_collections_that_are_refused(client: Client, namespace: str) -> None:
    with pytest.raises(ValueError, match=r"ConfigMap: no namespace: name it with namespace="):
        await client.delete_all_of(ConfigMap)
    with pytest.raises(BadRequestError):
        await client.delete_all_of(ConfigMap, namespace=namespace, label_selector="app=(")
    with pytest.raises(MethodNotAllowedError):
        await client.delete_all_of(Namespace, label_selector="none=at-all")
    with pytest.raises(NotFoundError):
        await client.delete_all_of(Absent, namespace=namespace)
    await client.delete_all_of(Node, label_selector="none=at-all")


async def test_what_is_served(client: Client) -> None:
    for kind in (Pod, Service, Node, Engine, Budget):
        assert await client.serves(kind), kind
    for kind in (Absent, AbsentVersion):
        assert not await client.serves(kind), kind
