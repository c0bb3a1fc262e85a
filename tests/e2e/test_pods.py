"""Commands, logs, requests, evictions and tokens of pods that run on a node."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import Container, ContainerPort, HTTPGetAction, PodSpec, Probe, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod, Service, ServiceAccount

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.errors import (
    APIError,
    BadRequestError,
    ExecInterruptedError,
    ExecTimeoutError,
    NotFoundError,
    TooManyRequestsError,
)
from kaiwu_runtime.testing import wait_for

from .conftest import BUILD_ARGS, TOOL, run

IMAGE = "localhost/kaiwu-e2e-pods:v1"
BASE = re.findall(r"BASE_IMAGE=(\S+)", f"{BUILD_ARGS} BASE_IMAGE=python:3.11-slim")[0]
Budget: Any = create_namespaced_resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with a shell and Python, on the node."""
    folder: Path = tmp_path_factory.mktemp("image")
    (folder / "Dockerfile").write_text(f'FROM {BASE}\nCMD ["sleep", "infinity"]\n')
    run(f"{TOOL} build -t {IMAGE} .", folder)
    load = os.environ.get("E2E_LOAD")
    run(f"{load} {IMAGE}" if load else f"{TOOL} push {IMAGE}")
    return IMAGE


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client.connect() as made:
        yield made


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    made = await client.create(Namespace(metadata=ObjectMeta(generateName="pods-e2e-")))
    name = (made.metadata and made.metadata.name) or ""
    yield name
    await client.delete(Namespace, name)


async def started(client: Client, namespace: str, image: str, name: str = "a") -> ObjectKey:
    script = "echo first; echo second; echo third >&2; exec python3 -m http.server 8080 --directory /etc"
    container = Container(
        name="main",
        image=image,
        imagePullPolicy="IfNotPresent",
        command=["sh", "-c", script],
        ports=[ContainerPort(containerPort=8080)],
        readinessProbe=Probe(httpGet=HTTPGetAction(port=8080), periodSeconds=1),
    )
    pod = Pod(
        metadata=ObjectMeta(name=name, namespace=namespace, labels={"app": "a"}),
        spec=PodSpec(containers=[container], terminationGracePeriodSeconds=1),
    )
    await client.create(pod)
    key = ObjectKey(namespace, name)
    await wait_for(client, Pod, key, "Ready", timeout=120)
    return key


async def gone(client: Client, pod: ObjectKey) -> None:
    async with asyncio.timeout(30):
        while await client.find(Pod, pod) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def test_commands(client: Client, namespace: str, image: str) -> None:
    pod = await started(client, namespace, image)
    large = await client.exec(Pod, pod, ["head", "-c", str(1 << 20), "/dev/zero"])
    assert (large.exit_code, large.stdout) == (0, bytes(1 << 20))
    failed = await client.exec(Pod, pod, ["sh", "-c", "echo out; echo no >&2; exit 3"], container="main")
    assert (failed.exit_code, failed.stdout, failed.stderr) == (3, b"out\n", b"no\n")
    killed = await client.exec(Pod, pod, ["sh", "-c", "kill -9 $$"])
    assert killed.exit_code == 137
    words = ["ü&=? +%/\n'", "", "  "]
    assert (await client.exec(Pod, pod, ["printf", "%s|", *words])).text == "".join(f"{word}|" for word in words)
    sent = os.urandom(3 << 20)
    assert (await client.exec(Pod, pod, ["cat"], stdin=sent)).stdout == sent
    assert (await client.exec(Pod, pod, ["wc", "-c"], stdin="")).text.strip() == "0"
    assert (await client.exec(Pod, pod, ["true"], stdin="unread")).exit_code == 0  # which reads nothing
    began = time.monotonic()
    with pytest.raises(ExecTimeoutError) as hung:
        await client.exec(Pod, pod, ["sh", "-c", "echo begun; sleep 100"], timeout=2)
    assert hung.value.stdout == b"begun\n"
    assert time.monotonic() - began < 10
    with pytest.raises(ExecInterruptedError, match="wrote more than"):
        await client.exec(Pod, pod, ["yes"], output_limit=1 << 20)
    with pytest.raises(APIError, match="not found"):
        await client.exec(Pod, pod, ["no-such-program"])
    with pytest.raises(BadRequestError, match="container"):
        await client.exec(Pod, pod, ["true"], container="other")
    with pytest.raises(NotFoundError):
        await client.exec(Pod, "missing", ["true"], namespace=namespace)
    results = await asyncio.gather(*(client.exec(Pod, pod, ["echo", str(number)]) for number in range(20)))
    assert [result.text for result in results] == [f"{number}\n" for number in range(20)]


