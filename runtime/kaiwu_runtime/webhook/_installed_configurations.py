"""The webhook configurations that ``--webhook-local`` creates: found, created and deleted, but never those of others.

The certificate of each process is its own, so that the configurations of two processes are told apart by it: they have
the same names when one takes over from the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kaiwu_runtime.errors import (
    AlreadyExistsError,
    ConfigurationError,
    ConflictError,
    KaiwuError,
    NotFoundError,
)
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.rest._transport import Transport

logger = logging.getLogger("kaiwu_runtime.webhook.local_webhooks")

OWNER_LABEL = "kaiwuctl.io/webhook-local"
"""Label of the configurations; its value is the field manager of the operator."""

URL_ANNOTATION = "kaiwuctl.io/webhook-local-url"
"""Annotation of the configurations: where their webhooks are served."""

_BASE = "/apis/admissionregistration.k8s.io/v1"
COLLECTIONS = {
    "MutatingWebhookConfiguration": f"{_BASE}/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": f"{_BASE}/validatingwebhookconfigurations",
}
"""Request paths by kind."""

_CONNECT_SECONDS = 2.0


class _List(msgspec.Struct):
    items: list[dict[str, Any]]


_document = msgspec.json.Decoder(dict[str, Any])
_list = msgspec.json.Decoder(_List)
_encode = msgspec.json.Encoder().encode


class InstalledConfigurations:
    """The configurations of one operator outside the cluster.

    Args:
        transport: Sends the requests.
        owner: Value of `OWNER_LABEL`.
        bundle: The certificate authority of this process, as the configurations have it.
        force: Also where another process serves the webhooks.
    """

    def __init__(self, transport: Transport, *, owner: str, bundle: str, force: bool) -> None:
        self._transport = transport
        self._owner = owner
        self._bundle = bundle
        self._force = force
        self._created: list[str] = []
        self._leftovers: set[str] = set()  # uids of what no process served at the check, before this process did

    @property
    def names(self) -> list[str]:
        """The names of what was created."""
        return [path.rpartition("/")[2] for path in self._created]

    async def check(self, webhooks: Collection[str]) -> None:
        """Look whether the webhooks are served already.

        Args:
            webhooks: Names of the webhooks.

        Raises:
            ConfigurationError: The operator is deployed in the cluster, or another process serves them.
            APIError: The API server rejected the request.
        """
        for kind, collection in COLLECTIONS.items():
            for found in await self._items(collection, {}):
                metadata = found["metadata"]
                if (metadata.get("labels") or {}).get(OWNER_LABEL) == self._owner:
                    if not self._force and await _is_served(metadata):
                        raise _served_by_another(kind, metadata)
                    self._leftovers.add(metadata["uid"])
                elif not self._force and any(each["name"] in webhooks for each in found.get("webhooks") or ()):
                    raise ConfigurationError(
                        f"{kind} {metadata['name']}: the operator is deployed in this cluster, and its webhooks would "
                        "be called as well; run `make undeploy`, or add --webhook-local-force"
                    )

    async def remove_leftovers(self) -> None:
        """Delete what a process that was killed left, for webhooks that may not exist any more.

        Raises:
            ConfigurationError: Another process has begun to serve the webhooks since the check.
            APIError: The API server rejected the request.
        """
        for kind, collection in COLLECTIONS.items():
            query = {"labelSelector": f"{OWNER_LABEL}={self._owner}"}
            for found in await self._items(collection, query):
                metadata = found["metadata"]
                if not self._force and metadata["uid"] not in self._leftovers:
                    raise _served_by_another(kind, metadata)
                if await self._delete(f"{collection}/{metadata['name']}", metadata["uid"]):
                    logger.info(
                        "Deleted a webhook configuration that was left over", extra={"configuration": metadata["name"]}
                    )

    async def create(self, configuration: Mapping[str, Any]) -> None:
        """Create a configuration.

        Raises:
            ConfigurationError: There is one of this name, which is not the operator's, or of a process that was
                started at the same time.
            APIError: The API server rejected the request.
        """
        kind, name = configuration["kind"], configuration["metadata"]["name"]
        collection = COLLECTIONS[kind]
        self._created.append(f"{collection}/{name}")  # also when the answer is lost
        try:
            await self._transport.request("POST", collection, body=_encode(configuration))
        except AlreadyExistsError:
            raise ConfigurationError(
                f"{kind} {name}: another process has created it meanwhile, or it lacks the label "
                f"{OWNER_LABEL}={self._owner}: stop the process, or delete the object"
            ) from None

    async def remove(self, seconds: float) -> None:
        """Delete what was created, unless it is another process's now; what fails is logged with what to do.

        Args:
            seconds: What each configuration gets; the API server may be gone.
        """
        while self._created:
            path = self._created.pop()
            name = path.rpartition("/")[2]
            try:
                async with asyncio.timeout(seconds):
                    present = read_answer(_document, await self._transport.request("GET", path), f"GET {path}")
                    if self._is_own(present):
                        await self._delete(path, present["metadata"]["uid"])
                    else:
                        logger.info("Another process has taken over the webhooks", extra={"configuration": name})
            except NotFoundError:
                pass
            except (KaiwuError, TimeoutError) as error:
                logger.error(
                    "Cannot delete a local webhook configuration; delete it, or run the operator here again",
                    extra={"configuration": name, "error": str(error) or "no answer"},
                )

    async def _items(self, collection: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        answer = await self._transport.request("GET", collection, params=query)
        return read_answer(_list, answer, f"list of {collection}").items

    def _is_own(self, configuration: Mapping[str, Any]) -> bool:
        webhooks = configuration.get("webhooks") or ()
        return any(webhook["clientConfig"].get("caBundle") == self._bundle for webhook in webhooks)

    async def _delete(self, path: str, uid: str) -> bool:
        """Delete a configuration unless it was replaced; return whether it was deleted."""
        try:
            await self._transport.request("DELETE", path, body=_encode({"preconditions": {"uid": uid}}))
        except (NotFoundError, ConflictError):
            return False
        return True


async def _is_served(metadata: Mapping[str, Any]) -> bool:
    """Return whether a process answers where a configuration points: then it is not left over."""
    try:
        parts = urlsplit(_url(metadata))
        host, port = parts.hostname, parts.port
    except ValueError:  # a user has edited it
        return False
    if not host or not port:
        return False
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError, UnicodeError):
        return False
    writer.close()
    return True


def _served_by_another(kind: str, metadata: Mapping[str, Any]) -> ConfigurationError:
    return ConfigurationError(
        f"{kind} {metadata['name']}: another process serves these webhooks at {_url(metadata)}; stop it, or add "
        "--webhook-local-force"
    )


def _url(metadata: Mapping[str, Any]) -> str:
    return str((metadata.get("annotations") or {}).get(URL_ANNOTATION, ""))
