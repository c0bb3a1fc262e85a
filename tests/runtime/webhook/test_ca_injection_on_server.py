"""Certificate authorities in webhook configurations and definitions: who gets them, who does not, and when."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lightkube.resources.admissionregistration_v1 import ValidatingWebhookConfiguration

from kaiwu_runtime import Client
from kaiwu_runtime.api import identify
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import InvalidError
from kaiwu_runtime.webhook import _ca_injection as ca_injection
from kaiwu_runtime.webhook._ca_injection import Injector
from kaiwu_runtime.webhook._certificates import renewed

from .rotating import Clock, bundle_of, options, rotators, secret_of
from .widgets import CRDS, configuration, configurations_path, crd, raw

pytestmark = pytest.mark.envtest

CONFIGURATION = identify(ValidatingWebhookConfiguration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def cleanup(client: Client) -> AsyncIterator[list[str]]:
    """Paths of objects without a namespace that are deleted in the end."""
    paths: list[str] = []
    yield paths
    for path in paths:
        await raw(client, "DELETE", path)


def service_client(name: str, namespace: str) -> dict[str, Any]:
    return {"service": {"name": name, "namespace": namespace, "path": "/x", "port": 443}}


async def test_the_authority_reaches_everybody_who_is_named_and_nobody_else(
    control_plane: ControlPlane, client: Client, namespace: str, clock: Clock, cleanup: list[str]
) -> None:
    made = options(
        namespace,
        validating=("rotation-injected",),
        mutating=("rotation-injected",),
        crds=("widgets.injected.example.com",),
    )
    paths = {kind: configurations_path(kind, "rotation-injected") for kind in ("Validating", "Mutating")}
    for kind, path in paths.items():
        body = configuration(kind, "rotation-injected", "https://127.0.0.1:1/x", group="nothing.example.com")
        (first,) = body["webhooks"]
        others = [("ours", "hooks", namespace), ("other-name", "x", namespace), ("other-namespace", "hooks", "default")]
        for name, service, place in others:
            entry = {**first, "name": f"{name}.example.com", "clientConfig": service_client(service, place)}
            body["webhooks"].append(entry)
        await raw(client, "POST", configurations_path(kind), body)
        cleanup.append(path)
    definition = crd("injected.example.com", "v1", "v2")
    webhook = {"clientConfig": service_client("hooks", namespace), "conversionReviewVersions": ["v1"]}
    definition["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    await raw(client, "POST", CRDS, definition)
    cleanup.append(f"{CRDS}/widgets.injected.example.com")

    async with rotators(control_plane, made, clock) as (replica,):
        await replica.rotator.rotate()
        authorities = (await secret_of(client, namespace))["ca.crt"]
        for path in paths.values():
            document = await raw(client, "GET", path)
            bundles = {entry["name"]: entry["clientConfig"].get("caBundle") for entry in document["webhooks"]}
            expected = base64.b64encode(authorities).decode()
            assert list(bundles.values()) == [expected, expected, None, None]
        converted = (await raw(client, "GET", f"{CRDS}/widgets.injected.example.com"))["spec"]["conversion"]["webhook"]
        assert base64.b64decode(converted["clientConfig"]["caBundle"]) == authorities

        # The manifests are installed again.
        document = await raw(client, "GET", paths["Mutating"])
        for entry in document["webhooks"]:
            entry["clientConfig"].pop("caBundle", None)
        await raw(client, "PUT", paths["Mutating"], document)
        await replica.rotator.rotate()
        assert len(await bundle_of(client, paths["Mutating"])) == 1
        version = (await raw(client, "GET", paths["Mutating"]))["metadata"]["resourceVersion"]
        await replica.rotator.rotate()
        assert (await raw(client, "GET", paths["Mutating"]))["metadata"]["resourceVersion"] == version


async def test_a_configuration_that_comes_later_is_waited_for(  # noqa: PLR0917
    control_plane: ControlPlane,
    client: Client,
    namespace: str,
    clock: Clock,
    cleanup: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with rotators(control_plane, options(namespace, validating=("rotation-late",)), clock) as (replica,):
        for _ in range(3):
            await replica.rotator.rotate()
        path = configurations_path("Validating", "rotation-late")
        body = configuration("Validating", "rotation-late", "https://127.0.0.1:1/x", group="nothing.example.com")
        body["webhooks"][0]["clientConfig"] = service_client("another", namespace)
        await raw(client, "POST", configurations_path("Validating"), body)
        cleanup.append(path)
        await replica.rotator.rotate()
        assert await bundle_of(client, path) == []
        body["webhooks"][0]["clientConfig"] = service_client("hooks", namespace)
        body["metadata"]["resourceVersion"] = (await raw(client, "GET", path))["metadata"]["resourceVersion"]
        await raw(client, "PUT", path, body)
        await replica.rotator.rotate()
        assert len(await bundle_of(client, path)) == 1
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == [
        'Webhook certificates: validatingwebhookconfigurations.admissionregistration.k8s.io "rotation-late" not found',
        (
            "Webhook certificates: ValidatingWebhookConfiguration rotation-late: no webhook in it points to the "
            f"service {namespace}/hooks"
        ),
    ]


class Meddling:
    """Passes requests on, and changes the configuration before each of the first patches."""

    def __init__(self, client: Client, path: str, times: int) -> None:
        self._client = client
        self._path = path
        self._times = times
        self.refused = 0

    async def request(self, method: str, path: str, **arguments: Any) -> bytes:
        if method == "PATCH" and self._times:
            self._times -= 1
            document = await raw(self._client, "GET", self._path)
            document["webhooks"].reverse()
            await raw(self._client, "PUT", self._path, document)
        try:
            return await self._client.transport.request(method, path, **arguments)
        except InvalidError:
            self.refused += 1
            raise


@pytest.mark.parametrize("times", [1, 2, ca_injection.ATTEMPTS])
async def test_a_configuration_that_changes_meanwhile_is_read_again(
    client: Client, namespace: str, cleanup: list[str], clock: Clock, times: int
) -> None:
    path = configurations_path("Validating", "changing")
    body = configuration("Validating", "changing", "https://127.0.0.1:1/x", group="nothing.example.com")
    (first,) = body["webhooks"]
    body["webhooks"] = [
        {**first, "name": f"{name}.example.com", "clientConfig": service_client(name, namespace)}
        for name in ("hooks", "other")
    ]
    await raw(client, "POST", configurations_path("Validating"), body)
    cleanup.append(path)
    made = options(namespace, validating=("changing",))
    authorities = renewed(
        None, now=clock(), names=("x",), ca_lifetime=made.ca_lifetime, lifetime=made.lifetime, trusted=False
    ).authorities
    transport = Meddling(client, path, times)
    injector = Injector(Client(transport), made, namespace)  # type: ignore[arg-type]
    if times < ca_injection.ATTEMPTS:
        assert await injector.inject((CONFIGURATION, "changing"), authorities)
        assert not await injector.inject((CONFIGURATION, "changing"), authorities)
    else:
        with pytest.raises(InvalidError):
            await injector.inject((CONFIGURATION, "changing"), authorities)
    assert transport.refused == times
    found = {
        entry["name"]: "caBundle" in entry["clientConfig"] for entry in (await raw(client, "GET", path))["webhooks"]
    }
    assert found == {"hooks.example.com": times < ca_injection.ATTEMPTS, "other.example.com": False}
