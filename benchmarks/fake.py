"""Measures what the API server in memory costs a test: `python -m benchmarks.fake`.

CPU milliseconds in this process, the client's share included, beside what the same calls take on a transport that
answers with bytes that are there already. Kinds of call take turns, each is the median over the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import (
    ConfigMapVolumeSource,
    Container,
    ContainerPort,
    EnvVar,
    EnvVarSource,
    ExecAction,
    HTTPGetAction,
    ObjectFieldSelector,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PodSpec,
    PodTemplateSpec,
    Probe,
    ResourceRequirements,
    ServicePort,
    ServiceSpec,
    Volume,
    VolumeMount,
    VolumeResourceRequirements,
)
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import ConfigMap, Secret, Service

from kaiwu_runtime.client import Client
from kaiwu_runtime.testing import FakeTransport

ROUNDS, CALLS = 9, 20
_LABELS = {"app": "db"}


def metadata() -> ObjectMeta:
    """Return the metadata that every child has."""
    return ObjectMeta(name="db", namespace="default", labels=_LABELS)


def stateful_set(replicas: int = 3) -> StatefulSet:
    """Return a StatefulSet as an operator of a database writes it."""
    container = Container(
        name="db",
        image="db:1",
        command=["db", "--config=/etc/db/db.conf"],
        env=[
            EnvVar(name="POD", valueFrom=EnvVarSource(fieldRef=ObjectFieldSelector(fieldPath="metadata.name"))),
            EnvVar(name="REPLICAS", value=str(replicas)),
        ],
        ports=[ContainerPort(name="db", containerPort=5432), ContainerPort(name="metrics", containerPort=9187)],
        resources=ResourceRequirements(requests={"cpu": "100m", "memory": "1Gi"}, limits={"memory": "1Gi"}),
        volumeMounts=[VolumeMount(name="data", mountPath="/data"), VolumeMount(name="config", mountPath="/etc/db")],
        livenessProbe=Probe(httpGet=HTTPGetAction(port="metrics", path="/live"), periodSeconds=10),
        readinessProbe=Probe(exec=ExecAction(command=["ready"]), periodSeconds=5),
    )
    claim = PersistentVolumeClaim(
        metadata=ObjectMeta(name="data"),
        spec=PersistentVolumeClaimSpec(
            accessModes=["ReadWriteOnce"], resources=VolumeResourceRequirements(requests={"storage": "10Gi"})
        ),
    )
    volume = Volume(name="config", configMap=ConfigMapVolumeSource(name="db"))
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels=_LABELS), spec=PodSpec(containers=[container], volumes=[volume])
    )
    spec = StatefulSetSpec(
        serviceName="db",
        replicas=replicas,
        selector=LabelSelector(matchLabels=_LABELS),
        template=template,
        volumeClaimTemplates=[claim],
    )
    return StatefulSet(metadata=metadata(), spec=spec)


def children() -> list[Any]:
    """Return what a reconciler with four children applies."""
    return [
        stateful_set(),
        Service(metadata=metadata(), spec=ServiceSpec(selector=_LABELS, ports=[ServicePort(name="db", port=5432)])),
        ConfigMap(metadata=metadata(), data={"db.conf": "max_connections = 100\n" * 10}),
        Secret(metadata=metadata(), stringData={"password": "secret"}),
    ]


class Answers:
    """A transport that answers every request with what another one answered to an equal one."""

    def __init__(self, real: FakeTransport) -> None:
        self._real = real
        self._known: dict[tuple[str, str, bytes | None], bytes] = {}

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        """Return the known answer."""
        await asyncio.sleep(0)
        call = (method, path, body)
        if call not in self._known:
            self._known[call] = await self._real.request(
                method, path, params=params, body=body, content_type=content_type, accept=accept
            )
        return self._known[call]

    def stream(
        self, path: str, *, params: Mapping[str, str], idle_timeout: float, accept: str = "application/json"
    ) -> AsyncGenerator[bytes, None]:
        """Watch the other one."""
        return self._real.stream(path, params=params, idle_timeout=idle_timeout, accept=accept)

    async def close(self) -> None:
        """Do nothing."""


Call = Callable[[int], Awaitable[object]]


def calls(client: Client, prefix: str, *, changing: bool) -> dict[str, Call]:
    """Return the kinds of call by name."""

    async def unchanged(_: int) -> None:
        await client.apply(stateful_set())

    async def after_others(number: int) -> None:
        status = {"status": {"replicas": number}}
        await client.patch(StatefulSet, "db", status, namespace="default", subresource="status")
        await client.apply(stateful_set())

    async def changed(number: int) -> None:
        await client.apply(stateful_set(replicas=number))

    async def passes(_: int) -> None:
        for child in children():
            await client.apply(child)

    found: dict[str, Call] = {
        "apply a StatefulSet, unchanged": unchanged,
        "pass of a reconciler with four children": passes,
    }
    if changing:
        found |= {"apply it unchanged, after its status changed": after_others, "apply it changed": changed}
    return {f"{prefix}{name}": call for name, call in found.items()}


async def measure() -> dict[str, float]:
    """Return CPU milliseconds per call."""
    fake = FakeTransport()
    client = Client(fake)
    for child in children():
        await client.apply(child)
    both = {
        **calls(client, "", changing=True),
        **calls(Client(Answers(fake)), "client alone: ", changing=False),
    }
    found: dict[str, list[float]] = {name: [] for name in both}
    for round_ in range(ROUNDS):
        for name, call in both.items():
            await call(0)
            begun = time.process_time()
            for number in range(CALLS):
                await call(round_ * CALLS + number + 1)
            found[name].append((time.process_time() - begun) * 1000 / CALLS)
        fake.requests.clear()
    return {name: statistics.median(values) for name, values in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table."""
    argparse.ArgumentParser(prog="python -m benchmarks.fake", description=__doc__).parse_args(arguments)
    found = asyncio.run(measure())
    alone = found["client alone: apply a StatefulSet, unchanged"]
    print(f"| {'call':55} | CPU ms | of the client's own apply |\n|{'-' * 57}|-------:|-------:|")
    for name, milliseconds in found.items():
        print(f"| {name:55} | {milliseconds:6.3f} | {milliseconds / alone:5.1f} x |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
