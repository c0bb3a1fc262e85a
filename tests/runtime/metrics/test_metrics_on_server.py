"""Metrics as a scraper sees them: names, labels, values, and who may read them."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ConfigMap, ServiceAccount
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding
from prometheus_client import REGISTRY, Counter
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime.certificates._authority import self_signed
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._ports import free_port

pytestmark = pytest.mark.envtest

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Failing(Reconciler):
    """Fails once per object, then comes back later."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.seen: set[str] = set()

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("measured").for_(ConfigMap).with_options(
            max_concurrent_reconciles=3
        ).complete(self)

    async def reconcile(self, request: Request) -> Result:
        if request.name not in self.seen:
            self.seen.add(request.name)
            raise ValueError("the first time")
        return Result(requeue_after=3600)


@asynccontextmanager
async def manager(control_plane: ControlPlane, namespace: str, **options: object) -> AsyncIterator[str]:
    """Run a manager and give the address of its metrics."""
    port = free_port()
    managed = Manager(
        ManagerOptions(
            kubeconfig=str(control_plane.kubeconfig),
            namespaces=(namespace,),
            health_probe_bind_address="0",
            metrics_bind_address=f"127.0.0.1:{port}",
            **options,  # type: ignore[arg-type]
        )
    )
    managed.setup(Failing)
    task = asyncio.create_task(managed.start())
    try:
        yield f"127.0.0.1:{port}"
    finally:
        managed.stop()
        await asyncio.wait_for(task, 20)


async def get(url: str, token: str = "") -> tuple[int, str]:
    """Scrape, as soon as the port is open."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, asyncio.timeout(15):
        while True:
            try:
                async with session.get(url, headers=headers, ssl=False) as answer:
                    return answer.status, await answer.text()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)


def parse(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape_until(url: str, condition: Callable[[Series], bool]) -> Series:
    async with asyncio.timeout(20):
        while True:
            status, text = await get(url)
            assert status == 200
            found = parse(text)
            if condition(found):
                return found
            await asyncio.sleep(0.05)


CONTROLLER = (("controller", "measured"),)
QUEUE = (("controller", "measured"), ("name", "measured"))


def result(name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return "controller_runtime_reconcile_total", (("controller", "measured"), ("result", name))


async def test_names_labels_and_values_are_those_of_controller_runtime(
    control_plane: ControlPlane, namespace: str
) -> None:
    async with Client.connect(control_plane.kubeconfig) as client:
        for name in ("a", "b"):
            await client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace)))
    async with manager(control_plane, namespace, metrics_secure=False) as address:
        found = await scrape_until(
            f"http://{address}/metrics",
            # Without a controller manager in this control plane no other ConfigMap appears in the namespace.
            lambda series: series.get(result("requeue_after"), 0) == 2,
        )
    expected = {
        result("error"): 2.0,
        result("success"): 0.0,
        result("requeue"): 0.0,
        ("controller_runtime_reconcile_errors_total", CONTROLLER): 2.0,
        ("controller_runtime_terminal_reconcile_errors_total", CONTROLLER): 0.0,
        ("controller_runtime_reconcile_panics_total", CONTROLLER): 0.0,  # a ValueError was raised on purpose
        ("controller_runtime_reconcile_timeouts_total", CONTROLLER): 0.0,
        ("controller_runtime_reconcile_time_seconds_count", CONTROLLER): 4.0,
        ("controller_runtime_max_concurrent_reconciles", CONTROLLER): 3.0,
        ("controller_runtime_active_workers", CONTROLLER): 0.0,
        ("workqueue_depth", (*QUEUE, ("priority", "0"))): 0.0,
        ("workqueue_depth", (*QUEUE, ("priority", "-100"))): 0.0,
        ("workqueue_adds_total", QUEUE): 4.0,
        ("workqueue_retries_total", QUEUE): 4.0,
        ("workqueue_queue_duration_seconds_count", QUEUE): 4.0,
        ("workqueue_work_duration_seconds_count", QUEUE): 4.0,
        ("workqueue_unfinished_work_seconds", QUEUE): 0.0,
        ("workqueue_longest_running_processor_seconds", QUEUE): 0.0,
    }
    assert {series: found.get(series) for series in expected} == expected
    host = control_plane.url.removeprefix("https://")
    assert found["rest_client_requests_total", (("code", "200"), ("host", host), ("method", "GET"))] >= 2
    names = {name for name, _ in found}
    assert {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= names
    assert not [name for name in names if name.endswith("_created")]


@pytest.fixture
def project_metrics() -> Iterator[list[Collector]]:
    """What a test puts into the process's registry, taken out again at the end."""
    added: list[Collector] = []
    yield added
    for collector in added:
        REGISTRY.unregister(collector)


