"""Point the conversion of CRDs to this process, and give them back what they had.

What a CRD had is kept in an annotation, so that the next process restores it when this one is killed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime.errors import ConfigurationError, KaiwuError, NotFoundError
from kaiwu_runtime.webhook._conversion import PATH

if TYPE_CHECKING:
    from kaiwu_runtime.client._client import Client

logger = logging.getLogger(__name__)

ANNOTATION = "kaiwuctl.io/webhook-local-conversion"
"""Annotation of a CRD: the JSON of the ``spec.conversion`` that it gets back."""

_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MERGE = "application/merge-patch+json"

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class LocalConversions:
    """The conversions of some CRDs.

    Args:
        client: May get and patch the CRDs.
        names: Of the CRDs.
    """

    def __init__(self, client: Client, names: Sequence[str]) -> None:
        self._client = client
        self.names = tuple(names)
        self._pointed: list[str] = []

    async def check(self) -> None:
        """Reject a CRD whose conversion is served by a Service that exists.

        Raises:
            ConfigurationError: Names the CRD and the Service.
        """
        for name in self.names:
            crd = await self._read(name)
            service = _client_of(crd["spec"].get("conversion") or {}).get("service")
            if service is None:
                continue
            try:
                path = f"/api/v1/namespaces/{service['namespace']}/services/{service['name']}"
                await self._client.transport.request("GET", path)
            except NotFoundError:
                continue
            raise ConfigurationError(
                f"CustomResourceDefinition {name}: its conversion is served by the Service "
                f"{service['namespace']}/{service['name']}, so the operator is deployed in this cluster; run `make "
                "undeploy`, or add --webhook-local-force"
            )

    async def point_to(self, url: str, bundle: str) -> None:
        """Let the API server call a URL for the conversions.

        Args:
            url: Start of the server's URLs.
            bundle: The certificate authority, PEM in base64.

        Raises:
            ConfigurationError: A CRD is not installed.
            APIError: The API server rejected the request.
        """
        for name in self.names:
            crd = await self._read(name)
            kept = (crd["metadata"].get("annotations") or {}).get(ANNOTATION)
            if kept is None:
                kept = _encode(crd["spec"].get("conversion") or {"strategy": "None"}).decode()
            client = {"url": f"{url}{PATH}", "caBundle": bundle, "service": None}
            webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
            self._pointed.append(name)  # also when the answer is lost
            await self._patch(
                name,
                {
                    "metadata": {"annotations": {ANNOTATION: kept}},
                    "spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}},
                },
            )

    async def restore(self, seconds: float) -> None:
        """Give the CRDs back what they had; what fails is logged.

        Args:
            seconds: What each CRD gets.
        """
        while self._pointed:
            name = self._pointed.pop()
            try:
                async with asyncio.timeout(seconds):
                    await self._restore(name)
            except ConfigurationError:
                continue  # it was deleted meanwhile
            except (KaiwuError, msgspec.MsgspecError, TimeoutError) as error:
                logger.error(
                    "Cannot restore the conversion of a CRD; run `make install`, or run the operator here again",
                    extra={"crd": name, "error": str(error) or "no answer"},
                )

    async def _restore(self, name: str) -> None:
        crd = await self._read(name)
        kept = (crd["metadata"].get("annotations") or {}).get(ANNOTATION)
        if kept is None:
            return
        conversion = _decode(kept.encode())
        client = _client_of(conversion)
        if client:
            # A merge patch keeps what it does not name.
            conversion["webhook"]["clientConfig"] = {"url": None, "caBundle": None, "service": None} | client
        else:
            conversion["webhook"] = None
        patch = {"metadata": {"annotations": {ANNOTATION: None}}, "spec": {"conversion": conversion}}
        await self._patch(name, patch)

    async def _read(self, name: str) -> dict[str, Any]:
        try:
            return _decode(await self._client.transport.request("GET", f"{_COLLECTION}/{name}"))
        except NotFoundError:
            raise ConfigurationError(
                f"CustomResourceDefinition {name}: not found in the cluster: run `make install`"
            ) from None

    async def _patch(self, name: str, patch: dict[str, Any]) -> None:
        path = f"{_COLLECTION}/{name}"
        await self._client.transport.request("PATCH", path, body=_encode(patch), content_type=_MERGE)


def _client_of(conversion: dict[str, Any]) -> dict[str, Any]:
    return dict((conversion.get("webhook") or {}).get("clientConfig") or {})
