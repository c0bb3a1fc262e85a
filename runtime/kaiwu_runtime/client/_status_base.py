"""What a status is made from, so that a write of it says what its writer has changed.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Self

import msgspec

from kaiwu_runtime.client._managed_items import has_other_versions, naming
from kaiwu_runtime.client._status_merge import Difference, difference, merged_status, removal_patch
from kaiwu_runtime.client._status_model import with_read_defaults
from kaiwu_runtime.client._status_type import described_status


class StatusBase:
    """From what the status of an object is made, for those that write it.

    In its context, what other writers make of the status is kept: what is written are the changes to a base.

    Args:
        obj: The object; a copy of it is another.
        status: Its status as it was read, encoded by `encode_status`.
        is_shared: Whether other field managers have applied to it: then each write costs a read, which tells what is
            theirs. What they alone apply, and what stays as it is, is not sent.

    Attributes:
        status: The status as it was read, or as it was written since.
        unsure: What may have been written since, wholly or in part, as its write failed.
    """

    __slots__ = ("_compared", "_difference", "_kind", "_token", "is_shared", "obj", "status", "unsure")

    # A class and not a context made from a generator: every pass of an ObjectReconciler enters one.
    def __init__(self, obj: object, status: bytes, *, is_shared: bool = False) -> None:
        self.obj = obj
        self._kind = type(getattr(obj, "status", None))  # which a reconciler may make None
        self.status = bytes(status)  # a msgspec.Raw equals no bytes
        self.is_shared = is_shared
        self.unsure: list[bytes] = []
        self._compared: bytes | None = None

    def __enter__(self) -> Self:
        self._token = _base.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _base.reset(self._token)

    def wanted(self, status: msgspec.Raw) -> msgspec.Raw:
        """Return the status that its object has now, without what looks removed and is only left to its default.

        Args:
            status: As `encode_status` returns it.
        """
        if not self.difference(status).removes:
            return status
        found = getattr(self.obj, "status", None)
        return msgspec.Raw(with_read_defaults(self._kind if found is None else found, status, self.status))

    def difference(self, status: bytes) -> Difference:
        """Return what a status that its object has now makes of the base."""
        if status is not self._compared:  # asked several times for each write
            self._compared, self._difference = status, difference(self.status, bytes(status))
        return self._difference

    def differs_from(self, status: bytes) -> bool:
        """Return whether a status is still to be written."""
        return bool(self.unsure) or self.difference(status).changes

    def merged(self, wanted: bytes, stored: bytes, managed: Sequence[Mapping[str, Any]], version: str) -> msgspec.Raw:
        """Return the stored status with the changes that lead to what is wanted; see `merged_status` and `naming`."""
        wanted, named = described_status(self._kind, wanted)
        for each in (self.status, *self.unsure):
            base, removed = described_status(self._kind, each)
            stored = merged_status(base, wanted, stored, naming(managed, version, [named, removed]))
        return msgspec.Raw(stored)

    def described(self, *statuses: bytes) -> list[dict[str, Any]]:
        """Return what the type tells of statuses, in the form of managed fields; see `described_status`."""
        return [described_status(self._kind, each)[1] for each in statuses]

    def removal(
        self, wanted: bytes, stored: object, managed: Sequence[Mapping[str, Any]], version: str
    ) -> dict[str, Any]:
        """Return the patch that takes out what an apply of what is wanted has left; see `removal_patch`."""
        (base, removed), (wanted, named) = (described_status(self._kind, each) for each in (self.status, wanted))
        if has_other_versions(managed, version):  # else they name all that there is
            managed = naming(managed, version, [named, removed])
        return removal_patch(base, wanted, stored, managed)

    def written(self, status: bytes) -> None:
        """Take note of a write that is complete."""
        self.status = bytes(status)
        self.unsure.clear()
        self._compared = None


_base: ContextVar[StatusBase | None] = ContextVar("kaiwu_status_base", default=None)


def base_of(obj: object) -> StatusBase | None:
    """Return what the status of an object is made from; None outside of the context of its `StatusBase`."""
    base = _base.get()
    return base if base is not None and base.obj is obj else None