async def test_a_projects_own_metrics_are_served_with_them(
    control_plane: ControlPlane, namespace: str, project_metrics: list[Collector]
) -> None:
    backups = Counter("backups", "Backups that were made.", ["result"])
    project_metrics.append(backups)
    backups.labels("made").inc(3)
    async with manager(control_plane, namespace, metrics_secure=False) as address:
        _, text = await get(f"http://{address}/metrics")
    assert parse(text)["backups_total", (("result", "made"),)] == 3.0
    families = [line for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(families) == len(set(families)), "a scraper refuses a family that is listed twice"


class Broken(Collector):
    def collect(self) -> Iterator[Metric]:
        raise OSError("no such pump")

    def describe(self) -> list[Metric]:
        return []


async def test_a_projects_broken_collector_does_not_hide_the_others(
    control_plane: ControlPlane, namespace: str, project_metrics: list[Collector], caplog: pytest.LogCaptureFixture
) -> None:
    broken = Broken()
    REGISTRY.register(broken)
    project_metrics.append(broken)
    async with manager(control_plane, namespace, metrics_secure=False) as address:
        status, text = await get(f"http://{address}/metrics")
    assert status == 200
    assert ("controller_runtime_max_concurrent_reconciles", CONTROLLER) in parse(text)
    assert "A collector of metrics failed" in caplog.messages


@pytest.fixture(scope="module")
def reader(control_plane: ControlPlane) -> str:
    """The token of a user who may read metrics."""
    token = control_plane.service_account_token("metrics-reader")

    async def grant() -> None:
        async with Client.connect(control_plane.kubeconfig) as client:
            await client.apply(
                ClusterRole(
                    metadata=ObjectMeta(name="metrics-reader"),
                    rules=[PolicyRule(nonResourceURLs=["/metrics"], verbs=["get"])],
                )
            )
            await client.apply(
                ClusterRoleBinding(
                    metadata=ObjectMeta(name="metrics-reader"),
                    roleRef=RoleRef(apiGroup="rbac.authorization.k8s.io", kind="ClusterRole", name="metrics-reader"),
                    subjects=[Subject(kind="ServiceAccount", name="metrics-reader", namespace="default")],
                )
            )

    asyncio.run(grant())
    return token


def test_secure_metrics_are_for_callers_whom_the_api_server_vouches_for(
    control_plane: ControlPlane, namespace: str, reader: str
) -> None:
    stranger = control_plane.service_account_token("metrics-stranger")

    async def main() -> dict[str, int]:
        async with manager(control_plane, namespace) as address:
            url = f"https://{address}/metrics"
            statuses = {
                "anonymous": (await get(url))[0],
                "a made-up token": (await get(url, "made-up"))[0],
                "a stranger": (await get(url, stranger))[0],
                "again": (await get(url, stranger))[0],
            }
            status, text = await get(url, reader)
            assert "controller_runtime_reconcile_total" in text
            return {**statuses, "a reader": status}

    assert asyncio.run(main()) == {
        "anonymous": 401,
        "a made-up token": 401,
        "a stranger": 403,
        "again": 403,
        "a reader": 200,
    }


def write_pair(folder: Path, pair: tuple[bytes, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in zip(("tls.crt", "tls.key"), pair, strict=True):
        (folder / name).write_bytes(content)


async def test_the_certificate_of_a_folder_is_served(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    pair = self_signed(("127.0.0.1",))
    write_pair(tmp_path / "certs", pair)
    async with manager(control_plane, namespace, metrics_cert_path=str(tmp_path / "certs")) as address:
        status, _ = await get(f"https://{address}/metrics")
        assert status == 401, "it is served"
        port = int(address.rsplit(":", 1)[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=_unverified())
        served = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
    assert ssl.DER_cert_to_PEM_cert(served).encode() == pair[0]


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def put(url: str, token: str, body: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.put(url, data=body, ssl=False) as answer,
    ):
        return answer.status, await answer.text()


async def test_debug_pages_are_for_callers_with_a_role_for_them(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    rules = {
        "reader": [PolicyRule(nonResourceURLs=["/metrics"], verbs=["get"])],
        "watcher": [PolicyRule(nonResourceURLs=["/debug/*"], verbs=["get"])],
        "admin": [PolicyRule(nonResourceURLs=["/debug/*"], verbs=["get", "put"])],
    }
    tokens = {}
    for who, granted in rules.items():
        name = f"{namespace}-{who}"
        await client.create(ServiceAccount(metadata=ObjectMeta(name=who, namespace=namespace)))
        await client.create(ClusterRole(metadata=ObjectMeta(name=name), rules=granted))
        await client.create(
            ClusterRoleBinding(
                metadata=ObjectMeta(name=name),
                roleRef=RoleRef(apiGroup="rbac.authorization.k8s.io", kind="ClusterRole", name=name),
                subjects=[Subject(kind="ServiceAccount", name=who, namespace=namespace)],
            )
        )
        tokens[who] = (await client.create_token(ServiceAccount, who, namespace=namespace)).token
    before = logging.getLogger().level
    async with manager(control_plane, namespace) as address:
        state, level = f"https://{address}/debug/state", f"https://{address}/debug/log-level"
        try:
            assert (await get(state))[0] == 401
            assert (await get(state, tokens["reader"]))[0] == 403
            status, text = await get(state, tokens["watcher"])
            assert status == 200
            assert "manager: ready=" in text
            assert "measured: workers=" in text
            assert f"ConfigMap (v1): objects=0 synced=true handlers=1 namespaces={namespace}" in text
            assert (await get(f"https://{address}/metrics", tokens["watcher"]))[0] == 403
            assert (await put(level, tokens["watcher"], "debug"))[0] == 403
            assert await put(level, tokens["admin"], "debug\n") == (200, "debug\n")
            assert await get(level, tokens["watcher"]) == (200, "debug\n")
            assert logging.getLogger().level == logging.DEBUG
            assert (await put(level, tokens["admin"], "x" * 100_000))[0] == 413
            for wrong in ("DEBUG", "", "ü", "\x00"):
                status, text = await put(level, tokens["admin"], wrong)
                assert status == 400, wrong
                assert text.startswith("invalid log level")
            assert (await put(state, tokens["admin"], "x"))[0] == 405
            assert (await get(f"https://{address}/debug/other", tokens["admin"]))[0] == 404
        finally:
            logging.getLogger().setLevel(before)


async def test_without_authentication_there_are_no_debug_pages(control_plane: ControlPlane, namespace: str) -> None:
    async with manager(control_plane, namespace, metrics_secure=False) as address:
        assert (await get(f"http://{address}/metrics"))[0] == 200
        assert (await get(f"http://{address}/debug/state"))[0] == 404
        assert (await get(f"http://{address}/debug/log-level"))[0] == 404
