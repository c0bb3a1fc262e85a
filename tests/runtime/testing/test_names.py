"""Which names of Kubernetes' own kinds the fake takes: those that a real API server takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kaiwu_runtime.client import Client, Transport
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.testing import FakeTransport

from .hostile_writes import GENERATED, NAMES

POD = {"containers": [{"name": "a", "image": "b"}]}
JOB = {"template": {"spec": {"restartPolicy": "Never", **POD}}}
WORKLOAD = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD}}
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Namespace": ("api/v1", "namespaces", {}),
    "Secret": ("api/v1", "secrets", {}),
    "Service": ("api/v1", "services", {"spec": {"ports": [{"port": 80}]}}),
    "ServiceAccount": ("api/v1", "serviceaccounts", {}),
    "Pod": ("api/v1", "pods", {"spec": POD}),
    "Deployment": ("apis/apps/v1", "deployments", {"spec": WORKLOAD}),
    "StatefulSet": ("apis/apps/v1", "statefulsets", {"spec": WORKLOAD}),
    "DaemonSet": ("apis/apps/v1", "daemonsets", {"spec": WORKLOAD}),
    "Job": ("apis/batch/v1", "jobs", {"spec": JOB}),
    "CronJob": ("apis/batch/v1", "cronjobs", {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}}}),
    "Lease": ("apis/coordination.k8s.io/v1", "leases", {}),
    "Role": ("apis/rbac.authorization.k8s.io/v1", "roles", {}),
    "PriorityClass": ("apis/scheduling.k8s.io/v1", "priorityclasses", {"value": 1}),
}
CLUSTER_SCOPED = {"Namespace", "PriorityClass"}
LENGTHS = tuple("a" * length for length in (47, 48, 52, 53, 57, 58, 63, 64, 200))


async def code(transport: Transport, kind: str, metadata: dict[str, str]) -> int:
    prefix, plural, parts = KINDS[kind]
    place = "" if kind in CLUSTER_SCOPED else "namespaces/default/"
    body = {"apiVersion": prefix.partition("/")[2], "kind": kind, "metadata": metadata, **parts}
    try:
        await transport.request(
            "POST", f"/{prefix}/{place}{plural}", params={"dryRun": "All"}, body=json.dumps(body).encode()
        )
    except APIStatusError as error:
        return error.code
    return 201


@pytest.mark.envtest
@pytest.mark.parametrize("kind", KINDS)
async def test_names_of_a_kind(client: Client, kind: str) -> None:
    fake = FakeTransport()
    asked = [{"name": name} for name in (*NAMES, *LENGTHS, "1a", "a.1")]
    asked += [{"generateName": name} for name in (*GENERATED, *LENGTHS, "1a", "a.1")]
    real = {json.dumps(metadata): await code(client.transport, kind, metadata) for metadata in asked}
    assert {json.dumps(metadata): await code(fake, kind, metadata) for metadata in asked} == real
    assert set(real.values()) == {201, 422}
