"""Write only the fields that differ, for objects that another program owns, for which an apply would be wrong.

An object that the controller itself defines is better written by server-side apply (:meth:`Client.apply`), which
needs no read before it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar

import msgspec

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._codec import encode
from kaiwu_runtime.client._operation_result import OperationResult
from kaiwu_runtime.client._request_options import Patch, PatchType
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.rest._paths import object_names

T = TypeVar("T")

_decoder = msgspec.json.Decoder(dict[str, Any])
_NOT_WRITTEN = ("apiVersion", "kind", "status")


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
    """Send the difference between an object and its former state; send nothing without a difference.

    The status is not written: use :meth:`Client.apply_status`. Fields that the type does not know stay, but for those
    inside a list that changed: the list is sent as the type knows it.

    What differs goes in a merge patch, or in a JSON patch where a null has to be stored: a merge patch cannot say it.

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
    before, after = _members(base), _members(obj)
    changes = merge_patch(before, after)
    if not changes:
        return obj
    version = ""
    if optimistic_lock:
        metadata: Any = getattr(base, "metadata", None)
        version = (metadata.resourceVersion if metadata is not None else "") or ""
        if not version:
            raise ValueError(f"{type(obj).__name__}: an optimistic lock needs an object that was read from the server")
    patch: Patch
    patch_type = PatchType.MERGE
    if _sets_null(changes, after):
        patch_type, patch = PatchType.JSON, [*_operations(before, after), *_lock(version)]
    else:
        if version:
            changes.setdefault("metadata", {})["resourceVersion"] = version
        patch = changes
    namespace, name = object_names(obj)
    return await client.patch(
        type(obj),
        name,
        patch,
        namespace=namespace,
        patch_type=patch_type,
        field_manager=field_manager,
        dry_run=dry_run,
    )


async def create_or_update(
    client: Client,
    obj: T,
    mutate: Callable[[T], Awaitable[None] | None],
    *,
    field_manager: str = "",
    dry_run: bool = False,
) -> tuple[T, OperationResult]:
    """Create an object, or update the present one by sending the difference.

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
        ConflictError: It changed between the read and the write; reconcile again.
        AlreadyExistsError: Another client created it in the meantime; reconcile again.
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


async def apply_with_result(
    client: Client, obj: T, *, force: bool = True, field_manager: str = ""
) -> tuple[T, OperationResult]:
    """Apply an object and return what that did; the same as :meth:`Client.apply_with_result`."""
    return await client.apply_with_result(obj, force=force, field_manager=field_manager)


async def _mutated(obj: T, mutate: Callable[[T], Awaitable[None] | None]) -> None:
    names = object_names(obj)
    answer = mutate(obj)
    if inspect.isawaitable(answer):
        await answer
    if object_names(obj) != names:
        raise ValueError(f"{type(obj).__name__} {names[1]}: the mutate function must not change the object's name")


def _members(obj: object) -> dict[str, Any]:
    members = {name: value for name, value in _decoder.decode(encode(obj)).items() if name not in _NOT_WRITTEN}
    metadata = members.get("metadata")
    if isinstance(metadata, dict):
        # The API server does not store empty labels, annotations or owners: they are not a difference.
        members["metadata"] = {name: value for name, value in metadata.items() if value not in ({}, [])}
    return members


def _sets_null(changes: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a merge patch has a null that is a value, and not a removal."""
    for name, change in changes.items():
        if name not in after:
            continue
        value = after[name]
        if isinstance(change, Mapping) and isinstance(value, Mapping):
            if _sets_null(change, value):
                return True
        elif _has_null(value):
            return True
    return False


def _has_null(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_null(part) for part in value.values())
    if isinstance(value, list):
        return any(_has_null(part) for part in value)
    return value is None


def _operations(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> list[dict[str, Any]]:
    """Return the JSON patch that makes `before` into `after`; a list that differs is in it whole.

    See https://www.rfc-editor.org/rfc/rfc6902
    """
    found: list[dict[str, Any]] = [
        {"op": "remove", "path": f"{path}/{_escaped(name)}"} for name in before if name not in after
    ]
    for name, value in after.items():
        old, where = before.get(name), f"{path}/{_escaped(name)}"
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            found += _operations(old, value, where)
        elif name not in before or not json_equal(value, old):
            found.append({"op": "add", "path": where, "value": value})
    return found


def _lock(version: str) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}] if version else []


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
