"""Server-side apply of objects, of their status and of their scale.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import msgspec

from kaiwu_runtime.api._identity import ObjectKey, identify, subresource_of
from kaiwu_runtime.client._apply_body import apply_body, check_removed, scale_body
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._codec import encode_status
from kaiwu_runtime.client._emptied import EMPTIED_ATTEMPTS, RejectedApply, remove_emptied
from kaiwu_runtime.client._leftovers import aliases, claim, forbidden_fields, unowned
from kaiwu_runtime.client._removed_versions import send_patch
from kaiwu_runtime.client._request_options import FieldValidation, PatchType, apply_params
from kaiwu_runtime.client._status import write_status
from kaiwu_runtime.client._subresources import decode_answer, has_status_subresource, target
from kaiwu_runtime.errors import InvalidError, NotFoundError
from kaiwu_runtime.rest._paths import object_names, object_path
from kaiwu_runtime.rest._transport import Created

if TYPE_CHECKING:
    from lightkube.models.autoscaling_v1 import Scale

T = TypeVar("T")

_APPLY = PatchType.APPLY.value
_json = msgspec.json.Encoder()


class ApplyVerbs(BaseClient):
    """Applies objects, their status and their scale."""

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
        resend: bool = False,
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
        resend: bool = False,
    ) -> Any:
        """Create or change an object by server-side apply.

        The fields that are set become owned by the field manager; fields it owned before and no longer sends are
        removed, unless another manager owns them too. What the server alone writes (managedFields, resourceVersion,
        ...) is left out of the request, and so is the status where it has a subresource of its own.

        The client of a manager leaves out an apply that would change nothing: the same one was sent before, and the
        cache shows the object as it was right after that, but for its status. A field that another client has changed
        is put right at the next apply. Each apply is sent again after about an hour.

        Fields that no manager owns, because the API server filled them in, stay. Two kinds are taken out: those for
        which the server rejects the apply (the default of ``type: RollingUpdate`` beside ``type: Recreate``), and
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
            resend: Send it, even if it would change nothing.

        Raises:
            ConflictError: Another manager owns a field and `force` is False.
            ValueError: A path of `remove` leads through a list, or names a field that is set.
            InvalidError: It violates its schema or an admission rule.
            APIError: Any other failure.

        See https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        answer, subresource = await self._send_apply(
            obj,
            force=force,
            field_manager=field_manager,
            field_validation=field_validation,
            dry_run=dry_run,
            subresource=subresource,
            remove=remove,
            resend=resend,
        )
        return decode_answer(type(obj), subresource, answer)

    async def _send_apply(
        self,
        obj: object,
        *,
        force: bool,
        field_manager: str,
        field_validation: FieldValidation | None,
        dry_run: bool,
        subresource: str,
        remove: Sequence[str],
        resend: bool,
    ) -> tuple[bytes, str]:
        """Apply an object, and return the answer and the subresource that it is about."""
        kind = type(obj)
        identity, subresource = target(kind, "patch", subresource)
        manager = field_manager or self.field_manager
        namespace, name = object_names(obj)
        key = ObjectKey(self.namespace_for(identity, namespace), name)
        path = object_path(identity, key.namespace, name, subresource)
        params = apply_params(
            field_manager=manager,
            field_validation=self.field_validation if field_validation is None else field_validation,
            dry_run=dry_run,
            force=force,
        )
        if subresource == "scale":
            body = _json.encode(scale_body(obj))
            if not identity.is_built_in:
                # The API server cannot apply the scale of a custom resource: it answers 500.
                self._forget_apply(object_path(identity, key.namespace, name))
                merge = self._write_params(field_manager, field_validation, dry_run=dry_run)
                with self._attempt(kind, key, dry_run=dry_run) as doubts:
                    answer = await self._patch(path, merge, body, PatchType.MERGE.value)
                self._heard(kind, key, answer, dry_run=dry_run, doubts=doubts)
                return answer, subresource
        else:
            with_status = bool(subresource) or not has_status_subresource(kind)  # type: ignore[arg-type]
            body = apply_body(obj, with_status=with_status)
        if remove:
            check_removed(body, remove)
            if not dry_run:
                await self._claim(kind, (namespace, name), remove, manager)
        if dry_run:
            return await self._patch(path, params, body, _APPLY), subresource
        if subresource:
            self._forget_apply(object_path(identity, key.namespace, name))
            with self._attempt(kind, key) as doubts:
                answer = await self._patch(path, params, body, _APPLY)
            self._heard(kind, key, answer, doubts=doubts)
            return answer, subresource
        applies = self._own_applies
        if applies is None:
            return await self._applied(kind, key, path, params, body), ""
        if self._skips_unchanged and force and not remove and not resend:
            stored = applies.unchanged(kind, key, path, manager, body)
            if stored is not None:
                return stored, ""
        applies.forget(path, manager)  # until it is known what came of it
        with self._attempt(kind, key) as doubts:
            answer = await self._applied(kind, key, path, params, body)
        version = applies.sent(kind, path, manager, body, answer)
        if self._observer is not None:
            self._observer.stored(kind, key, answer, version, doubts)
        return answer, ""

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
        if subresource_of(type(obj)) is None:
            identify(type(obj))  # or the status of something else is looked for
        answer = await write_status(
            self, obj, encode_status(obj), force=force, field_manager=field_manager, dry_run=dry_run
        )
        return decode_answer(type(obj), "status", answer)

    async def _applied(
        self,
        kind: type[Any],
        key: ObjectKey,
        path: str,
        params: Mapping[str, str],
        body: bytes,
        *,
        attempt: int = 1,
    ) -> bytes:
        """Send an apply, and once more after taking out fields that no manager owns and that contradict it."""
        manager = params["fieldManager"]
        try:
            answer = await self._patch(path, params, body, _APPLY)
        except InvalidError as error:
            found = forbidden_fields(error)
            left = unowned(found, await self.transport.request("GET", path)) if found else []
            if not left and attempt < EMPTIED_ATTEMPTS:
                rejected = RejectedApply((path, path), body, params)
                if await remove_emptied(self, kind, key, rejected, error):
                    with self._attempt(kind, key, begun=True):
                        return await self._applied(kind, key, path, params, body, attempt=attempt + 1)
            if not left or not await self._claim(kind, key, left, manager):
                raise
            created = False
        else:
            created = isinstance(answer, Created)
            left = aliases(identify(kind), body, answer)
            if not left:
                return answer
            with self._attempt(kind, key, begun=True):
                claimed = await self._claim(kind, key, left, manager)
            if not claimed:
                return answer
        with self._attempt(kind, key, begun=True):
            again = await self._patch(path, params, body, _APPLY)
        return Created(again) if created else again

    def _patch(self, path: str, params: Mapping[str, str], body: bytes, media_type: str) -> Awaitable[bytes]:
        return send_patch(self.transport, path, params, body, media_type)

    async def _claim(self, kind: type[Any], names: tuple[str, str], fields: Sequence[str], manager: str) -> bool:
        """Make a manager the owner of fields, so that its next apply takes them out; False when there are none."""
        identity, (namespace, name) = identify(kind), names
        key = ObjectKey(self.namespace_for(identity, namespace), name)
        path = object_path(identity, key.namespace, name)
        try:
            stored = await self.transport.request("GET", path)
        except NotFoundError:
            return False
        patch = claim(stored, fields, manager=manager, api_version=identity.api_version)
        if patch:
            with self._attempt(kind, key):
                await self._patch(path, {"fieldManager": manager}, _json.encode(patch), PatchType.JSON.value)
        return bool(patch)
