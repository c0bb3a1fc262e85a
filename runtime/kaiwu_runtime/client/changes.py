"""Writes of what differs and of nothing else: for objects that somebody else owns, where an apply would be wrong.

An object that the controller itself defines is better written by server-side apply (:meth:`Client.apply`), which
needs no read before it.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

import msgspec

from kaiwu_runtime.client.client import Client
from kaiwu_runtime.client.codec import encode
from kaiwu_runtime.client.paths import object_names
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.json_equality import json_equal

T = TypeVar("T")

_decoder = msgspec.json.Decoder(dict[str, Any])
_NOT_WRITTEN = ("apiVersion", "kind", "status")


class OperationResult(enum.Enum):
    """What `create_or_update` did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch that makes `before` into `after`; empty when they are equal.

    A list that differs is in it whole: a merge patch knows no parts of lists. Values are compared as JSON: ``1`` and
    ``True`` differ, ``1`` and ``1.0`` do not.

    See https://www.rfc-editor.org/rfc/rfc7386
    """
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if nested := merge_patch(old, value):
                patch[name] = nested
        elif name not in before or not json_equal(value, old):
            patch[name] = value
    return patch


async def patch_changes(
    client: Client,
    obj: T,
    base: T,
    *,
    optimistic_lock: bool = True,
    field_manager: str = "",
    dry_run: bool = False,
) -> T:
    """Send what differs between an object and what it was; without a difference nothing is sent.

    The status is not written: use :meth:`Client.apply_status`. Fields that the type does not know stay, but for those
    inside a list that changed: the list is sent as the type knows it.

    Args:
        client: Sends it.
        obj: The object as it should be.
        base: The same object before the change: ``copy.deepcopy(obj)``, made first.
        optimistic_lock: Fail when the object has changed since `base` was read.
        field_manager: Instead of the client's own.
        dry_run: Let the server check it without storing it.

    Returns:
        The object as stored; `obj` itself when nothing differs.

    Raises:
        ValueError: The two are not the same object.
        ConflictError: It has changed since.
        NotFoundError: It is gone.
        APIError: Any other failure.
    """
    if object_names(obj) != object_names(base):
        raise ValueError(f"{type(obj).__name__}: the object and its base have different names")
    patch = merge_patch(_members(base), _members(obj))
    if not patch:
        return obj
    metadata: Any = getattr(base, "metadata", None)
    if optimistic_lock:
        if metadata is None or not metadata.resourceVersion:
            raise ValueError(f"{type(obj).__name__}: an optimistic lock needs an object that was read from the server")
        patch.setdefault("metadata", {})["resourceVersion"] = metadata.resourceVersion
    namespace, name = object_names(obj)
    return await client.patch(type(obj), name, patch, namespace=namespace, field_manager=field_manager, dry_run=dry_run)


async def create_or_update(
    client: Client,
    obj: T,
    mutate: Callable[[T], Awaitable[None] | None],
    *,
    field_manager: str = "",
    dry_run: bool = False,
) -> tuple[T, OperationResult]:
    """Bring an object into a state: create it, or send what has to change.

    Args:
        client: Reads and writes; a client that reads from the cache is fine.
        obj: The object with its name and namespace, and what only a creation sets.
        mutate: Sets what is wanted, on the object that is there or on `obj`; must not change the name.
        field_manager: Instead of the client's own.
        dry_run: Let the server check it without storing it.

    Returns:
        The object as stored, and what was done.

    Raises:
        ValueError: `mutate` changed the name or namespace.
        ConflictError: It changed between the read and the write; reconciling again is the answer.
        AlreadyExistsError: Somebody else created it meanwhile; reconciling again is the answer.
        APIError: Any other failure.
    """
    namespace, name = object_names(obj)
    try:
        found = await client.get(type(obj), name, namespace=namespace)
    except NotFoundError:
        await _mutated(obj, mutate)
        return await client.create(obj, field_manager=field_manager, dry_run=dry_run), OperationResult.CREATED
    base = deepcopy(found)
    await _mutated(found, mutate)
    stored = await patch_changes(client, found, base, field_manager=field_manager, dry_run=dry_run)
    return stored, OperationResult.UNCHANGED if stored is found else OperationResult.UPDATED


async def _mutated(obj: T, mutate: Callable[[T], Awaitable[None] | None]) -> None:
    names = object_names(obj)
    answer = mutate(obj)
    if inspect.isawaitable(answer):
        await answer
    if object_names(obj) != names:
        raise ValueError(f"{type(obj).__name__} {names[1]}: the mutate function must not change the object's name")


def _members(obj: object) -> dict[str, Any]:
    return {name: value for name, value in _decoder.decode(encode(obj)).items() if name not in _NOT_WRITTEN}
