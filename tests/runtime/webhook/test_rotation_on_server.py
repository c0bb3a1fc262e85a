"""Certificates of the server's own making: kept in a Secret, trusted by the API server, renewed under load."""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret

from kaiwu_runtime import Client
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.errors import APIStatusError, ConfigurationError, ForbiddenError
from kaiwu_runtime.serving._serving_certificate import ServingCertificate
from kaiwu_runtime.webhook import AdmissionRequest, Validator, _review_handler, _server
from kaiwu_runtime.webhook._handlers import ValidatingHandler
from kaiwu_runtime.webhook._rotator import CertificateRotator
from kaiwu_runtime.webhook._server import WebhookServer

from .rotating import OVERLAP, Clock, bundle_of, options, rotators, secret_of
from .widgets import configuration, configurations_path, crd, installed, raw, widget_path

pytestmark = pytest.mark.envtest

GROUP = "rotation.example.com"
PATH = "/validate-widgets"
YEAR = timedelta(days=365)


@resource(group=GROUP, version="v1", kind="Widget")
class Widget(CustomResource):
    pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module", autouse=True)
def widgets(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed(control_plane, crd(GROUP), tmp_path_factory.mktemp("crd")):
        yield


@pytest.fixture
async def cleanup(client: Client) -> AsyncIterator[list[str]]:
    """Paths of objects without a namespace that are deleted in the end."""
    paths: list[str] = []
    yield paths
    for path in paths:
        await raw(client, "DELETE", path)


async def presented(port: int) -> x509.Certificate:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der)


async def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Load:
    """Writes that the webhook is asked about, one after the other in each of several tasks."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self.passed = 0
        self.failures: list[str] = []

    async def run(self) -> None:
        path = f"{widget_path(self._namespace, group=GROUP)}?dryRun=All"
        body = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "a", "namespace": self._namespace}}
        while True:
            try:
                await raw(self._client, "POST", path, body)
            except APIStatusError as error:
                self.failures.append(str(error))
            else:
                self.passed += 1

    async def goes_on(self) -> None:
        """Wait for some more that passed or failed."""
        seen = self.passed + len(self.failures)

        async def more() -> bool:
            return self.passed + len(self.failures) >= seen + 40

        await until(more)


class Counting(Validator[Widget]):
    def __init__(self) -> None:
        self.asked = 0

    async def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
        self.asked += 1


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close each connection after its answer: the API server keeps them, and would never see a new certificate."""
    answering = _review_handler.review_handler

    def wrapped(*arguments: Any, **options: Any) -> Any:
        handle = answering(*arguments, **options)

        async def respond(request: Any) -> Any:
            response = await handle(request)
            return replace(response, headers={**response.headers, "Connection": "close"})

        return respond

    monkeypatch.setattr(_server, "review_handler", wrapped)


@pytest.mark.usefixtures("closing")
async def test_no_request_fails_while_authority_and_certificate_are_renewed(
    control_plane: ControlPlane, client: Client, namespace: str, clock: Clock, cleanup: list[str]
) -> None:
    made = options(namespace, validating=("rotation-load",))
    async with rotators(control_plane, made, clock) as (past,):
        clock.now = clock.real - 6.7 * YEAR  # now two thirds of the authority's ten years are over ...
        await past.rotator.rotate()
        clock.now = clock.real - timedelta(days=300)
        await past.rotator.rotate()  # ... and of this certificate's year as well

    certificate = ServingCertificate(None)
    clock.now = clock.real - timedelta(days=200)  # nothing is due at the start
    rotator = CertificateRotator(made, lambda: Client.connect(control_plane.kubeconfig), certificate.use, clock=clock)
    port = free_port()
    server = WebhookServer("127.0.0.1", port, certificate, rotator=rotator)
    validator = Counting()
    server.register(PATH, ValidatingHandler(Widget, validator))
    path = configurations_path("Validating", "rotation-load")
    body = configuration("Validating", "rotation-load", f"https://127.0.0.1:{port}{PATH}", group=GROUP)
    await raw(client, "POST", configurations_path("Validating"), body)
    cleanup.append(path)
    await server.start()
    load = Load(client, namespace)
    tasks = []
    try:
        old_certificate, (old_authority,) = await presented(port), await bundle_of(client, path)
        old_certificate.verify_directly_issued_by(old_authority)

        async def called() -> bool:
            try:
                await raw(client, "POST", f"{widget_path(namespace, group=GROUP)}?dryRun=All", widget(namespace))
            except APIStatusError:
                return False  # the API server has not seen the authority yet
            return validator.asked > 0

        await until(called)
        tasks = [asyncio.create_task(load.run()) for _ in range(3)]
        await load.goes_on()

        clock.now = clock.real

        async def published() -> bool:
            return len(await bundle_of(client, path)) == 2

        await until(published)
        await load.goes_on()
        new_authority, kept = await bundle_of(client, path)
        assert kept == old_authority
        assert await presented(port) == old_certificate, "the new authority is not trusted for long enough yet"

        clock.now = clock.real + OVERLAP + timedelta(seconds=1)

        async def renewed() -> bool:
            return await presented(port) != old_certificate

        await until(renewed)
        (await presented(port)).verify_directly_issued_by(new_authority)
        await load.goes_on()
        assert await bundle_of(client, path) == [new_authority, old_authority]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.stop()
    assert load.failures == []
    assert validator.asked >= load.passed >= 120


def widget(namespace: str) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "a", "namespace": namespace}}


