"""The typed client: one method per verb, objects in, objects out.

Writes are server-side apply, create, patch and delete. There is no replace: a typed object does not hold the fields
its type does not know, and a PUT would drop them.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast, overload

import msgspec

from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, identify, key_of
from kaiwu_runtime.client._apply import apply_body, check_removed, newest_version, scale_body, status_body
from kaiwu_runtime.client._codec import ListDecoder, encode
from kaiwu_runtime.client._leftovers import aliases, claim, forbidden_fields, unowned
from kaiwu_runtime.client._request_options import FieldValidation, PropagationPolicy, delete_options, write_params
from kaiwu_runtime.client._subresources import decode_answer, decode_created, has_status_subresource, target
from kaiwu_runtime.config._credentials import load_credentials
from kaiwu_runtime.errors import ConflictError, InvalidError, NotFoundError
from kaiwu_runtime.rest._http_transport import HTTPTransport
from kaiwu_runtime.rest._page import PAGE_SIZE, decode_page
from kaiwu_runtime.rest._paths import collection_path, object_names, object_path
from kaiwu_runtime.rest._transport import Transport

if TYPE_CHECKING:
    from lightkube.models.autoscaling_v1 import Scale

T = TypeVar("T")

FIELD_MANAGER = "kaiwu-runtime"
STATUS_ATTEMPTS = 5
"""How often a status is sent when the object changes meanwhile."""

Patch = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""A merge patch, or the operations of a JSON patch."""

_json = msgspec.json.Encoder()


