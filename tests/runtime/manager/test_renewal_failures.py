"""Failures of credentials, and of anything else, under what renews and writes beside the reconcilers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from lightkube.resources.coordination_v1 import Lease
from prometheus_client import CollectorRegistry
from pydantic import Field, field_validator

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, controller_managed_by
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError, CredentialsError, ServerError
from kaiwu_runtime.manager._leader_election import LeaderElector, LeaseTimings
from kaiwu_runtime.metrics._server import MetricsServer, TokenAuthorizer
from kaiwu_runtime.testing import FakeTransport

FAILURES: list[Callable[[], BaseException]] = [
    lambda: CredentialsError("exec plugin login: exit status 1"),
    lambda: ConfigurationError("kubeconfig: no such file"),
    lambda: APIConnectionError("refused"),
    lambda: ServerError("etcd is ill", code=500),
    TimeoutError,
    lambda: OSError(24, "Too many open files"),
    lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    lambda: OverflowError("date value out of range"),
    lambda: ValueError("embedded null byte"),
    lambda: KeyError("status"),
    RecursionError,
    MemoryError,
    lambda: RuntimeError("a mistake of ours"),
]

PATIENT = LeaseTimings(lease=60.0, renew=40.0, retry=0.01)


class Failing(FakeTransport):
    """Fails each request while a failure is set."""

    def __init__(self, *kinds: Any) -> None:
        super().__init__(*kinds)
        self.failure: Callable[[], BaseException] | None = None
        self.failed = 0
        self.served = 0

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
        if self.failure is not None:
            self.failed += 1
            raise self.failure()
        answer = await super().request(method, path, params=params, body=body, content_type=content_type, accept=accept)
        self.served += 1
        return answer


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another thread's
            await asyncio.sleep(0.01)


def elector(transport: Failing, lost: list[str], timings: LeaseTimings) -> LeaderElector:
    return LeaderElector(
        lambda: Client(transport), name="e", namespace="default", timings=timings, identity="me", on_lost=lost.append
    )


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure()).__name__)
async def test_a_leader_renews_on_after_a_failure(failure: Callable[[], BaseException]) -> None:
    transport, lost = Failing(), list[str]()
    made = elector(transport, lost, PATIENT)
    await made.acquire()
    transport.failure = failure
    await until(lambda: transport.failed >= 5)
    transport.failure = None
    served = transport.served
    await until(lambda: transport.served >= served + 6)
    assert made.is_leader
    assert lost == []
    await made.release()
    lease = await Client(transport).get(Lease, "e", namespace="default")
    assert lease.spec is not None
    assert not lease.spec.holderIdentity


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure()).__name__)
async def test_a_candidate_goes_on_after_a_failure(failure: Callable[[], BaseException]) -> None:
    transport, lost = Failing(), list[str]()
    transport.failure = failure
    made = elector(transport, lost, PATIENT)
    acquiring = asyncio.create_task(made.acquire())
    await until(lambda: transport.failed >= 3)
    assert not made.is_leader
    transport.failure = None
    await asyncio.wait_for(acquiring, 30)
    assert made.is_leader
    await made.release()


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure()).__name__)
async def test_a_leader_that_cannot_renew_ends(failure: Callable[[], BaseException]) -> None:
    transport, lost = Failing(), list[str]()
    made = elector(transport, lost, LeaseTimings(lease=0.8, renew=0.4, retry=0.05))
    await made.acquire()
    transport.failure = failure
    await until(lambda: bool(lost))
    assert lost == ["could not renew it for 0.4 s"]
    await made.release()


@pytest.mark.parametrize("leading", [False, True])
@pytest.mark.parametrize("ending", [asyncio.CancelledError, SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_what_ends_the_thread_ends_the_leadership(ending: type[BaseException], *, leading: bool) -> None:
    """Never in silence: the Lease would run out while this process goes on to write."""
    transport, lost = Failing(), list[str]()
    made = elector(transport, lost, PATIENT)
    if leading:
        await made.acquire()
        transport.failure = ending
        await until(lambda: bool(lost))
        assert ending.__name__ in lost[0]
    else:
        transport.failure = ending
        with pytest.raises(RuntimeError, match=ending.__name__):
            await asyncio.wait_for(made.acquire(), 30)
    await until(lambda: "leader election" not in {thread.name for thread in threading.enumerate()})


async def test_a_request_that_is_swallowed_leaves_time_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection through a box that died: the time to renew must not be spent on one request."""
    transport, lost = Failing(), list[str]()
    made = elector(transport, lost, LeaseTimings(lease=30.0, renew=2.0, retry=0.05))
    await made.acquire()
    swallowed = threading.Event()
    request = transport.request

    async def swallow(*args: Any, **more: Any) -> bytes:
        if not swallowed.is_set():
            swallowed.set()
            await asyncio.sleep(3600)
        return await request(*args, **more)

    monkeypatch.setattr(transport, "request", swallow)
    served = transport.served
    await until(lambda: transport.served >= served + 6)
    assert swallowed.is_set()
    assert lost == []
    await made.release()