async def test_of_several_replicas_one_writes_and_all_present_the_same(
    control_plane: ControlPlane, client: Client, namespace: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def written() -> int:
        return sum(record.getMessage() == "Wrote new webhook certificates" for record in caplog.records)

    async with rotators(control_plane, options(namespace), clock, number=6) as replicas:
        await asyncio.gather(*(replica.rotator.rotate() for replica in replicas))
        stored = await secret_of(client, namespace)
        assert {replica.pair for replica in replicas} == {(stored["tls.crt"], stored["tls.key"])}
        assert written() == 1
        assert len(x509.load_pem_x509_certificates(stored["ca.crt"])) == 1

        clock.now += timedelta(days=300)
        await asyncio.gather(*(replica.rotator.rotate() for replica in replicas))
        renewed = await secret_of(client, namespace)
        assert {replica.pair for replica in replicas} == {(renewed["tls.crt"], renewed["tls.key"])}
        assert renewed["tls.crt"] != stored["tls.crt"]
        assert (renewed["ca.crt"], renewed["ca.key"]) == (stored["ca.crt"], stored["ca.key"])
        assert written() == 2


async def test_an_authority_that_one_configuration_lacks_does_not_sign(
    control_plane: ControlPlane, namespace: str, clock: Clock
) -> None:
    clock.now = clock.real - 6.7 * YEAR
    async with rotators(control_plane, options(namespace, validating=("rotation-missing",)), clock) as (replica,):
        await replica.rotator.rotate()
        clock.now = clock.real - timedelta(days=30)
        await replica.rotator.rotate()
        before = replica.pair
        for _ in range(4):
            clock.now = max(clock.now, clock.real) + 2 * OVERLAP
            await replica.rotator.rotate()
        assert replica.pair == before


async def test_the_overlap_begins_again_when_another_replica_wrote_an_older_bundle(
    control_plane: ControlPlane, client: Client, namespace: str, clock: Clock, cleanup: list[str]
) -> None:
    path = configurations_path("Validating", "rotation-stale")
    body = configuration("Validating", "rotation-stale", "https://127.0.0.1:1/x", group="nothing.example.com")
    await raw(client, "POST", configurations_path("Validating"), body)
    cleanup.append(path)
    clock.now = clock.real - 6.7 * YEAR
    async with rotators(control_plane, options(namespace, validating=("rotation-stale",)), clock) as (replica,):
        await replica.rotator.rotate()
        clock.now = clock.real - timedelta(days=30)
        await replica.rotator.rotate()
        older = await raw(client, "GET", path)
        before = replica.pair

        clock.now = clock.real
        await replica.rotator.rotate()  # writes the new authority
        await replica.rotator.rotate()  # finds it there
        clock.now += OVERLAP / 2
        older["metadata"]["resourceVersion"] = (await raw(client, "GET", path))["metadata"]["resourceVersion"]
        await raw(client, "PUT", path, older)
        await replica.rotator.rotate()
        assert len(await bundle_of(client, path)) == 2
        clock.now += OVERLAP
        await replica.rotator.rotate()  # the first look that finds it there again
        assert replica.pair == before
        clock.now += OVERLAP
        await replica.rotator.rotate()
        assert replica.pair != before


async def test_a_secret_of_somebody_else_is_left_alone(
    control_plane: ControlPlane, client: Client, namespace: str, clock: Clock
) -> None:
    data = {"tls.crt": base64.b64encode(b"theirs").decode(), "tls.key": base64.b64encode(b"theirs").decode()}
    metadata = ObjectMeta(name="webhook-server-cert", namespace=namespace)
    await client.create(Secret(metadata=metadata, type="kubernetes.io/tls", data=data))
    async with rotators(control_plane, options(namespace), clock) as (replica,):
        with pytest.raises(ConfigurationError, match="holds a certificate that was not made here; name another Secret"):
            await replica.rotator.prepare()
    assert await secret_of(client, namespace) == {"tls.crt": b"theirs", "tls.key": b"theirs"}


@pytest.mark.parametrize("members", [{}, {"ca.key": b"broken", "tls.crt": b"broken"}])
async def test_an_empty_or_broken_secret_is_filled(
    control_plane: ControlPlane, client: Client, namespace: str, clock: Clock, members: dict[str, bytes]
) -> None:
    data = {"tls.crt": b"", "tls.key": b"", **members}
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    metadata = ObjectMeta(name="webhook-server-cert", namespace=namespace, labels={"keep": "me"})
    await client.create(Secret(metadata=metadata, type="kubernetes.io/tls", data=encoded))
    async with rotators(control_plane, options(namespace), clock) as (replica,):
        await replica.rotator.prepare()
        assert x509.load_pem_x509_certificate(replica.pair[0]).not_valid_after_utc > clock.real
    stored = await client.get(Secret, "webhook-server-cert", namespace=namespace)
    assert stored.metadata is not None
    assert stored.metadata.labels == {"keep": "me"}
    assert sorted(stored.data or {}) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]


async def test_a_missing_permission_is_named(control_plane: ControlPlane, namespace: str, clock: Clock) -> None:
    kubeconfig = control_plane.add_user("user-of-rotation")
    rotator = CertificateRotator(
        options(namespace), lambda: Client.connect(kubeconfig), lambda certificate, key: None, clock=clock
    )
    with pytest.raises(ForbiddenError, match='cannot get resource "secrets"'):
        await rotator.prepare()
    await rotator.close()
