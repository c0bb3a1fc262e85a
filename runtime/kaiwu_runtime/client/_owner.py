"""Owner references: which object another one belongs to, so that it is deleted with it and its events reach the owner.

A reference is found by the owner's group, kind and name, or by its uid, and is replaced where it stands: the API server
keeps the order of the list, so moving a reference would be a change, and two controllers that share an object would
answer each other's writes for ever.

See https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from lightkube.models.meta_v1 import ObjectMeta, OwnerReference

from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.client._object_meta import metadata_of

T = TypeVar("T")


def set_controller_reference(owner: object, controlled: object, *, block_owner_deletion: bool = True) -> None:
    """Make `owner` the controller of `controlled`; an object has at most one.

    A reference to an earlier owner of the same group, kind and name is replaced.

    Args:
        owner: An object read from the API server: it needs a uid.
        controlled: The object to be written; changed in place.
        block_owner_deletion: Foreground deletion of the owner waits for this object.

    Raises:
        ValueError: The owner has no uid, is in another namespace, or another controller is set.
    """
    reference = _reference(owner, controlled, controller=True, block_owner_deletion=block_owner_deletion)
    for existing in metadata_of(controlled).ownerReferences or ():
        if existing.controller and not _same_owner(existing, reference):
            raise ValueError(
                f"{_describe(controlled)} is controlled by {existing.kind} {existing.name} already; "
                "use set_owner_reference for a further owner"
            )
    _upsert(controlled, reference)


def child_of(
    owner: object,
    kind: type[T],
    *,
    name: str = "",
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **fields: Any,  # noqa: ANN401 - the kind's own
) -> T:
    """Return a new object that an owner controls: ``child_of(site, ConfigMap, data={"title": "home"})``.

    Args:
        owner: An object read from the API server: it needs a uid.
        kind: A project's type or a lightkube kind.
        name: Default is the owner's name.
        namespace: Default is the owner's namespace; a cluster-scoped kind has none.
        labels: Labels of the object.
        annotations: Annotations of the object.
        fields: The kind's own fields, such as ``spec`` or ``data``.

    Raises:
        ValueError: The owner has no uid or is in another namespace, or a namespaced object has no namespace.

    See https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
    """
    identity = identify(kind)
    belongs = metadata_of(owner)
    name = name or belongs.name or ""
    namespace = (namespace or belongs.namespace or "") if identity.namespaced else ""
    if identity.namespaced and not namespace:
        raise ValueError(f"child_of: {identity.kind} {name} needs namespace=: its owner is cluster-scoped")
    metadata = ObjectMeta(
        name=name,
        namespace=namespace or None,
        labels=dict(labels) if labels else None,
        annotations=dict(annotations) if annotations else None,
    )
    make: Any = kind
    child: T = make(metadata=metadata, **fields)
    made = metadata_of(child)
    if made.ownerReferences is None:  # nearly always: its class has added none
        made.ownerReferences = [_reference(owner, child, controller=True, block_owner_deletion=True)]
    else:
        set_controller_reference(owner, child)
    return child


def set_owner_reference(owner: object, owned: object, *, block_owner_deletion: bool = False) -> None:
    """Make `owner` one of the owners of `owned`; it is deleted when its last owner is.

    A reference to an earlier owner of the same group, kind and name is replaced, and one that made it the controller
    no longer does.

    Args:
        owner: An object read from the API server: it needs a uid.
        owned: The object to be written; changed in place.
        block_owner_deletion: Foreground deletion of the owner waits for this object.

    Raises:
        ValueError: The owner has no uid or is in another namespace.
    """
    _upsert(owned, _reference(owner, owned, controller=None, block_owner_deletion=block_owner_deletion))


def has_owner_reference(owner: object, owned: object) -> bool:
    """Return whether `owner` is one of the owners of `owned`.

    Args:
        owner: The owner; with a uid, a reference to an earlier object of its name does not count.
        owned: The object that may have the reference.
    """
    return any(True for _ in _references_to(owner, owned, exact=True))


def has_controller_reference(owner: object, owned: object) -> bool:
    """Return whether `owner` is the controller of `owned`. See `has_owner_reference`."""
    return any(reference.controller for reference in _references_to(owner, owned, exact=True))


def remove_owner_reference(owner: object, owned: object) -> bool:
    """Remove `owner` from the owners of `owned`, whether it is the controller or not.

    Args:
        owner: The owner; references to earlier objects of its group, kind and name are removed as well.
        owned: The object to be written; changed in place. A write that shows the removal is needed: an apply removes
            what the same field manager applied before, `patch_changes` removes any.

    Returns:
        Whether there was a reference to remove.
    """
    removed = list(_references_to(owner, owned, exact=False))
    if removed:
        metadata = metadata_of(owned)
        metadata.ownerReferences = [
            existing for existing in metadata.ownerReferences or () if existing not in removed
        ] or None
    return bool(removed)


def _references_to(owner: object, owned: object, *, exact: bool) -> Iterator[OwnerReference]:
    identity = identify(type(owner))
    metadata = metadata_of(owner)
    uid = metadata.uid or ""
    wanted = OwnerReference(apiVersion=identity.api_version, kind=identity.kind, name=metadata.name or "", uid=uid)
    for existing in metadata_of(owned).ownerReferences or ():
        if _same_owner(existing, wanted) and not (exact and uid and existing.uid != uid):
            yield existing


def _reference(owner: object, owned: object, *, controller: bool | None, block_owner_deletion: bool) -> OwnerReference:
    identity = identify(type(owner))
    metadata = metadata_of(owner)
    if not metadata.uid or not metadata.name:
        raise ValueError(f"{_describe(owner)} has no uid: an owner has to be read from the API server first")
    if metadata.namespace:
        if not identify(type(owned)).namespaced:
            raise ValueError(f"{_describe(owned)} is cluster-scoped and cannot be owned by {_describe(owner)}")
        if metadata_of(owned).namespace != metadata.namespace:
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
    metadata = metadata_of(owned)
    references: list[OwnerReference] = []
    pending: OwnerReference | None = reference
    for existing in metadata.ownerReferences or ():
        if not _same_owner(existing, reference):
            references.append(existing)
        elif pending is not None:
            references.append(pending)
            pending = None
    metadata.ownerReferences = references if pending is None else [*references, pending]


def _same_owner(one: OwnerReference, other: OwnerReference) -> bool:
    """Return whether two references are to one owner, in whatever version, or to two objects of one name in turn."""
    if one.uid and one.uid == other.uid:
        return True
    return (_group(one), one.kind, one.name) == (_group(other), other.kind, other.name)


def _group(reference: OwnerReference) -> str:
    return reference.apiVersion.rpartition("/")[0]


def _describe(obj: object) -> str:
    metadata = metadata_of(obj)
    name = metadata.name or "(no name)"
    return f"{type(obj).__name__} {metadata.namespace}/{name}" if metadata.namespace else f"{type(obj).__name__} {name}"
