"""Metadata-only requests, for controllers that need only names, labels and owners of many or large objects.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
"""

from __future__ import annotations

from typing import Any

import msgspec
from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, identify, key_of
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._request_options import Patch, PatchType, PropagationPolicy, write_params
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.rest._page import PAGE_SIZE, decode_page
from kaiwu_runtime.rest._paths import collection_path, object_path
from kaiwu_runtime.rest._transport import METADATA, METADATA_LIST

_encoder = msgspec.json.Encoder()


class PartialObjectMetadata(msgspec.Struct):
    """An object's metadata.

    Attributes:
        apiVersion: Of the object itself, for example ``apps/v1``.
        kind: Of the object itself.
        metadata: Its metadata.
    """

    apiVersion: str = ""  # noqa: N815 - the field's name
    kind: str = ""
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)


_decoder = msgspec.json.Decoder(PartialObjectMetadata)


class MetadataClient:
    """Reads, patches and deletes objects of any kind and sees their metadata only.

    Args:
        client: Its connection, field manager and namespace are used.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, kind: type[Any], name: str | ObjectKey, *, namespace: str = "") -> PartialObjectMetadata:
        """Return the metadata of one object.

        Args:
            kind: A project's type or a lightkube kind.
            name: The object's name, or its key.
            namespace: Its namespace; empty for a cluster-scoped kind.

        Raises:
            NotFoundError: There is none of that name.
            APIError: Any other failure.
        """
        identity = identify(kind)
        namespace, name = key_of(name, namespace)
        path = object_path(identity, self._client.namespace_for(identity, namespace), name)
        return decode_metadata(identity, await self._client.transport.request("GET", path, accept=METADATA))

    async def list(
        self, kind: type[Any], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[PartialObjectMetadata]:
        """Return the metadata of the objects that match, page by page; see :class:`~kaiwu_runtime.client.Reader`."""
        identity = identify(kind)
        path = collection_path(identity, self._client.namespace_for(identity, namespace))
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        params = {"limit": str(PAGE_SIZE), **{name: text for name, text in selectors.items() if text}}
        found: list[PartialObjectMetadata] = []
        while True:
            answer = await self._client.transport.request("GET", path, params=params, accept=METADATA_LIST)
            page = decode_page(answer, path, params.get("continue", ""))
            found += [decode_metadata(identity, bytes(item)) for item in page.items or ()]
            if not page.metadata.continue_:
                return found
            params["continue"] = page.metadata.continue_

    async def patch(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        patch: Patch,
        *,
        namespace: str = "",
        patch_type: PatchType = PatchType.MERGE,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> PartialObjectMetadata:
        """Change an object by a patch, and return its metadata; see :meth:`Client.patch`."""
        identity = identify(kind)
        path, key = self._client._path_of(identity, name, namespace)  # noqa: SLF001 - of this package
        self._client._forget_apply(path)  # noqa: SLF001 - of this package
        with self._client._attempt(kind, key, dry_run=dry_run) as doubts:  # noqa: SLF001 - of this package
            answer = await self._client.transport.request(
                "PATCH",
                path,
                params=write_params(
                    field_manager=field_manager or self._client.field_manager,
                    field_validation=self._client.field_validation,
                    dry_run=dry_run,
                ),
                body=_encoder.encode(patch),
                content_type=patch_type.value,
                accept=METADATA,
            )
        self._client._heard(kind, key, answer, dry_run=dry_run, doubts=doubts)  # noqa: SLF001 - of this package
        return decode_metadata(identity, answer)

    async def delete(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        *,
        namespace: str = "",
        propagation: PropagationPolicy = "Background",
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> None:
        """Delete an object; see :meth:`Client.delete`."""
        await self._client.delete(
            kind,
            name,
            namespace=namespace,
            propagation=propagation,
            uid=uid,
            resource_version=resource_version,
            dry_run=dry_run,
        )


def decode_metadata(identity: ResourceIdentity, data: bytes) -> PartialObjectMetadata:
    """Return the metadata of an object from its JSON.

    Raises:
        DecodeError: It has no metadata of a Kubernetes object.
    """
    try:
        found = _decoder.decode(data)
    except UNREADABLE as error:
        raise DecodeError(f"metadata of a {identity}: {error}") from None
    # The answer names its own type, which is the same for all kinds.
    found.apiVersion, found.kind = identity.api_version, identity.kind
    return found
