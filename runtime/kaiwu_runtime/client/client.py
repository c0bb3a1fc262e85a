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
from typing import Any, Literal, Self, TypeVar

import msgspec

from kaiwu_runtime.api.identity import identify
from kaiwu_runtime.client.apply import apply_body, newest_version, status_body
from kaiwu_runtime.client.codec import decode, encode
from kaiwu_runtime.client.credentials import load_credentials
from kaiwu_runtime.client.http_transport import HTTPTransport
from kaiwu_runtime.client.page import PAGE_SIZE, decode_page
from kaiwu_runtime.client.paths import collection_path, object_names, object_path
from kaiwu_runtime.client.transport import Transport
from kaiwu_runtime.errors import ConflictError

T = TypeVar("T")

FIELD_MANAGER = "kaiwu-runtime"
STATUS_ATTEMPTS = 5
"""How often a status is sent when the object changes meanwhile."""

PropagationPolicy = Literal["Background", "Foreground", "Orphan"]

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
        namespace: The context's or pod's namespace, for callers that want a default; no method applies it by itself.
    """

    def __init__(self, transport: Transport, *, field_manager: str = FIELD_MANAGER, namespace: str = "default") -> None:
        self.transport = transport
        self.field_manager = field_manager
        self.namespace = namespace
        self._reconnect: Callable[[], Client] | None = None

    @classmethod
    def connect(
        cls,
        kubeconfig: str | os.PathLike[str] | None = None,
        *,
        context: str = "",
        field_manager: str = FIELD_MANAGER,
    ) -> Self:
        """Return a client for the cluster that the environment points at; sends nothing yet.

        Args:
            kubeconfig: A file that has to be used; default None looks in KUBECONFIG, the pod, ``~/.kube/config``.
            context: Name of the context; default is the current one.
            field_manager: See the class.

        Raises:
            ConfigurationError: No usable configuration.
        """
        credentials = load_credentials(kubeconfig=kubeconfig, context=context or None)
        client = cls(HTTPTransport(credentials), field_manager=field_manager, namespace=credentials.namespace)
        client._reconnect = lambda: Client.connect(kubeconfig, context=context, field_manager=field_manager)
        return client

    def reconnect(self) -> Client | None:
        """Return a new client that is connected as this one was, for another event loop; None for one with a transport.

        Raises:
            ConfigurationError: No usable configuration any longer.
        """
        return None if self._reconnect is None else self._reconnect()

    async def close(self) -> None:
        """Close every connection."""
        await self.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, kind: type[T], name: str, *, namespace: str = "") -> T:
        """Return one object; see :class:`~kaiwu_runtime.client.Reader`."""
        return decode(kind, await self.transport.request("GET", object_path(identify(kind), namespace, name)))

    async def list(
        self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[T]:
        """Return the objects that match, page by page; see :class:`~kaiwu_runtime.client.Reader`."""
        path = collection_path(identify(kind), namespace)
        params = {"limit": str(PAGE_SIZE)}
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        found: list[T] = []
        while True:
            page = decode_page(await self.transport.request("GET", path, params=params))
            found.extend(decode(kind, bytes(item)) for item in page.items or ())
            if not page.metadata.continue_:
                return found
            params["continue"] = page.metadata.continue_

    async def create(self, obj: T, *, dry_run: bool = False) -> T:
        """Create an object; ``metadata.generateName`` works as well as a name.

        Args:
            obj: The object; its type says which resource.
            dry_run: Let the server check and default it without storing it.

        Raises:
            AlreadyExistsError: There is one of that name.
            InvalidError: It violates its schema or an admission rule.
            APIError: Any other failure.
        """
        identity = identify(type(obj))
        namespace, _ = object_names(obj)
        if identity.namespaced and not namespace:
            raise ValueError(f"{identity.kind}: metadata.namespace is not set")
        params = self._write_params(dry_run=dry_run)
        path = collection_path(identity, namespace)
        return decode(type(obj), await self.transport.request("POST", path, params=params, body=encode(obj)))

    async def apply(
        self,
        obj: T,
        *,
        force: bool = True,
        field_manager: str = "",
        dry_run: bool = False,
        subresource: str = "",
    ) -> T:
        """Create or change an object by server-side apply.

        The fields that are set become owned by the field manager; fields it owned before and no longer sends are
        removed. What the server alone writes (managedFields, resourceVersion, ...) is left out of the request.

        Args:
            obj: The object with the fields that are wanted, and nothing else.
            force: Take over fields that another manager owns; False raises ConflictError for them. A controller
                uses True: it is meant to win.
            field_manager: Instead of the client's own.
            dry_run: Let the server check and merge it without storing it.
            subresource: For example ``scale``; see `apply_status` for the status.

        Raises:
            ConflictError: Another manager owns a field and `force` is False.
            InvalidError: It violates its schema or an admission rule.
            APIError: Any other failure.

        See https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        body = apply_body(obj, with_status=bool(subresource))
        return await self._apply(obj, body, subresource, force=force, field_manager=field_manager, dry_run=dry_run)

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
            NotFoundError: The object is gone.
            ConflictError: It was replaced by another of the same name, another manager owns a field, or it changes
                faster than its status can be written.
            APIError: Any other failure.
        """
        body = status_body(obj)
        sent = body["metadata"]
        guarded = "resourceVersion" in sent
        manager = field_manager or f"{self.field_manager}-status"
        for attempt in range(1, STATUS_ATTEMPTS + 1):
            try:
                return await self._apply(obj, body, "status", force=force, field_manager=manager, dry_run=dry_run)
            except ConflictError as error:
                if not guarded or error.is_ownership or attempt == STATUS_ATTEMPTS:
                    raise
            sent["resourceVersion"] = await newest_version(self.transport, obj)
        raise AssertionError("unreachable")

    async def patch(
        self,
        kind: type[T],
        name: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        namespace: str = "",
        patch_type: PatchType = PatchType.MERGE,
        subresource: str = "",
        dry_run: bool = False,
    ) -> T:
        """Change an object by a patch.

        Args:
            kind: A project's type or a lightkube kind.
            name: The object's name.
            patch: A mapping, or for ``PatchType.JSON`` a list of operations. A ``resourceVersion`` in its metadata
                makes it fail with ConflictError when the object has changed since.
            namespace: The object's namespace; empty for a cluster-scoped kind.
            patch_type: Custom resources take no strategic patches.
            subresource: For example ``status`` or ``scale``.
            dry_run: Let the server check it without storing it.

        Raises:
            NotFoundError: The object is gone.
            ConflictError: The resourceVersion in the patch is not the newest.
            InvalidError: The result violates its schema or an admission rule.
            APIError: Any other failure.
        """
        body = await self.transport.request(
            "PATCH",
            object_path(identify(kind), namespace, name, subresource),
            params=self._write_params(dry_run=dry_run),
            body=_json.encode(patch),
            content_type=patch_type.value,
        )
        return decode(kind, body)

    async def patch_status(
        self,
        kind: type[T],
        name: str,
        status: Mapping[str, Any],
        *,
        namespace: str = "",
        dry_run: bool = False,
    ) -> T:
        """Merge a mapping into an object's status; a field set to None is removed. See `patch`."""
        return await self.patch(
            kind, name, {"status": status}, namespace=namespace, subresource="status", dry_run=dry_run
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
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if uid or resource_version:
            options["preconditions"] = {name: value for name, value in preconditions.items() if value}
        if grace_period_seconds is not None:
            options["gracePeriodSeconds"] = grace_period_seconds
        if dry_run:
            options["dryRun"] = ["All"]
        await self.transport.request("DELETE", object_path(identify(kind), namespace, name), body=_json.encode(options))

    async def _apply(
        self,
        obj: T,
        body: Mapping[str, Any],
        subresource: str,
        *,
        force: bool,
        field_manager: str,
        dry_run: bool,
    ) -> T:
        kind = type(obj)
        namespace, name = object_names(obj)
        params = self._write_params(dry_run=dry_run, field_manager=field_manager)
        params["force"] = "true" if force else "false"
        # Unknown fields are refused whatever this says: for an apply it is about keys that come twice, for which the
        # server would parse the body once more. A tenth of its work for a write, and an encoder writes no key twice.
        params["fieldValidation"] = "Ignore"
        answer = await self.transport.request(
            "PATCH",
            object_path(identify(kind), namespace, name, subresource),
            params=params,
            body=_json.encode(body),
            content_type=PatchType.APPLY.value,
        )
        return decode(kind, answer)

    def _write_params(self, *, dry_run: bool, field_manager: str = "") -> dict[str, str]:
        params = {"fieldManager": field_manager or self.field_manager}
        if dry_run:
            params["dryRun"] = "All"
        return params
