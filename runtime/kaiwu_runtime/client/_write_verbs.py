"""The verbs that write, except server-side apply: create, patch and delete.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import msgspec

from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._codec import encode
from kaiwu_runtime.client._request_options import (
    FieldValidation,
    Patch,
    PatchType,
    PropagationPolicy,
    delete_options,
)
from kaiwu_runtime.client._subresources import decode_answer, decode_created, target
from kaiwu_runtime.rest._paths import collection_path, object_names, object_path

if TYPE_CHECKING:
    from lightkube.models.autoscaling_v1 import Scale

T = TypeVar("T")

_json = msgspec.json.Encoder()


class WriteVerbs(BaseClient):
    """Creates, patches and deletes objects."""

    async def create(
        self,
        obj: T,
        *,
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        dry_run: bool = False,
    ) -> T:
        """Create an object; ``metadata.generateName`` works as well as a name.

        Of lightkube's subresource classes those can be created that the API server takes: ``PodEviction``,
        ``PodBinding``, ``ServiceAccountToken``; their name is that of the object they are for.

        Args:
            obj: The object; its type says which resource.
            field_manager: Instead of the client's own.
            field_validation: Instead of the client's own.
            dry_run: Let the server check and default it without storing it.

        Raises:
            AlreadyExistsError: There is one of that name.
            InvalidError: It violates its schema or an admission rule.
            ValueError: Its namespace is not set, and the kind is namespaced.
            APIError: Any other failure.
        """
        identity, subresource = target(type(obj), "post")
        namespace, name = object_names(obj)
        namespace = self.namespace_for(identity, namespace)
        if identity.namespaced and not namespace:
            raise ValueError(f"{identity.kind}: metadata.namespace is not set")
        params = self._write_params(field_manager, field_validation, dry_run=dry_run)
        path = (
            object_path(identity, namespace, name, subresource) if subresource else collection_path(identity, namespace)
        )
        with self._attempt(type(obj), ObjectKey(namespace, name), dry_run=dry_run or bool(subresource)) as doubts:
            answer = await self.transport.request("POST", path, params=params, body=encode(obj))
        if name and not subresource:  # before it is decoded, which may fail
            self._heard(type(obj), ObjectKey(namespace, name), answer, dry_run=dry_run, doubts=doubts)
        created = decode_created(obj, answer)
        if not name and not subresource:  # the name is the server's
            self._heard(type(obj), ObjectKey(namespace, object_names(created)[1]), answer, dry_run=dry_run)
        return created

    @overload
    async def patch(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        patch: Patch,
        *,
        subresource: Literal["scale"],
        namespace: str = "",
        patch_type: PatchType = PatchType.MERGE,
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        dry_run: bool = False,
    ) -> Scale: ...

    @overload
    async def patch(
        self,
        kind: type[T],
        name: str | ObjectKey,
        patch: Patch,
        *,
        namespace: str = "",
        patch_type: PatchType = PatchType.MERGE,
        subresource: str = "",
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        dry_run: bool = False,
    ) -> T: ...

    async def patch(
        self,
        kind: type[T],
        name: str | ObjectKey,
        patch: Patch,
        *,
        namespace: str = "",
        patch_type: PatchType = PatchType.MERGE,
        subresource: str = "",
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        dry_run: bool = False,
    ) -> Any:
        """Change an object by a patch.

        Args:
            kind: A project's type or a lightkube kind.
            name: The object's name, or its key.
            patch: A mapping, or for ``PatchType.JSON`` a list of operations. A ``resourceVersion`` in its metadata
                makes it fail with ConflictError when the object has changed since.
            namespace: The object's namespace; empty for a cluster-scoped kind, or with a key.
            patch_type: Custom resources take no strategic patches.
            subresource: For example ``status`` or ``scale``; the answer of ``scale`` is a Scale.
            field_manager: Instead of the client's own.
            field_validation: Instead of the client's own.
            dry_run: Let the server check it without storing it.

        Raises:
            NotFoundError: The object is gone.
            ConflictError: The resourceVersion in the patch is not the newest.
            InvalidError: The result violates its schema or an admission rule.
            APIError: Any other failure.
        """
        identity, subresource = target(kind, "patch", subresource)
        path, key = self._path_of(identity, name, namespace)
        self._forget_apply(path)
        with self._attempt(kind, key, dry_run=dry_run) as doubts:
            answer = await self.transport.request(
                "PATCH",
                object_path(identity, key.namespace, key.name, subresource),
                params=self._write_params(field_manager, field_validation, dry_run=dry_run),
                body=_json.encode(patch),
                content_type=patch_type.value,
            )
        self._heard(kind, key, answer, dry_run=dry_run, doubts=doubts)
        return decode_answer(kind, subresource, answer)

    async def patch_status(
        self,
        kind: type[T],
        name: str | ObjectKey,
        status: Mapping[str, Any],
        *,
        namespace: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> T:
        """Merge a mapping into an object's status; a field set to None is removed. See `patch`."""
        return await self.patch(
            kind,
            name,
            {"status": status},
            namespace=namespace,
            subresource="status",
            field_manager=field_manager,
            dry_run=dry_run,
        )

    async def delete(
        self,
        kind: type[Any],
        name: str | ObjectKey,
        *,
        namespace: str = "",
        propagation: PropagationPolicy = "Background",
        uid: str = "",
        resource_version: str = "",
        grace_period_seconds: int | None = None,
        dry_run: bool = False,
    ) -> None:
        """Delete an object; with finalizers it stays until the last one is removed.

        Args:
            kind: A project's type or a lightkube kind.
            name: The object's name, or its key.
            namespace: Its namespace; empty for a cluster-scoped kind, or with a key.
            propagation: What happens to the objects it owns.
            uid: Delete this very object, not a successor of the same name.
            resource_version: Delete it only in this state.
            grace_period_seconds: For pods; default is the object's own.
            dry_run: Let the server check it without deleting.

        Raises:
            NotFoundError: There is none of that name.
            ConflictError: `uid` or `resource_version` is another.
            APIError: Any other failure.
        """
        identity = identify(kind)
        options = delete_options(
            propagation=propagation,
            uid=uid,
            resource_version=resource_version,
            grace_period_seconds=grace_period_seconds,
            dry_run=dry_run,
        )
        path, key = self._path_of(identity, name, namespace)
        self._forget_apply(path)
        with self._attempt(kind, key, dry_run=dry_run):
            answer = await self.transport.request("DELETE", path, body=_json.encode(options))
        if self._observer is not None and not dry_run:
            self._observer.deleted(kind, key, answer)
