"""Validate the CRDs with a real API server, without storing them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from urllib.parse import quote

from kaiwu_runtime._error_text import one_line
from kaiwu_runtime.errors import APIError, DefinitionError
from kaiwu_runtime.generator._crd import CustomResourceDefinition

_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_APPLY = "application/apply-patch+yaml"
_FIELD_MANAGER = "kaiwu-generator"


def check_on_server(crds: Sequence[CustomResourceDefinition]) -> None:
    """Apply CRDs with a dry run to the cluster of the current kubeconfig.

    If a CRD exists already, the API server also validates the change. Requires the permission to patch CRDs.

    Raises:
        ConfigurationError: There is no usable kubeconfig.
        DefinitionError: The API server rejects a CRD, or cannot be reached; the message is one line.

    See https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
    """
    if crds:
        asyncio.run(_check(crds))


async def _check(crds: Sequence[CustomResourceDefinition]) -> None:
    from kaiwu_runtime.client import Client  # noqa: PLC0415 - without --server nothing is sent

    async with Client.connect() as client:
        for crd in crds:
            name = crd.manifest["metadata"]["name"]
            try:
                await client.transport.request(
                    "PATCH",
                    f"{_COLLECTION}/{quote(name)}",
                    params={"dryRun": "All", "fieldManager": _FIELD_MANAGER, "force": "true"},
                    body=json.dumps(crd.manifest).encode(),
                    content_type=_APPLY,
                )
            except APIError as error:
                raise DefinitionError(f"--server: the API server rejects {name}: {one_line(error)}") from None
