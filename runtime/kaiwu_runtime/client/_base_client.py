"""What every verb of the client uses: the transport, the defaults of writes, and the namespace of a request."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from kaiwu_runtime.api._identity import ObjectKey, ResourceIdentity, key_of
from kaiwu_runtime.client._applied import AppliedRecords, Doubts, WriteAttempt, WriteObserver
from kaiwu_runtime.client._request_options import FieldValidation, write_params
from kaiwu_runtime.rest._paths import object_path
from kaiwu_runtime.rest._transport import Transport

FIELD_MANAGER = "kaiwu-runtime"


class BaseClient:
    """Holds a transport and the defaults of writes; :class:`~kaiwu_runtime.client.Client` adds the verbs.

    Args:
        transport: How requests are sent.
        field_manager: See :class:`~kaiwu_runtime.client.Client`.
        namespace: See :class:`~kaiwu_runtime.client.Client`.
        field_validation: See :class:`~kaiwu_runtime.client.Client`.
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
        self.field_validation = field_validation
        self._own_applies: AppliedRecords | None = None
        """What was applied by this client, and by one that writes through it and reads from a cache; else None."""
        self._observer: WriteObserver | None = None
        self._skips_unchanged = False
        """Whether an apply that would change nothing is left out."""

    def namespace_for(self, identity: ResourceIdentity, namespace: str) -> str:
        """Return the namespace that a request goes to; a client of one namespace overrides it.

        Args:
            identity: The resource; of a cluster-scoped one the namespace does not count.
            namespace: As the caller gave it.
        """
        return namespace if identity.namespaced else ""

    def _path_of(
        self, identity: ResourceIdentity, name: str | ObjectKey, namespace: str, subresource: str = ""
    ) -> tuple[str, ObjectKey]:
        """Return the path of an object or its subresource, and the object's key."""
        namespace, name = key_of(name, namespace)
        namespace = self.namespace_for(identity, namespace)
        return object_path(identity, namespace, name, subresource), ObjectKey(namespace, name)

    async def close(self) -> None:
        """Close every connection."""
        await self.transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _forget_apply(self, path: str) -> None:
        """Let the next apply of an object be sent: it is about to be written in another way.

        Args:
            path: Request path of the object; empty for all objects.
        """
        if self._own_applies is not None:
            self._own_applies.forget(path)

    def _heard(
        self, kind: type[Any], key: ObjectKey, answer: bytes, *, dry_run: bool = False, doubts: Doubts | None = None
    ) -> None:
        """Tell the observer, if there is one, what the API server answered to a write.

        Args:
            kind: The type of the object, or of a subresource.
            key: The object's.
            answer: The object after the write, or another one with its metadata.
            dry_run: Nothing was stored.
            doubts: From the write's `_attempt`.
        """
        if self._observer is not None and not dry_run:
            self._observer.stored(kind, key, answer, doubts=doubts)

    def _attempt(self, kind: type[Any], key: ObjectKey, *, dry_run: bool = False, begun: bool = False) -> WriteAttempt:
        """Return the context of a write, which tells the observer if there is no answer.

        Args:
            kind: The type of the object, or of a subresource.
            key: The object's; without a name where that is the server's.
            dry_run: Nothing is stored.
            begun: Something has been stored already, by an earlier request of the same write.
        """
        return WriteAttempt(None if dry_run or not key.name else self._observer, kind, key, begun=begun)

    def _write_params(
        self, field_manager: str, field_validation: FieldValidation | None, *, dry_run: bool
    ) -> dict[str, str]:
        return write_params(
            field_manager=field_manager or self.field_manager,
            field_validation=self.field_validation if field_validation is None else field_validation,
            dry_run=dry_run,
        )