@pytest.fixture
async def metrics() -> AsyncIterator[tuple[str, Failing]]:
    transport = Failing()
    server = MetricsServer(CollectorRegistry(), "127.0.0.1", 0, authorize=TokenAuthorizer(Client(transport)))
    await server.start()
    yield f"http://127.0.0.1:{server.port}/metrics", transport
    await server.stop()


@pytest.mark.parametrize("failure", FAILURES[:4], ids=lambda failure: type(failure()).__name__)
async def test_a_scrape_while_the_api_server_cannot_be_asked_is_a_500_of_one_line(
    metrics: tuple[str, Failing], failure: Callable[[], BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    url, transport = metrics
    transport.failure = failure
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers={"Authorization": "Bearer t"}) as answer:
            assert answer.status == 500
        assert "Traceback" not in caplog.text


class BoatSpec(APIModel):
    size: int = 2

    @field_validator("size")
    @classmethod
    def even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


class BoatStatus(APIModel):
    conditions: Conditions = Conditions()


@resource(group="renewal.example.com", version="v1")
class Boat(CustomResource):
    spec: BoatSpec = Field(default_factory=BoatSpec)
    status: BoatStatus | None = None


class Boats(Reconciler):
    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("boat").for_(Boat).complete(self)

    async def reconcile(self, request: Request) -> None:
        await self.client.get(Boat, request.name, namespace=request.namespace)
        SEEN.append(request.name)


SEEN: list[str] = []


@pytest.mark.parametrize("failure", FAILURES[:4], ids=lambda failure: type(failure()).__name__)
async def test_an_object_that_cannot_be_read_is_told_of_when_writes_work_again(
    failure: Callable[[], BaseException],
) -> None:
    SEEN.clear()
    transport = Failing(Boat)
    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=Client(transport))
    manager.setup(Boats)
    running = asyncio.create_task(manager.start())
    boat = {"apiVersion": "renewal.example.com/v1", "kind": "Boat"}

    async def create(name: str, size: int) -> None:
        body = {**boat, "metadata": {"name": name, "namespace": "default"}, "spec": {"size": size}}
        await FakeTransport.request(
            transport, "POST", "/apis/renewal.example.com/v1/namespaces/default/boats", body=_json(body)
        )

    await create("good", 2)
    await until(lambda: "good" in SEEN)
    transport.failure = failure
    await create("odd", 3)
    await until(lambda: transport.failed >= 2)
    assert not running.done()
    transport.failure = None
    await create("later", 4)
    await until(lambda: "later" in SEEN)

    def told() -> bool:
        return any(request.verb == "apply" and request.name == "odd" for request in transport.requests)

    await until(told)
    manager.stop()
    await running


def _json(body: object) -> bytes:
    return json.dumps(body).encode()
