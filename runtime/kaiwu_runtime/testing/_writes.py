"""Effects of a write on an object: system fields, the separate status, generation, finalizers, and ownership of fields.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime._unsigned import unsigned
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._apply_config import check_config, part_of
from kaiwu_runtime.testing._deletion import check_preconditions, deleted_status, finalizers_after
from kaiwu_runtime.testing._generated_names import generated_name
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._ownership import (
    Manager,
    Owners,
    after_update,
    applied,
    is_applied,
    owners_of,
    write_owners,
)
from kaiwu_runtime.testing._patches import PatchError, json_patch
from kaiwu_runtime.testing._refusals import already_exists, conflict, invalid, not_found, refusal
from kaiwu_runtime.testing._required import check_required
from kaiwu_runtime.testing._rules import (
    DELETION,
    Object,
    WriteOptions,
    check_nulls,
    check_type,
    check_version_form,
    check_versions,
    constrained,
    counted,
    folded,
    tidy,
)
from kaiwu_runtime.testing._scale import replicas_of
from kaiwu_runtime.testing._storage import Storage
from kaiwu_runtime.testing._validation import check_metadata, metadata_mistake

_SEEDED = ("uid", "creationTimestamp", "generation", "managedFields", *DELETION)


class Writer:
    """Execute writes on a storage.

    Args:
        storage: Keeps the objects.
        wall: The time of day, with a time zone.
    """

    def __init__(self, storage: Storage, wall: Callable[[], datetime]) -> None:
        self._storage = storage
        self._wall = wall
        self._patches: Sequence[Any] = ()

    @property
    def mutates(self) -> bool:
        """Whether webhooks change what is written now."""
        return bool(self._patches)

    @contextmanager
    def mutating(self, patches: Sequence[Any]) -> Iterator[None]:
        """Carry out JSON patches of admission webhooks on what is written in a block; it must not await anything."""
        self._patches = patches
        try:
            yield
        finally:
            self._patches = ()

    def create(self, kind: FakeKind, namespace: str, sent: Object, options: WriteOptions) -> Object:
        """Create an object.

        Args:
            kind: The resource.
            namespace: From the path; empty for a cluster-scoped resource.
            sent: The object of the request.
            options: Options of the request.

        Raises:
            APIStatusError: The API server would reject it.
        """
        if mistake := metadata_mistake(sent):
            raise refusal(400, f"{kind.identity.kind} cannot be handled: {mistake}")
        obj = _own(folded(kind, sent))
        metadata = obj["metadata"]
        check_type(kind, obj)
        version = metadata.pop("resourceVersion", "")
        if namespace and (metadata.get("namespace") or namespace) != namespace:
            raise refusal(400, "the namespace of the provided object does not match the namespace sent on the request")
        if not metadata.get("name") and metadata.get("generateName"):
            version = ""  # not looked at, as the server may try several names
            metadata["name"] = generated_name(metadata["generateName"])
        self._prepare(kind, namespace, obj)
        name = metadata["name"]
        if unsigned(version):
            raise refusal(500, "resourceVersion should not be set on objects to be created", reason="")
        if self._storage.get(kind, ObjectKey(namespace, name)) is not None:
            raise already_exists(kind, name)
        owners = after_update({}, obj, self._manager(kind, options, "Update"))
        return self._store_new(kind, namespace, obj, owners, options)

    def seed(self, kind: FakeKind, sent: Object) -> None:
        """Store an object as it is, with status and system fields; what is missing of the latter is filled in.

        Args:
            kind: The resource.
            sent: The object.

        Raises:
            APIStatusError: The API server would not have stored it, or there is one of that name.
        """
        obj = _own(folded(kind, sent))
        metadata = obj["metadata"]
        given = {name: metadata[name] for name in _SEEDED if metadata.get(name)}
        namespace = (metadata.get("namespace") or "") if kind.identity.namespaced else ""
        status = obj.get("status")
        if kind.identity.namespaced and not namespace:
            raise invalid(kind, metadata.get("name", ""), "metadata.namespace", "Required value")
        if given.get("deletionTimestamp") and not metadata.get("finalizers"):
            problem = "Required value: an object that is being deleted is kept only while it has finalizers"
            raise invalid(kind, metadata.get("name", ""), "metadata.finalizers", problem)
        self._prepare(kind, namespace, obj)
        obj["metadata"] |= given
        if status is not None:
            obj["status"] = status
        key = ObjectKey(namespace, metadata["name"])
        if self._storage.get(kind, key) is not None:
            raise already_exists(kind, key.name)
        self._storage.put(kind, key, obj)

    def update(
        self, kind: FakeKind, key: ObjectKey, change: Callable[[Object], Object], options: WriteOptions
    ) -> Object:
        """Change an object by a patch.

        Args:
            kind: The resource.
            key: Namespace and name.
            change: From the object there is to the one that is wanted.
            options: Options of the request.

        Raises:
            APIStatusError: The API server would reject it.
        """
        old = self._existing(kind, key)
        wanted = folded(kind, change(old))
        if mistake := metadata_mistake(wanted):
            raise invalid(kind, key.name, "patch", f"Invalid value: {mistake}")
        if (wanted.get("apiVersion"), wanted.get("kind")) != (old["apiVersion"], old["kind"]):
            raise invalid(kind, key.name, "kind", "Invalid value: a patch cannot change what an object is")
        check_versions(kind, old, {"resourceVersion": "", **(wanted.get("metadata") or {})}, options)
        if json_equal(wanted, old) and not self._patches:
            return old
        new = constrained(kind, old, wanted, options)
        # An empty list counts for nothing in a custom resource.
        resets: tuple[list[dict[str, Any]], ...] = ([{}],) if kind.custom else ([], [{}])
        reset = not options.subresource and (wanted.get("metadata") or {}).get("managedFields") in resets
        manager = self._manager(kind, options, "Update")
        owners = {} if reset else after_update(old, new, manager)
        if options.subresource == "scale" and not replicas_of(kind, new):
            owners.pop(manager, None)  # a scale of 0 is a scale without the field
        return self._store(kind, old, new, owners, options)

    def apply(self, kind: FakeKind, key: ObjectKey, config: Object, options: WriteOptions) -> Object:
        """Create or change an object by server-side apply.

        Args:
            kind: The resource.
            key: Namespace and name, from the path.
            config: The object of the request: the fields that are wanted.
            options: Options of the request.

        Raises:
            APIStatusError: The API server would reject it.
        """
        check_config(kind, key, config)
        metadata = config.get("metadata") or {}
        manager = self._manager(kind, options, "Apply")
        written = partial(part_of, kind, subresource=options.subresource)
        wanted = written(config)
        found = self._storage.get(kind, key)
        if found is None and not options.subresource:
            check_version_form(metadata.get("resourceVersion"))
            if metadata.get("uid"):
                raise conflict(kind, key.name, "the object does not exist, and the request names its uid")
            start = {"apiVersion": config["apiVersion"], "kind": config["kind"], "metadata": {"name": key.name}}
            obj, owners = applied(start, wanted, manager, force=options.force, written_by=written)
            obj = _own(folded(kind, obj))
            self._prepare(kind, key.namespace, obj)
            return self._store_new(kind, key.namespace, obj, owners, options)
        old = self._existing(kind, key)
        check_versions(kind, old, metadata, options)
        if is_applied(old, wanted, manager) and not self._patches:
            return old
        new, owners = applied(old, wanted, manager, force=options.force, written_by=written)
        new = folded(kind, new)
        check_nulls(kind, old, new)
        return self._store(kind, old, constrained(kind, old, new, options), owners, options)

    def delete(self, kind: FakeKind, key: ObjectKey, sent: Mapping[str, Any]) -> Object:
        """Delete an object, or mark it as deleted when it has finalizers.

        Args:
            kind: The resource.
            key: Namespace and name.
            sent: DeleteOptions: preconditions, propagationPolicy and dryRun count.

        Raises:
            APIStatusError: There is none, or a precondition does not hold.
        """
        old = self._existing(kind, key)
        metadata = old["metadata"]
        check_preconditions(kind, old, sent)
        new = _own(old)
        present = metadata.get("finalizers") or ()
        finalizers = finalizers_after(present, sent.get("propagationPolicy"))
        dry_run = bool(sent.get("dryRun"))
        if not finalizers:
            if not dry_run:
                self._storage.remove(kind, key)
            return deleted_status(kind, key, metadata["uid"])
        if "deletionTimestamp" in metadata:
            if finalizers == list(present):
                return old
            new["metadata"]["finalizers"] = finalizers
            return new if dry_run else self._storage.put(kind, key, new)
        new["metadata"].update(deletionTimestamp=self.now(), deletionGracePeriodSeconds=0, finalizers=finalizers)
        if metadata.get("generation"):
            new["metadata"]["generation"] += 1
        return new if dry_run else self._storage.put(kind, key, new)

    def _existing(self, kind: FakeKind, key: ObjectKey) -> Object:
        found = self._storage.get(kind, key)
        if found is None:
            raise not_found(kind, key.name)
        return found

    def _prepare(self, kind: FakeKind, namespace: str, obj: Object) -> None:
        """Set the system fields of a new object."""
        metadata = obj["metadata"]
        for name in ("managedFields", "selfLink", *DELETION):
            metadata.pop(name, None)
        metadata.pop("namespace", None)
        if namespace:
            metadata["namespace"] = namespace
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": self.now()}
        if kind.generation:
            metadata["generation"] = 1
        if kind.status:
            obj.pop("status", None)
        tidy(kind, obj)
        check_metadata(kind, obj, new=True)

    def _store_new(self, kind: FakeKind, namespace: str, obj: Object, owners: Owners, options: WriteOptions) -> Object:
        obj = self._admitted(obj)
        check_required(kind, obj)
        write_owners(obj, owners, {}, self.now())
        return obj if options.dry_run else self._storage.put(kind, ObjectKey(namespace, obj["metadata"]["name"]), obj)

    def _store(self, kind: FakeKind, old: Object, new: Object, owners: Owners, options: WriteOptions) -> Object:
        key = ObjectKey(old["metadata"].get("namespace", ""), old["metadata"]["name"])
        new = self._admitted(new)
        counts = kind.generation and options.subresource != "status"
        if counts and not json_equal(counted(kind, old), counted(kind, new)):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        owners = {owner: fields for owner, fields in owners.items() if fields}
        if json_equal(new, old) and owners == owners_of(old):
            return old  # a write that changes nothing makes no version
        check_required(kind, new)
        write_owners(new, owners, old, self.now())
        if options.dry_run:
            return new
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            self._storage.remove(kind, key)
            return new
        return self._storage.put(kind, key, new)

    def _admitted(self, obj: Object) -> Object:
        """Return an object as webhooks changed it; what they set has no owner, as owners are noted before."""
        if not self._patches:
            return obj
        try:
            return _own(json_patch(obj, self._patches))
        except PatchError as error:
            raise refusal(500, f"the patch of an admission webhook cannot be applied: {error}") from None

    def now(self) -> str:
        """Return the time of day as Kubernetes writes it."""
        return self._wall().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @staticmethod
    def _manager(kind: FakeKind, options: WriteOptions, operation: str) -> Manager:
        return Manager(options.manager, operation, kind.identity.api_version, options.subresource)


def _own(obj: Mapping[str, Any]) -> Object:
    """Return an object whose members, and those of its metadata, can be changed without changing the original."""
    return {**obj, "metadata": {**(obj.get("metadata") or {})}}