class PatchType(enum.Enum):
    """The kinds of patch an API server takes, by media type.

    See https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
    """

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class Client:
    """Reads from and writes to the API server directly; a :class:`~kaiwu_runtime.client.Reader`.

    Args:
        transport: How requests are sent.
        field_manager: Name under which server-side apply records the fields this client owns.
        namespace: The context's or pod's namespace, for callers that want a default; no method applies it by itself:
            see :class:`~kaiwu_runtime.client.NamespacedClient`.
        field_validation: What the API server does about unknown fields in creations and patches, by default; see
            :data:`~kaiwu_runtime.client.FieldValidation`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        field_manager: str = FIELD_MANAGER,
        namespace: str = "default",
        field_validation: FieldValidation = "",
    ) -> None:
        self.transport = transport
        self.field_manager = field_manager
        self.namespace = namespace
        self._reconnect: Callable[[], Client] | None = None
        self.field_validation = field_validation

    @classmethod
    def connect(
        cls,
        kubeconfig: str | os.PathLike[str] | None = None,
        *,
        context: str = "",
        field_manager: str = FIELD_MANAGER,
        field_validation: FieldValidation = "",
    ) -> Self:
        """Return a client for the cluster that the environment points at; sends nothing yet.

        Args:
            kubeconfig: A file that has to be used; default None looks in KUBECONFIG, the pod, ``~/.kube/config``.
            context: Name of the context; default is the current one.
            field_manager: See the class.
            field_validation: See the class.

        Raises:
            ConfigurationError: No usable configuration.
        """
        credentials = load_credentials(kubeconfig=kubeconfig, context=context or None)
        client = cls(
            HTTPTransport(credentials),
            field_manager=field_manager,
            namespace=credentials.namespace,
            field_validation=field_validation,
        )
        client._reconnect = lambda: Client.connect(
            kubeconfig, context=context, field_manager=field_manager, field_validation=field_validation
        )
        return client

    def reconnect(self) -> Client | None:
        """Return a new client that is connected as this one was, for another event loop; None for one with a transport.

        Raises:
            ConfigurationError: No usable configuration any longer.
        """
        return None if self._reconnect is None else self._reconnect()

    def namespace_for(self, identity: ResourceIdentity, namespace: str) -> str:
        """Return the namespace that a request goes to; a client of one namespace overrides it.

        Args:
            identity: The resource; of a cluster-scoped one the namespace does not count.
            namespace: As the caller gave it.
        """
        return namespace if identity.namespaced else ""

    async def close(self) -> None:
        """Close every connection."""
        await self.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T:
        """Return one object, or what one of lightkube's subresource classes stands for.

        See :class:`~kaiwu_runtime.client.Reader`.
        """
        identity, subresource = target(kind, "get")
        namespace, name = key_of(name, namespace)
        path = object_path(identity, self.namespace_for(identity, namespace), name, subresource)
        return decode_answer(kind, subresource, await self.transport.request("GET", path))

    async def find(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T | None:
        """Return one object as `get` does, or None when there is none of that name.

        Raises:
            NotFoundError: The API server does not have the kind at all.
            DecodeError: The object does not fit the type.
            APIError: Any other failure.
        """
        try:
            return await self.get(kind, name, namespace=namespace)
        except NotFoundError as error:
            # A path that the server does not know is answered in plain text, without a reason.
            if error.reason != "NotFound":
                raise
            return None

    async def list(
        self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[T]:
        """Return the objects that match, page by page; see :class:`~kaiwu_runtime.client.Reader`."""
        identity = identify(kind)
        path = collection_path(identity, self.namespace_for(identity, namespace))
        params = {"limit": str(PAGE_SIZE)}
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        found = ListDecoder(kind)
        while True:
            page = decode_page(await self.transport.request("GET", path, params=params))
            found.take(bytes(item) for item in page.items or ())
            if not page.metadata.continue_:
                return found.result()
            params["continue"] = page.metadata.continue_

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
        return decode_created(obj, await self.transport.request("POST", path, params=params, body=encode(obj)))

    @overload
    async def apply(
        self,
        obj: object,
        *,
        subresource: Literal["scale"],
        force: bool = True,
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        dry_run: bool = False,
    ) -> Scale: ...

    @overload
    async def apply(
        self,
        obj: T,
        *,
        force: bool = True,
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        dry_run: bool = False,
        subresource: str = "",
        remove: Sequence[str] = (),
    ) -> T: ...

    async def apply(
        self,
        obj: T,
        *,
        force: bool = True,
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        dry_run: bool = False,
        subresource: str = "",
        remove: Sequence[str] = (),
    ) -> Any:
        """Create or change an object by server-side apply.

        The fields that are set become owned by the field manager; fields it owned before and no longer sends are
        removed, unless another manager owns them too. What the server alone writes (managedFields, resourceVersion,
        ...) is left out of the request, and so is the status where it has a subresource of its own.

        Fields that no manager owns, because the API server filled them in, stay. Two kinds are taken out: those for
        which the server refuses the apply (the default of ``type: RollingUpdate`` beside ``type: Recreate``), and
        ``serviceAccount``, the old name that would bring ``serviceAccountName`` back. For others see `remove`.

        Args:
            obj: The object with the fields that are wanted, and nothing else.
            force: Take over fields that another manager owns; False raises ConflictError for them. Controllers
                should use True.
            field_manager: Instead of the client's own.
            field_validation: Instead of the client's own. An apply is refused for unknown fields in any case.
            dry_run: Let the server check and merge it without storing it.
            subresource: With ``scale``, the object's number of replicas is written and a Scale is returned; of a
                custom resource by a merge patch, for which `force` does not count. See `apply_status` for the status.
            remove: Paths of fields to remove from the object, whatever their owner: ``spec.strategy.rollingUpdate``.
                A path leads through objects, not through lists. The object is read before each such apply.

        Raises:
            ConflictError: Another manager owns a field and `force` is False.
            ValueError: A path of `remove` leads through a list, or names a field that is set.
            InvalidError: It violates its schema or an admission rule.
            APIError: Any other failure.

        See https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        _, subresource = target(type(obj), "patch", subresource)
        params = self._write_params(field_manager, field_validation, dry_run=dry_run)
        if subresource == "scale":
            return await self._apply(obj, scale_body(obj), subresource, params, force=force)
        with_status = bool(subresource) or not has_status_subresource(type(obj))  # type: ignore[arg-type]
        body = apply_body(obj, with_status=with_status)
        if remove:
            check_removed(body, remove)
            if not dry_run:
                await self._claim(type(obj), object_names(obj), remove, params["fieldManager"])
        return await self._apply(obj, body, subresource, params, force=force)

    async def apply_status(self, obj: T, *, force: bool = True, field_manager: str = "", dry_run: bool = False) -> T:
        """Write an object's status by server-side apply; spec and metadata are not sent.

        When the object was read from the server, the status of a successor with the same name is never overwritten.
        The API server ignores a uid in the status of a custom resource, so what is sent is the resourceVersion; when
        the object has only changed since, it is read again for a newer one.

        Args:
            obj: The object whose ``status`` is written.
            force: See `apply`.
            field_manager: Default is the client's with ``-status``, so that status and spec have owners of their own.
            dry_run: See `apply`.

        Raises:
            ValueError: The kind has no status subresource: `apply` writes its status.
            NotFoundError: The object is gone.
            ConflictError: It was replaced by another of the same name, another manager owns a field, or it changes
                faster than its status can be written.
            APIError: Any other failure.
        """
        if has_status_subresource(type(obj)) is False:  # type: ignore[arg-type]  # a class is hashable
            raise ValueError(f"{type(obj).__name__} has no status subresource: write its status with apply")
        body = status_body(obj)
        sent, read = body["metadata"], cast("Any", obj).metadata
        guarded = "resourceVersion" in sent
        params = self._write_params(field_manager or f"{self.field_manager}-status", None, dry_run=dry_run)
        identity, _ = target(type(obj), "patch", "status")
        namespace = self.namespace_for(identity, object_names(obj)[0])
        for attempt in range(1, STATUS_ATTEMPTS + 1):
            try:
                return await self._apply(obj, body, "status", params, force=force)
            except ConflictError as error:
                if not guarded or error.is_ownership or attempt == STATUS_ATTEMPTS:
                    raise
            sent["resourceVersion"] = await newest_version(self.transport, identity, namespace, read)
        raise AssertionError("unreachable")

    @overload
    async def patch(
        self,
        kind: type[Any],
        name: str,
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
        name: str,
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
        name: str,
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
            name: The object's name.
            patch: A mapping, or for ``PatchType.JSON`` a list of operations. A ``resourceVersion`` in its metadata
                makes it fail with ConflictError when the object has changed since.
            namespace: The object's namespace; empty for a cluster-scoped kind.
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
        answer = await self.transport.request(
            "PATCH",
            object_path(identity, self.namespace_for(identity, namespace), name, subresource),
            params=self._write_params(field_manager, field_validation, dry_run=dry_run),
            body=_json.encode(patch),
            content_type=patch_type.value,
        )
        return decode_answer(kind, subresource, answer)

    async def patch_status(
        self,
        kind: type[T],
        name: str,
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
        name: str,
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
            name: The object's name.
            namespace: Its namespace; empty for a cluster-scoped kind.
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
        path = object_path(identity, self.namespace_for(identity, namespace), name)
        await self.transport.request("DELETE", path, body=_json.encode(options))

    async def _apply(
        self, obj: T, body: Mapping[str, Any], subresource: str, params: dict[str, str], *, force: bool
    ) -> T:
        kind = type(obj)
        identity, subresource = target(kind, "patch", subresource)
        namespace, name = object_names(obj)
        patch_type = PatchType.APPLY
        if subresource == "scale" and not identity.is_built_in:
            patch_type = PatchType.MERGE  # the API server cannot apply the scale of a custom resource: it answers 500
        else:
            # Unknown fields are refused whatever the validation: for an apply it is about keys that come twice, for
            # which the server would parse the body once more. A tenth of its work for a write, and an encoder writes
            # no key twice.
            params = {"fieldValidation": "Ignore", **params, "force": "true" if force else "false"}
        path = object_path(identity, self.namespace_for(identity, namespace), name, subresource)

        async def send() -> bytes:
            return await self.transport.request("PATCH", path, params=params, body=sent, content_type=patch_type.value)

        sent = _json.encode(body)
        if subresource:
            return decode_answer(kind, subresource, await send())
        manager = params["fieldManager"]
        may_claim = "dryRun" not in params
        try:
            answer = await send()
        except InvalidError as error:
            found = forbidden_fields(error)
            left = unowned(found, await self.transport.request("GET", path)) if found and may_claim else []
            if not left or not await self._claim(kind, (namespace, name), left, manager):
                raise
            answer = await send()
        else:
            left = aliases(identity, sent, answer) if may_claim else []
            if left and await self._claim(kind, (namespace, name), left, manager):
                answer = await send()
        return decode_answer(kind, subresource, answer)

    async def _claim(self, kind: type[Any], names: tuple[str, str], fields: Sequence[str], manager: str) -> bool:
        """Make a manager the owner of fields, so that its next apply takes them out; False when there are none."""
        identity, (namespace, name) = identify(kind), names
        path = object_path(identity, self.namespace_for(identity, namespace), name)
        try:
            stored = await self.transport.request("GET", path)
        except NotFoundError:
            return False
        patch = claim(stored, fields, manager=manager, api_version=identity.api_version)
        if patch:
            await self.transport.request(
                "PATCH",
                path,
                params={"fieldManager": manager},
                body=_json.encode(patch),
                content_type=PatchType.JSON.value,
            )
        return bool(patch)

    def _write_params(
        self, field_manager: str, field_validation: FieldValidation | None, *, dry_run: bool
    ) -> dict[str, str]:
        return write_params(
            field_manager=field_manager or self.field_manager,
            field_validation=self.field_validation if field_validation is None else field_validation,
            dry_run=dry_run,
        )
