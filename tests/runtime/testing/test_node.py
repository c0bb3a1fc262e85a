"""What runs, for a test that says what it does: commands, logs, proxied requests, and discovery."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.core_v1 import Container, PodSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod, Service

from kaiwu_runtime import Client, NotFoundError, ObjectKey
from kaiwu_runtime.client import ExecResult, ProxyResponse
from kaiwu_runtime.errors import APIConnectionError, BadRequestError, ServerError
from kaiwu_runtime.testing import FakeCommand, FakeProxyRequest, FakeTransport

KEY = ObjectKey("ns", "a")
Widget: Any = create_namespaced_resource("node.example.com", "v1", "Widget", "widgets")


@pytest.fixture
def fake() -> FakeTransport:
    pod = Pod(
        metadata=ObjectMeta(name="a", namespace="ns"), spec=PodSpec(containers=[Container(name="main", image="x")])
    )
    service = Service(metadata=ObjectMeta(name="a", namespace="ns"), spec=ServiceSpec(ports=[ServicePort(port=80)]))
    return FakeTransport(Widget, objects=[pod, service])


async def test_a_command(fake: FakeTransport) -> None:
    seen: list[FakeCommand] = []

    async def run(command: FakeCommand) -> ExecResult:
        seen.append(command)
        return ExecResult(len(seen) - 1, (command.stdin or b"").upper(), b"said")

    fake.on_exec(run)
    client = Client(fake)
    first = await client.exec(Pod, KEY, ["psql", "-c", "select 1"], container="main")
    second = await client.exec(Pod, KEY, ["cat"], stdin="abc")
    assert (first.exit_code, first.stdout, first.stderr) == (0, b"", b"said")
    assert (second.exit_code, second.stdout) == (1, b"ABC")
    assert seen == [
        FakeCommand(KEY, "main", ("psql", "-c", "select 1"), None),
        FakeCommand(KEY, "", ("cat",), b"abc"),
    ]
    assert [(sent.verb, sent.subresource, sent.name) for sent in fake.requests] == [("create", "exec", "a")] * 2


async def test_commands_that_fail(fake: FakeTransport) -> None:
    client = Client(fake)
    with pytest.raises(ServerError, match="on_exec"):
        await client.exec(Pod, KEY, ["ls"])
    with pytest.raises(NotFoundError):
        await client.exec(Pod, ObjectKey("ns", "b"), ["ls"])
    fake.on_exec(lambda _: ExecResult(0, b"", b""))
    fake.fail("create", Pod, APIConnectionError("reset"))
    with pytest.raises(APIConnectionError, match="reset"):
        await client.exec(Pod, KEY, ["ls"])
    assert (await client.exec(Pod, KEY, ["ls"])).exit_code == 0

    def fence() -> None:
        raise RuntimeError("the lease is lost")

    fake.fence = fence
    with pytest.raises(RuntimeError):
        await client.exec(Pod, KEY, ["ls"])


async def test_logs(fake: FakeTransport) -> None:
    client = Client(fake)
    with pytest.raises(BadRequestError, match="on_logs"):
        await client.logs(Pod, KEY)
    fake.on_logs(lambda key, container: f"{key} {container}\nsecond\n")
    assert await client.logs(Pod, KEY, container="main") == "ns/a main\nsecond\n"
    assert [line async for line in client.logs(Pod, KEY, follow=True)] == ["ns/a ", "second"]
    with pytest.raises(NotFoundError):
        await client.logs(Pod, "b", namespace="ns")


async def test_proxied_requests(fake: FakeTransport) -> None:
    client = Client(fake)
    assert (await client.proxy(Service, KEY)).status == 503
    seen: list[FakeProxyRequest] = []

    def respond(request: FakeProxyRequest) -> ProxyResponse:
        seen.append(request)
        return ProxyResponse(200, b"ready")

    fake.on_proxy(respond)
    assert (await client.proxy(Pod, KEY, "/ready", port=80, params={"a": "b"})).text == "ready"
    assert (await client.proxy(Service, KEY, scheme="https")).status == 200
    with pytest.raises(NotFoundError):
        await client.proxy(Pod, ObjectKey("ns", "b"))
    assert seen == [
        FakeProxyRequest("Pod", KEY, "/ready", "80", "", (("a", "b"),)),
        FakeProxyRequest("Service", KEY, "/", "", "https", ()),
    ]


async def test_discovery(fake: FakeTransport) -> None:
    client = Client(fake)
    for kind in (Pod, Deployment, Widget):
        assert await client.serves(kind)
    assert not await Client(FakeTransport()).serves(Widget)
