"""Find out what is stored after a write that got no answer, so that a cached read can wait for it.

The connection broke, or the reconcile was cancelled, after the request was sent. The API server is asked in the way
the informer asks it, a list, since an operator that watches a kind need not have the permission to ``get`` it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime.cache._selector import field_equals
from kaiwu_runtime.cache._writes_to_informers import expect_state
from kaiwu_runtime.client._apply_body import kept_version
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.rest._page import decode_page
from kaiwu_runtime.rest._paths import collection_path

if TYPE_CHECKING:
    from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity
    from kaiwu_runtime.cache._informer import Informer
    from kaiwu_runtime.rest._transport import Transport


async def settle(informer: Informer[Any], transport: Transport, key: ObjectKey) -> None:
    """Let an informer expect what is stored of an object, if a write to it is in doubt.

    Args:
        informer: Has the object, or is about to.
        transport: Asks the API server.
        key: The object's key.

    Raises:
        APIError: The API server could not be asked; the doubt stays.
    """
    own_writes = informer.own_writes
    while (doubt := own_writes.in_doubt(key)) is not None:
        stored = await _read(informer.identity, transport, key)
        if not own_writes.settle(key, doubt):
            continue  # another write has failed meanwhile
        if stored is None:
            own_writes.expect_gone(key)
        else:
            expect_state(informer, key, stored, kept_version(stored))


async def _read(identity: ResourceIdentity, transport: Transport, key: ObjectKey) -> bytes | None:
    """Return an object as it is stored, or None; without a resourceVersion in the request, the answer is the newest."""
    path = collection_path(identity, key.namespace)
    try:
        answer = await transport.request("GET", path, params={"fieldSelector": field_equals("metadata.name", key.name)})
    except NotFoundError:  # its CRD was deleted
        return None
    items = decode_page(answer, path).items
    if not items:
        return None
    try:
        obj = msgspec.json.decode(items[0], type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return bytes(items[0])
    # In a list, the objects of built-in kinds do not say what they are.
    typed = {
        "apiVersion": msgspec.Raw(msgspec.json.encode(identity.api_version)),
        "kind": msgspec.Raw(msgspec.json.encode(identity.kind)),
    }
    return msgspec.json.encode({**obj, **typed})
