"""Webhooks of a manager that runs outside the cluster, as ``make run`` does: ``--webhook-local``.

The configurations of config/webhook/manifests.yaml are created under names that end in ``-local``, with the address of
this process instead of the Service, and the conversion of the CRDs is pointed here. Both end with the manager; what a
process that was killed left behind is taken over by the next one.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime._completion import to_the_end
from kaiwu_runtime._manifests import ManifestError, read_manifests
from kaiwu_runtime.errors import (
    APIConnectionError,
    APIError,
    ConfigurationError,
    ForbiddenError,
)
from kaiwu_runtime.webhook._installed_configurations import (
    COLLECTIONS,
    OWNER_LABEL,
    URL_ANNOTATION,
    InstalledConfigurations,
)
from kaiwu_runtime.webhook._local_configuration import (
    base_url,
    is_complete,
    local_configuration,
    probe_object,
    probe_webhook,
)
from kaiwu_runtime.webhook._local_conversion import LocalConversions
from kaiwu_runtime.webhook._reachable_address import is_loopback, reachable_address
from kaiwu_runtime.webhook._review import AdmissionResponse

if TYPE_CHECKING:
    from kaiwu_runtime.client._client import Client
    from kaiwu_runtime.webhook._admission import AdmissionRequest

logger = logging.getLogger(__name__)

AUTOMATIC = "auto"
"""Instead of a host: the address of this machine that the API server reaches."""

SUFFIX = "-local"
PROBE_MESSAGE = "the webhook probe was answered"

_PROBE_SECONDS = 15.0
_POLL = 0.05
_UNDO_SECONDS = 5.0
"""What each request gets when the process ends; the API server may be gone."""

_encode = msgspec.json.Encoder().encode


class LocalWebhooks:
    """Lets the API server call this process for as long as it runs.

    Args:
        connect: Makes the client; it may write webhook configurations and CRDs.
        host: Address that the API server calls, or `AUTOMATIC`.
        manifests: The file with the configurations.
        owner: Field manager of the operator, which tells the configurations of several operators apart.
        force: Also where the operator is deployed, or another process serves its webhooks.

    Attributes:
        probe_path: Where the server serves `answer_probe`.
    """

    probe_path = "/webhook-probe"

    def __init__(self, connect: Callable[[], Client], *, host: str, manifests: Path, owner: str, force: bool) -> None:
        self._connect = connect
        self._host = host
        self._manifests = manifests
        self._owner = _label(owner)
        self._force = force
        self._client: Client | None = None
        self._configurations: InstalledConfigurations | None = None
        self._conversions: LocalConversions | None = None
        self._documents: list[dict[str, Any]] = []
        self._bundle = ""

    def certificate(self) -> tuple[bytes, bytes]:
        """Return a certificate for the address that the API server calls, and its key, both PEM.

        Raises:
            ConfigurationError: There is no usable kubeconfig, or the address cannot be found.
        """
        from kaiwu_runtime.certificates._authority import self_signed  # noqa: PLC0415 - loads cryptography

        certificate, key = self_signed((self.host,))
        self._bundle = base64.b64encode(certificate).decode("ascii")
        return certificate, key

    async def answer_probe(self, request: AdmissionRequest) -> AdmissionResponse:  # noqa: ARG002 - as every handler
        """Reject the object of the probe, which is never stored: the API server reaches this process."""
        return AdmissionResponse(allowed=False, code=403, reason="Forbidden", message=PROBE_MESSAGE)

    @property
    def host(self) -> str:
        """The address that the API server calls."""
        if self._host == AUTOMATIC:
            self._host = reachable_address(getattr(self._api.transport, "server", ""))
        return self._host

    @property
    def is_loopback(self) -> bool:
        """Whether the API server is on this machine."""
        return is_loopback(self.host)

    async def check(self, crds: Sequence[str]) -> None:
        """Look whether this process may serve the webhooks; nothing is changed.

        Args:
            crds: Names of the CRDs whose objects are converted.

        Raises:
            ConfigurationError: The manifests cannot be read, the operator is deployed in the cluster, or another
                process serves its webhooks.
            APIError: The API server rejected the request.
        """
        self._documents = _read(self._manifests)
        self._conversions = LocalConversions(self._api, crds)
        self._configurations = InstalledConfigurations(
            self._api.transport, owner=self._owner, bundle=self._bundle, force=self._force
        )
        await self._configurations.check({str(each.get("name")) for each in _webhooks(self._documents)})
        if not self._force:
            await self._conversions.check()

    async def install(self, port: int) -> None:
        """Create the configurations, point the conversions here, and wait until the API server calls this process.

        Args:
            port: Port that is served.

        Raises:
            ConfigurationError: The API server cannot reach this process.
            APIError: The API server rejected the request.
        """
        assert self._conversions is not None  # noqa: S101 - for the type checker
        assert self._configurations is not None  # noqa: S101
        url = base_url(self.host, port)
        try:
            await self._configurations.remove_leftovers()
            for document in self._documents:
                await self._create(self._configurations, document, url)
            await self._conversions.point_to(url, self._bundle)
        except BaseException:
            await self.uninstall()
            raise
        logger.info(
            "The API server calls the webhooks of this process until it ends",
            extra={
                "url": url,
                "configurations": self._configurations.names,
                "conversions": list(self._conversions.names),
            },
        )

    async def uninstall(self) -> None:
        """Delete the configurations and restore the conversions; what fails is logged with what to do.

        Also where it is cancelled: what stayed in the cluster would refuse every write.
        """
        await to_the_end(self._uninstall())

    async def _uninstall(self) -> None:
        if self._configurations is not None:
            await self._configurations.remove(_UNDO_SECONDS)
        if self._conversions is not None:
            await self._conversions.restore(_UNDO_SECONDS)

    async def close(self) -> None:
        """Undo everything and close the client's connections."""
        try:
            await self.uninstall()
        finally:
            if self._client is not None:
                await self._client.close()
                self._client = None

    @property
    def _api(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    async def _create(self, installed: InstalledConfigurations, document: dict[str, Any], url: str) -> None:
        name = document["metadata"]["name"]
        labels = {OWNER_LABEL: self._owner}
        local = local_configuration(document, url, self._bundle, suffix=SUFFIX, labels=labels)
        local["metadata"] |= {
            "name": f"{self._owner}-{name}{SUFFIX}",
            "annotations": {**(document["metadata"].get("annotations") or {}), URL_ANNOTATION: url},
        }
        value = secrets.token_hex(8)
        local["webhooks"].append(probe_webhook(value, {"url": f"{url}{self.probe_path}", "caBundle": self._bundle}))
        await installed.create(local)
        await self._wait_until_called(value, url)

    async def _wait_until_called(self, value: str, url: str) -> None:
        """Create a ConfigMap in a dry run until the probe rejects it: the configuration is in effect and reaches us."""
        path = f"/api/v1/namespaces/{self._api.namespace}/configmaps"
        deadline = time.monotonic() + _PROBE_SECONDS
        reason = "it does not call the webhook"
        while time.monotonic() < deadline:
            try:
                await self._api.transport.request(
                    "POST", path, params={"dryRun": "All"}, body=_encode(probe_object(value))
                )
            except ForbiddenError as error:
                if PROBE_MESSAGE not in str(error):
                    logger.warning("Cannot try whether the API server reaches this process: %s", error)
                return
            except APIConnectionError:
                raise
            except APIError as error:
                reason = " ".join(str(error).split())
                if "failed calling webhook" not in reason:
                    logger.warning("Cannot try whether the API server reaches this process: %s", reason)
                    return
                if time.monotonic() > deadline - _PROBE_SECONDS + 2:
                    break
            await asyncio.sleep(_POLL)
        raise ConfigurationError(
            f"the API server cannot call {url}: {reason}; give it an address of this machine that it reaches: "
            "--webhook-local=HOST"
        )


def _label(owner: str) -> str:
    """Return a field manager, which may be any text, as the value of a label and a part of names."""
    return re.sub(r"[^a-z0-9]+", "-", owner.lower())[:40].strip("-") or "operator"


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        documents = read_manifests(file.read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(f"{file}: not found: run `make manifests` in the root of the project") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from error
    except ManifestError as error:
        raise ConfigurationError(f"{file} {error}: run `make manifests`") from error
    found = [document for document in documents if document.get("kind") in COLLECTIONS]
    for document in found:
        if not is_complete(document):
            raise ConfigurationError(
                f"{file}: {document['kind']}: lacks metadata.name or apiVersion, or a webhook lacks its clientConfig: "
                "run `make manifests`"
            )
    return found


def _webhooks(documents: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        yield from document.get("webhooks") or ()
