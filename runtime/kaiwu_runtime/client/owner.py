"""Owner references: which object another one belongs to, so that it is deleted with it and its events reach the owner.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
"""

from __future__ import annotations

from typing import Any

from lightkube.models.meta_v1 import ObjectMeta, OwnerReference

from kaiwu_runtime.api.identity import identify


def set_controller_reference(owner: object, controlled: object, *, block_owner_deletion: bool = True) -> None:
    """Make `owner` the controller of `controlled`; an object has at most one.

    Args:
        owner: An object read from the API server: it needs a uid.
        controlled: The object to be written; changed in place.
        block_owner_deletion: Foreground deletion of the owner waits for this object.

    Raises:
        ValueError: The owner has no uid, is in another namespace, or another controller is set.
    """
    reference = _reference(owner, controlled, controller=True, block_owner_deletion=block_owner_deletion)
    for existing in _metadata(controlled).ownerReferences or ():
        if existing.controller and existing.uid != reference.uid:
            raise ValueError(
                f"{_describe(controlled)} is controlled by {existing.kind} {existing.name} already; "
                "use set_owner_reference for a further owner"
            )
    _upsert(controlled, reference)


def set_owner_reference(owner: object, owned: object, *, block_owner_deletion: bool = False) -> None:
    """Make `owner` one of the owners of `owned`; it is deleted when its last owner is.

    Args:
        owner: An object read from the API server: it needs a uid.
        owned: The object to be written; changed in place.
        block_owner_deletion: Foreground deletion of the owner waits for this object.

    Raises:
        ValueError: The owner has no uid or is in another namespace.
    """
    _upsert(owned, _reference(owner, owned, controller=None, block_owner_deletion=block_owner_deletion))


def _reference(owner: object, owned: object, *, controller: bool | None, block_owner_deletion: bool) -> OwnerReference:
    identity = identify(type(owner))
    metadata = _metadata(owner)
    if not metadata.uid or not metadata.name:
        raise ValueError(f"{_describe(owner)} has no uid: an owner has to be read from the API server first")
    if metadata.namespace:
        if not identify(type(owned)).namespaced:
            raise ValueError(f"{_describe(owned)} is cluster-scoped and cannot be owned by {_describe(owner)}")
        namespace = _metadata(owned).namespace
        if namespace != metadata.namespace:
            raise ValueError(f"{_describe(owned)} must be in namespace {metadata.namespace!r} of its owner")
    return OwnerReference(
        apiVersion=identity.api_version,
        kind=identity.kind,
        name=metadata.name,
        uid=metadata.uid,
        controller=controller,
        blockOwnerDeletion=block_owner_deletion or None,
    )


def _upsert(owned: object, reference: OwnerReference) -> None:
    metadata = _metadata(owned)
    others = [existing for existing in metadata.ownerReferences or () if existing.uid != reference.uid]
    metadata.ownerReferences = [*others, reference]


def _metadata(obj: Any) -> ObjectMeta:  # noqa: ANN401 - a pydantic model or a lightkube kind
    if obj.metadata is None:
        obj.metadata = ObjectMeta()
    metadata: ObjectMeta = obj.metadata
    return metadata


def _describe(obj: object) -> str:
    metadata = _metadata(obj)
    name = metadata.name or "(no name)"
    return f"{type(obj).__name__} {metadata.namespace}/{name}" if metadata.namespace else f"{type(obj).__name__} {name}"
