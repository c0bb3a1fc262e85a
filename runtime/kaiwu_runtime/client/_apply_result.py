"""Server-side apply that tells what it changed.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar, cast

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.client._apply_body import version_in
from kaiwu_runtime.client._apply_verbs import ApplyVerbs
from kaiwu_runtime.client._operation_result import OperationResult
from kaiwu_runtime.client._request_options import FieldValidation
from kaiwu_runtime.client._subresources import decode_answer, target
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.rest._paths import object_names, object_path
from kaiwu_runtime.rest._transport import METADATA, Created

T = TypeVar("T")


class ApplyResultVerbs(ApplyVerbs):
    """Applies objects, and tells what that did."""

    async def apply_with_result(
        self,
        obj: T,
        *,
        force: bool = True,
        field_manager: str = "",
        field_validation: FieldValidation | None = None,
        remove: Sequence[str] = (),
    ) -> tuple[T, OperationResult]:
        """Apply an object and return it as stored, with what that did; see `apply` for the arguments.

        The apply is always sent.

        The answer to an apply says whether it created the object. Whether it changed it is told by the
        resourceVersion, which is compared with those known before: that of the cache and that of the last apply, for a
        client that reads from a cache which has the kind; that of `obj` where it was read from the server. If none is
        known, the metadata is read first, in a request of its own.

        A change by another client in between counts as UPDATED.

        Raises:
            ConflictError: Another manager owns a field and `force` is False.
            InvalidError: It violates its schema or an admission rule.
            APIError: Any other failure.
        """
        kind: type[Any] = type(obj)
        identity, _ = target(kind, "patch")
        namespace, name = object_names(obj)
        key = ObjectKey(self.namespace_for(identity, namespace), name)
        metadata = cast("Any", obj).metadata
        before = await self._versions(kind, key, metadata.resourceVersion or "")
        answer, subresource = await self._send_apply(
            obj,
            force=force,
            field_manager=field_manager,
            field_validation=field_validation,
            dry_run=False,
            subresource="",
            remove=remove,
            resend=True,
        )
        version = version_in(answer, f"{identity.kind} {key}")
        self._remember(kind, key, version)
        if isinstance(answer, Created) or not before:
            result = OperationResult.CREATED
        else:
            result = OperationResult.UNCHANGED if version in before else OperationResult.UPDATED
        return decode_answer(kind, subresource, answer), result

    async def _versions(self, kind: type[Any], key: ObjectKey, read: str) -> Collection[str]:
        """Return the resourceVersions that an object may have now; none where it does not exist.

        Args:
            kind: Its type.
            key: Its namespace, empty for a cluster-scoped kind, and its name.
            read: The resourceVersion with which the caller has read it; empty if there is none.
        """
        if read:
            return (read,)
        path = object_path(target(kind, "patch").identity, key.namespace, key.name)
        try:
            return (version_in(await self.transport.request("GET", path, accept=METADATA), f"GET {path}"),)
        except NotFoundError as error:
            if error.reason != "NotFound":
                raise  # not the object, but its kind
            return ()

    def _remember(self, kind: type[Any], key: ObjectKey, version: str) -> None:
        """Take note of the resourceVersion that an apply returned: a cache gets it later."""