async def test_a_pod_that_dies_meanwhile(client: Client, namespace: str, image: str) -> None:
    pod = await started(client, namespace, image)
    running = asyncio.create_task(client.exec(Pod, pod, ["sh", "-c", "echo begun; sleep 100"], timeout=60))
    await asyncio.sleep(1.5)
    await client.delete(Pod, pod.name, namespace=namespace, grace_period_seconds=0)
    began = time.monotonic()
    try:
        result = await running
        code, stdout = result.exit_code, result.stdout
    except ExecInterruptedError as error:
        code, stdout = 137, error.stdout
    assert (code, stdout) == (137, b"begun\n")
    assert time.monotonic() - began < 30


async def test_logs(client: Client, namespace: str, image: str) -> None:
    pod = await started(client, namespace, image)
    printed = (await client.logs(Pod, pod)).splitlines()
    assert sorted(printed[:3]) == ["first", "second", "third"]  # the node reads the two streams separately
    assert printed.index("first") < printed.index("second")
    assert (await client.logs(Pod, pod, tail=0)) == ""
    assert "first" in (await client.logs(Pod, pod, since=3600, limit_bytes=1000, timestamps=True))
    lines: list[str] = []

    async def follow() -> None:
        async for line in client.logs(Pod, pod, follow=True):
            lines.append(line)  # noqa: PERF401 - as they come

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.5)
    assert (await client.proxy(Pod, pod, "/hostname", port=8080)).text.strip() == pod.name
    await asyncio.sleep(1)
    assert any("GET /hostname" in line for line in lines)
    await client.delete(Pod, pod.name, namespace=namespace)
    async with asyncio.timeout(30):
        await following  # a log ends with its container


async def test_requests(client: Client, namespace: str, image: str) -> None:
    pod = await started(client, namespace, image)
    spec = ServiceSpec(selector={"app": "a"}, ports=[ServicePort(name="web", port=80, targetPort=8080)])
    await client.create(Service(metadata=ObjectMeta(name="a", namespace=namespace), spec=spec))
    assert (await client.proxy(Pod, pod, "/nope", port=8080)).status == 404
    refused = await client.proxy(Pod, pod, "/", port=8081)
    assert (refused.status, "connection refused" in refused.text) == (503, True)
    async with asyncio.timeout(30):
        while (found := await client.proxy(Service, pod, "/hostname", port="web")).status == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert found.text.strip() == pod.name
    with pytest.raises(NotFoundError):
        await client.proxy(Pod, "missing", namespace=namespace)
    assert (await client.proxy(Service, "missing", namespace=namespace)).status in {404, 503}


async def test_an_eviction_that_a_budget_refuses(client: Client, namespace: str, image: str) -> None:
    pod = await started(client, namespace, image)
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}
    await client.create(Budget(metadata={"name": "a", "namespace": namespace}, spec=budget))
    key = ObjectKey(namespace, "a")
    await wait_for(client, Budget, key, lambda found: found["status"]["currentHealthy"] == 1)
    with pytest.raises(TooManyRequestsError, match="disruption budget") as caught:
        await client.evict(Pod, pod)
    assert caught.value.has_cause("DisruptionBudget")
    await client.delete(Budget, "a", namespace=namespace)
    await client.evict(Pod, pod)
    await gone(client, pod)


async def test_tokens_and_collections(client: Client, namespace: str, image: str) -> None:
    pod = await started(client, namespace, image)
    token = await client.create_token(ServiceAccount, "default", namespace=namespace)
    assert token.token.count(".") == 2
    await client.delete_all_of(Pod, namespace=namespace, label_selector="app=a", grace_period_seconds=0)
    await gone(client, pod)
    assert await client.serves(Pod)
