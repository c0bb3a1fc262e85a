"""A webhook in a module of a project is found, and called through its Service with a certificate made for that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lightkube.models.core_v1 import ServicePort, ServiceSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Service

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.errors import APIError, APIStatusError, ForbiddenError
from kaiwu_runtime.webhook import WebhookCertificateOptions

from ..packages import Make
from .widgets import GROUP, configuration, configurations_path, crd, installed, raw, running, widget_path

pytestmark = pytest.mark.envtest

PROJECT = f"""
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.webhook import AdmissionDenied, Validator, Webhook, webhook_managed_by


@resource(group="{GROUP}", version="v1")
class Widget(CustomResource):
    pass


class Rules(Validator[Widget]):
    def __init__(self, client):
        self.client = client

    async def validate_create(self, obj, request):
        found = await self.client.list(Widget, namespace=request.namespace)
        raise AdmissionDenied(f"{{len(found)}} widgets are enough")


class WidgetWebhook(Webhook):
    def setup_with_manager(self, manager):
        webhook_managed_by(manager).for_(Widget).with_validator(Rules(self.client)).complete()
"""


async def test_a_webhook_of_a_project_is_called_through_its_service(
    control_plane: ControlPlane, client: Client, namespace: str, make: Make, tmp_path: Path
) -> None:
    project = make({"widget_webhook.py": PROJECT})
    port = free_port()
    # No cluster network leads to this process, so the Service names it: the API server still has to find the Service,
    # and still asks the certificate for the Service's name.
    spec = ServiceSpec(type="ExternalName", externalName="localhost", ports=[ServicePort(port=port)])
    await client.create(Service(metadata=ObjectMeta(name="hooks", namespace=namespace), spec=spec))
    body = configuration("Validating", "through-a-service", "")
    path = f"/validate-{GROUP.replace('.', '-')}-v1-widget"
    service: dict[str, Any] = {"name": "hooks", "namespace": namespace, "port": port, "path": path}
    body["webhooks"][0]["clientConfig"] = {"service": service}
    document = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "a"}}
    options = WebhookCertificateOptions(
        service_name="hooks", namespace=namespace, validating=("through-a-service",), interval=0.1
    )
    with installed(control_plane, crd(), tmp_path):
        await raw(client, "POST", configurations_path("Validating"), body)
        try:
            async with running(
                control_plane,
                tmp_path / "no certificates",
                lambda manager: manager.discover(project),
                webhook_port=port,
                webhook_host="localhost",
                webhook_self_signed=options,
            ):
                refusal = await _refusal(client, widget_path(namespace), document)
            assert isinstance(refusal, ForbiddenError)
            assert str(refusal).endswith("denied the request: 0 widgets are enough")
        finally:
            await raw(client, "DELETE", configurations_path("Validating", "through-a-service"))


async def _refusal(client: Client, path: str, document: dict[str, Any]) -> APIError:
    """Return what the webhook answers, once the API server knows its certificate."""
    async with asyncio.timeout(30):
        while True:
            with pytest.raises(APIStatusError) as refused:
                await raw(client, "POST", path, document)
            if isinstance(refused.value, ForbiddenError):
                return refused.value
            await asyncio.sleep(0.1)
