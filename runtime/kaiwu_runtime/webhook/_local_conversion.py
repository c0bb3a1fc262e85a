"""Point the conversion of CRDs to this process, and give them back what they had.

What a CRD had is kept in an annotation, so that the next process restores it when this one is killed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime.errors import ConfigurationError, ConflictError, KaiwuError, NotFoundError
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.webhook._conversion import PATH

if TYPE_CHECKING:
    from kaiwu_runtime.client._client import Client

logger = logging.getLogger(__name__)

ANNOTATION = "kaiwuctl.io/webhook-local-conversion"
"""Annotation of a CRD: the JSON of the ``spec.conversion`` that it gets back."""

_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MERGE = "application/merge-patch+json"

_document = msgspec.json.Decoder(dict[str, Any])
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
        self._bundle = ""

    async def check(self) -> None:
        """Reject a CRD whose conversion is served by a Service that exists.

        Raises:
            ConfigurationError: Names the CRD and the Service.
        """
        for name in self.names:
            crd = await self._installed(name)
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
        self._bundle = bundle
        for name in self.names:
            crd = await self._installed(name)
            conversion = crd["spec"].get("conversion") or {"strategy": "None"}
            kept = (crd["metadata"].get("annotations") or {}).get(ANNOTATION)
            if kept is None or _parsed(kept) is None or not _client_of(conversion).get("url"):
                # Without an annotation nothing was pointed anywhere; and what points to no URL was installed since.
                kept = _encode(conversion).decode()
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
            except NotFoundError:
                continue  # it was deleted meanwhile
            except (KaiwuError, TimeoutError) as error:
                logger.error(
                    "Cannot restore the conversion of a CRD; run `make install`, or run the operator here again",
                    extra={"crd": name, "error": str(error) or "no answer"},
                )

    async def _restore(self, name: str) -> None:
        while True:
            crd = await self._read(name)
            metadata = crd["metadata"]
            kept = (metadata.get("annotations") or {}).get(ANNOTATION)
            client = _client_of(crd["spec"].get("conversion") or {})
            own = client.get("caBundle") == self._bundle
            if kept is None or (client.get("url") and not own):
                return  # it was made anew, or another process has taken over and restores it later
            patch: dict[str, Any] = {
                "metadata": {"annotations": {ANNOTATION: None}, "resourceVersion": metadata["resourceVersion"]}
            }
            if own:
                conversion = _parsed(kept)
                if conversion is None:
                    raise ConfigurationError(f"the annotation {ANNOTATION} was edited and cannot be read")
                patch["spec"] = {"conversion": _replacing(conversion)}
            try:
                await self._patch(name, patch)
            except ConflictError:
                continue  # another client has changed it since
            return

    async def _installed(self, name: str) -> dict[str, Any]:
        try:
            return await self._read(name)
        except NotFoundError:
            raise ConfigurationError(
                f"CustomResourceDefinition {name}: not found in the cluster: run `make install`"
            ) from None

    async def _read(self, name: str) -> dict[str, Any]:
        answer = await self._client.transport.request("GET", f"{_COLLECTION}/{name}")
        return read_answer(_document, answer, f"CustomResourceDefinition {name}")

    async def _patch(self, name: str, patch: dict[str, Any]) -> None:
        path = f"{_COLLECTION}/{name}"
        await self._client.transport.request("PATCH", path, body=_encode(patch), content_type=_MERGE)


def _client_of(conversion: dict[str, Any]) -> dict[str, Any]:
    return dict((conversion.get("webhook") or {}).get("clientConfig") or {})


def _parsed(kept: str) -> dict[str, Any] | None:
    """Return the conversion in an annotation; None if it is none: a user may edit an annotation."""
    try:
        conversion = _document.decode(kept.encode())
    except (msgspec.MsgspecError, RecursionError):
        return None
    webhook = conversion.get("webhook") or {}
    valid = isinstance(webhook, dict) and isinstance(webhook.get("clientConfig") or {}, dict)
    return conversion if valid and isinstance(conversion.get("strategy"), str) else None


def _replacing(conversion: dict[str, Any]) -> dict[str, Any]:
    """Return a conversion as a merge patch, which keeps what it does not name."""
    client = _client_of(conversion)
    if not client:
        return {**conversion, "webhook": None}
    webhook = {**conversion["webhook"], "clientConfig": {"url": None, "caBundle": None, "service": None} | client}
    return {**conversion, "webhook": webhook}
