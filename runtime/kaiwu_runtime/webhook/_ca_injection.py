"""Write certificate authorities into webhook configurations and CustomResourceDefinitions.

Neither server-side apply nor a merge patch can write one field of a list item without the others, so the changes are
JSON patches whose ``test`` operations make sure that the item has not changed in the meantime.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from lightkube.resources.admissionregistration_v1 import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition

from kaiwu_runtime.api._identity import ResourceIdentity, identify
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._request_options import PatchType
from kaiwu_runtime.errors import ConfigurationError, ConflictError, InvalidError
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions

ATTEMPTS = 5
"""How often a configuration that changes meanwhile is read again."""

_json = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()


class Injector:
    """Keeps the authorities of the configurations that the options name.

    Args:
        client: May get and patch them.
        options: Their names, and the service that they have to point to.
        namespace: Namespace of the service.
    """

    def __init__(self, client: Client, options: WebhookCertificateOptions, namespace: str) -> None:
        self._client = client
        self._service = (namespace, options.service_name)
        self.targets: list[tuple[ResourceIdentity, str]] = [
            (identify(kind), name)
            for kind, names in (
                (ValidatingWebhookConfiguration, options.validating),
                (MutatingWebhookConfiguration, options.mutating),
                (CustomResourceDefinition, options.crds),
            )
            for name in names
        ]

    async def inject(self, target: tuple[ResourceIdentity, str], authorities: bytes) -> bool:
        """Write the authorities into one configuration.

        Args:
            target: One of `targets`.
            authorities: PEM.

        Returns:
            Whether there was anything to change.

        Raises:
            ConfigurationError: Nothing in it points to our service.
            ConflictError: It changes all the time.
            APIError: It is not there, or any other failure.
        """
        identity, name = target
        path = identity.path(name=name)
        for _ in range(ATTEMPTS):
            answer = await self._client.transport.request("GET", path)
            document = read_answer(_json, answer, f"{identity.kind} {name}")
            operations = self._operations(identity, name, document, base64.b64encode(authorities).decode("ascii"))
            if not operations:
                return False
            try:
                await self._client.transport.request(
                    "PATCH", path, body=_encoder.encode(operations), content_type=PatchType.JSON.value
                )
            except (InvalidError, ConflictError) as error:
                refusal = error
            else:
                return True
        raise refusal

    def _operations(
        self, identity: ResourceIdentity, name: str, document: dict[str, Any], bundle: str
    ) -> list[dict[str, Any]]:
        clients = _clients(document)
        ours = [entry for entry in clients if self._is_ours(entry[2])]
        if not ours:
            service = "/".join(self._service)
            raise ConfigurationError(f"{identity.kind} {name}: no webhook in it points to the service {service}")
        operations: list[dict[str, Any]] = []
        for test, where, client in ours:
            if client.get("caBundle") != bundle:
                # A service that is replaced meanwhile must not get the authorities of another one.
                unchanged = {member: client[member] for member in ("service", "url") if member in client}
                operations += [
                    test,
                    *({"op": "test", "path": f"{where}/{member}", "value": unchanged[member]} for member in unchanged),
                    {"op": "add", "path": f"{where}/caBundle", "value": bundle},
                ]
        return operations

    def _is_ours(self, client: dict[str, Any]) -> bool:
        service = client.get("service")
        return "url" in client if service is None else (service["namespace"], service["name"]) == self._service


def _clients(document: dict[str, Any]) -> list[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Return for each ``clientConfig`` a test that it is still the same webhook's, its JSON pointer, and itself."""
    if "webhooks" in document or "spec" not in document:
        return [
            (
                {"op": "test", "path": f"/webhooks/{index}/name", "value": webhook["name"]},
                f"/webhooks/{index}/clientConfig",
                webhook["clientConfig"],
            )
            for index, webhook in enumerate(document.get("webhooks") or ())
        ]
    conversion = document["spec"].get("conversion") or {}
    client = (conversion.get("webhook") or {}).get("clientConfig")
    if client is None:
        return []
    test = {"op": "test", "path": "/spec/conversion/strategy", "value": "Webhook"}
    return [(test, "/spec/conversion/webhook/clientConfig", client)]
