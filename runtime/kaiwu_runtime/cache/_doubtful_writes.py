"""Find out what is stored after a write that got no answer, so that a cached read can wait for it.

The connection broke, or the reconcile was cancelled, after the request was sent. The API server is asked in the way
the informer asks it, a list, since an operator that watches a kind need not have the permission to ``get`` it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime.cache._selector import field_equals
from kaiwu_runtime.cache._writes_to_informers import expect_state
from kaiwu_runtime.client._apply_body import kept_version
from kaiwu_runtime.errors import APIConnectionError, APIError, NotFoundError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.rest._page import decode_page
from kaiwu_runtime.rest._paths import collection_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity
    from kaiwu_runtime.cache._informer import Informer
    from kaiwu_runtime.cache._own_writes import Pending
    from kaiwu_runtime.rest._transport import Transport

CONCURRENT = 10
"""Maximum number of objects that one read asks about at the same time."""


class DoubtfulWrites:
    """Asks about the objects of a cache: about each of them once at a time, however many reads wait for it.

    Args:
        transport: Asks the API server.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._asking: dict[tuple[Informer[Any], ObjectKey], asyncio.Future[None]] = {}

    async def settle(self, informer: Informer[Any], keys: Sequence[ObjectKey], seconds: float) -> None:
        """Let an informer expect what is stored of objects that are in doubt.

        Args:
            informer: Has the objects, or is about to.
            keys: The objects.
            seconds: How long it may take; a transport itself waits and repeats for minutes.

        Raises:
            APIError: The API server could not be asked; the doubt stays.
        """
        try:
            async with asyncio.timeout(seconds):
                if len(keys) == 1:
                    await self._settle(informer, keys[0])
                else:
                    await self._settle_all(informer, keys)
        except TimeoutError:
            left = next((key for key in keys if informer.own_writes.in_doubt(key)), keys[0])
            raise APIConnectionError(
                f"the answer to the last write to {informer.identity} {left} was lost, and the API server did not "
                f"answer within {seconds:g} s what is stored"
            ) from None

    async def _settle_all(self, informer: Informer[Any], keys: Sequence[ObjectKey]) -> None:
        left = iter(keys)

        async def work() -> None:
            for key in left:
                await self._settle(informer, key)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(len(keys), CONCURRENT)):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _settle(self, informer: Informer[Any], key: ObjectKey) -> None:
        asked = informer, key
        while (doubt := informer.own_writes.in_doubt(key)) is not None:
            asking = self._asking.get(asked)
            if asking is not None:
                await asyncio.shield(asking)
                continue
            asking = self._asking[asked] = asyncio.get_running_loop().create_future()
            try:
                await self._ask(informer, key, doubt)
            except APIError as error:
                asking.set_exception(error)
                asking.exception()  # or asyncio logs it if no other read waits
                raise
            finally:
                del self._asking[asked]
                if not asking.done():  # also if this read was cancelled: another one asks then
                    asking.set_result(None)

    async def _ask(self, informer: Informer[Any], key: ObjectKey, doubt: Pending) -> None:
        stored, version = await _read(informer.identity, self._transport, key)
        if not informer.own_writes.settle(key, doubt):
            return  # another write has failed meanwhile
        if stored is None:
            informer.own_writes.expect_absent(key, version)
        else:
            expect_state(informer, key, stored, kept_version(stored))


async def _read(identity: ResourceIdentity, transport: Transport, key: ObjectKey) -> tuple[bytes | None, str]:
    """Return an object as it is stored, or None, and the resourceVersion of the list that has it.

    Without a resourceVersion in the request, the answer is the newest.
    """
    path = collection_path(identity, key.namespace)
    try:
        answer = await transport.request("GET", path, params={"fieldSelector": field_equals("metadata.name", key.name)})
    except NotFoundError:  # its CRD was deleted
        return None, ""
    page = decode_page(answer, path)
    version = page.metadata.resource_version
    if not page.items:
        return None, version
    item = page.items[0]
    try:
        obj = msgspec.json.decode(item, type=dict[str, msgspec.Raw])
    except UNREADABLE:
        return bytes(item), version
    # In a list, the objects of built-in kinds do not say what they are.
    typed = {
        "apiVersion": msgspec.Raw(msgspec.json.encode(identity.api_version)),
        "kind": msgspec.Raw(msgspec.json.encode(identity.kind)),
    }
    return msgspec.json.encode({**obj, **typed}), version
