"""Wrapped transports under a manager: the fence, the metrics and the headers work whatever is around them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, controller_managed_by
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.rest import RateLimitedTransport, Transport, TransportWrapper, request_headers
from kaiwu_runtime.rest._transport import JSON
from kaiwu_runtime.rest._wrapper import layers
from kaiwu_runtime.testing import FakeTransport, eventually, run_manager

from ..metrics.test_metrics_on_server import get, parse

pytestmark = pytest.mark.envtest


class Copying(Reconciler):
    """Writes another object for each one."""

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("copying").for_(ConfigMap, label_selector="of=user").complete(self)

    async def reconcile(self, request: Request) -> None:
        await self.client.apply(ConfigMap(metadata=ObjectMeta(name="copy", namespace=request.namespace)))


class Counting(TransportWrapper):
    """Counts requests, and sends a header with them."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.seen: list[tuple[str, str]] = []

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = JSON,
    ) -> bytes:
        self.seen.append((method, path))
        with request_headers({"traceparent": "00-00000000000000000000000000000001-0000000000000001-01"}):
            return await super().request(
                method, path, params=params, body=body, content_type=content_type, accept=accept
            )


class Opaque:
    """A transport of a project's own around another one, which it does not show."""

    def __init__(self, within: Transport) -> None:
        self._within = within

    def request(self, *arguments: Any, **options: Any) -> Any:
        return self._within.request(*arguments, **options)

    def stream(self, *arguments: Any, **options: Any) -> Any:
        return self._within.stream(*arguments, **options)

    async def close(self) -> None:
        await self._within.close()


async def copied(client: Client, namespace: str) -> None:
    async with asyncio.timeout(20):
        while await client.find(ConfigMap, "copy", namespace=namespace) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def server_of(control_plane: ControlPlane) -> str:
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    return str(content["clusters"][0]["cluster"]["server"]).removeprefix("https://")


WRAPPERS: dict[str, Callable[[Transport], Any]] = {
    "a wrapper": TransportWrapper,
    "two": lambda inner: TransportWrapper(Counting(inner)),
    "opaque": Opaque,
    "none": lambda inner: inner,
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
async def test_a_leader_is_fenced_measured_and_releases_its_lease(
    control_plane: ControlPlane, client: Client, namespace: str, wrapper: str
) -> None:
    port = free_port()
    options = ManagerOptions(
        kubeconfig=str(control_plane.kubeconfig),
        namespaces=(namespace,),
        health_probe_bind_address="0",
        metrics_bind_address=f"127.0.0.1:{port}",
        metrics_secure=False,
        metrics_request_latency=True,
        leader_elect=True,
        leader_election_id="wrapped",
        leader_election_namespace=namespace,
        kube_api_qps=500,
        wrap_transport=WRAPPERS[wrapper],
    )
    labels = {"of": "user"}
    await client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace=namespace, labels=labels)))
    manager = Manager(options)
    manager.setup(Copying)
    async with run_manager(manager):
        await copied(client, namespace)
        fenced = [each for each in layers(manager.api_reader.transport) if getattr(each, "fence", None) is not None]
        assert len(fenced) == 1
        checks = 0

        def check() -> None:
            nonlocal checks
            checks += 1
            raise RuntimeError("not the leader")

        before = fenced[0].fence  # type: ignore[attr-defined]
        fenced[0].fence = check  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="not the leader"):
            await manager.client.create(ConfigMap(metadata=ObjectMeta(name="late", namespace=namespace)))
        await manager.api_reader.list(ConfigMap, namespace=namespace)
        assert checks == 1
        fenced[0].fence = before  # type: ignore[attr-defined]
        _, text = await get(f"http://127.0.0.1:{port}/metrics")
        found = parse(text)
        host = "" if wrapper == "opaque" else server_of(control_plane)
        assert found["rest_client_requests_total", (("code", "201"), ("host", host), ("method", "PATCH"))] == 1
        assert found["rest_client_request_duration_seconds_count", (("host", host), ("verb", "PATCH"))] == 1
    assert await client.find(ConfigMap, "late", namespace=namespace) is None
    lease = await client.get(Lease, "wrapped", namespace=namespace)
    assert lease.spec is not None
    assert not lease.spec.holderIdentity


async def test_every_client_of_a_manager_is_wrapped(control_plane: ControlPlane, namespace: str) -> None:
    made: list[Counting] = []

    def wrap(inner: Transport) -> Transport:
        made.append(Counting(inner))
        return made[-1]

    options = ManagerOptions(
        kubeconfig=str(control_plane.kubeconfig),
        namespaces=(namespace,),
        health_probe_bind_address="0",
        wrap_transport=wrap,
    )
    manager = Manager(options)
    manager.setup(Copying)
    async with run_manager(manager):
        await eventually(lambda: any(path.endswith("/configmaps") for _, path in made[0].seen))
        async with manager.connect() as other:
            await other.list(ConfigMap, namespace=namespace)
    assert len(made) == 2
    assert made[1].seen == [("GET", f"/api/v1/namespaces/{namespace}/configmaps")]


async def test_a_given_client_is_wrapped_limited_and_measured() -> None:
    port = free_port()
    fake = FakeTransport()
    options = ManagerOptions(
        health_probe_bind_address="0",
        metrics_bind_address=f"127.0.0.1:{port}",
        metrics_secure=False,
        kube_api_qps=200,
        kube_api_burst=3,
        wrap_transport=Counting,
    )
    manager = Manager(options, client=Client(fake))
    manager.setup(Copying)
    kinds = [type(each) for each in layers(manager.api_reader.transport)]
    assert [kind.__name__ for kind in kinds] == [
        "MeasuredTransport",
        "Counting",
        "RateLimitedTransport",
        "FakeTransport",
    ]
    assert isinstance(list(layers(manager.client.transport))[2], RateLimitedTransport)
    async with run_manager(manager):
        await manager.client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="x", labels={"of": "user"})))
        await copied(manager.api_reader, "x")
        _, text = await get(f"http://127.0.0.1:{port}/metrics")
    assert 'rest_client_requests_total{code="201",host="",method="POST"} 1.0' in text
    assert "rest_client_request_duration_seconds" not in text
