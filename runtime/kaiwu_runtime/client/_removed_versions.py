"""An apply to an object whose managed fields name a version that the CRD lacks, which the API server answers with 500.

Each object that was written in a version before it was removed would be rejected for ever. The entries of that version
are removed, as the API server itself does for built-in kinds; merge patches and updates leave them there.

See https://github.com/kubernetes/kubernetes/issues/111937
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kaiwu_runtime.client._request_options import PatchType
from kaiwu_runtime.errors import ServerError
from kaiwu_runtime.rest._answers import read_answer
from kaiwu_runtime.rest._transport import Transport

_CAUSE = "request to convert CR to an invalid group/version: "
_APPLY, _MERGE = PatchType.APPLY.value, PatchType.MERGE.value


class _Metadata(msgspec.Struct):
    version: str = msgspec.field(default="", name="resourceVersion")
    managed: list[dict[str, Any]] = msgspec.field(default_factory=list, name="managedFields")


class _Object(msgspec.Struct):
    metadata: _Metadata


_objects = msgspec.json.Decoder(_Object)


async def send_patch(
    transport: Transport, path: str, params: Mapping[str, str], body: bytes, content_type: str
) -> bytes:
    """Send a patch and return the answer; an apply again where managed fields of a removed version made it fail.

    Args:
        transport: Sends the requests.
        path: Of the object, or of its status.
        params: The query.
        body: The patch.
        content_type: Of a `PatchType`.
    """
    forgotten = ""
    while True:
        try:
            return await transport.request("PATCH", path, params=params, body=body, content_type=content_type)
        except ServerError as error:
            removed = error.message.partition(_CAUSE)[2]
            if content_type != _APPLY or removed in {"", forgotten} or "dryRun" in params:
                raise
            # The object's own path: a status does not take managed fields.
            await _forget(transport, path.removesuffix("/status"), params["fieldManager"], removed)
            forgotten = removed


async def _forget(transport: Transport, path: str, manager: str, removed: str) -> None:
    """Remove the managed fields of a version from an object."""

    async def patch(**metadata: object) -> _Metadata:
        body = msgspec.json.encode({"metadata": metadata})
        params = {"fieldManager": manager}
        answer = await transport.request("PATCH", path, params=params, body=body, content_type=_MERGE)
        return read_answer(_objects, answer, path).metadata

    # An empty patch, since an operator that writes a kind need not have the permission to get it.
    found = await patch()
    kept = [each for each in found.managed if each.get("apiVersion") != removed]
    # The API server takes an empty list for no change, and one with an empty entry for none.
    found = await patch(resourceVersion=found.version, managedFields=kept or [{}])
    if all(each.get("apiVersion") != removed for each in found.managed):
        return
    # It drops the change if another removed version is left, and names one at a time: only that of the path is known.
    own = "/".join(path.split("/")[2:4])
    kept = [each for each in kept if each.get("apiVersion") == own]
    await patch(resourceVersion=found.version, managedFields=kept or [{}])
