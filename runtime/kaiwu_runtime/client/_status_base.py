"""What a status is made from, so that a write of it says what its writer has changed.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from kaiwu_runtime.client._status_merge import merged_status


class StatusBase(msgspec.Struct):
    """From what the status of an object is made, for those that write it.

    Attributes:
        obj: The object.
        status: Its status as it was read, or as it was written since, encoded by `encode_status`.
        is_shared: Whether other field managers have applied to it.
        unsure: What may have been written since, wholly or in part, as its write failed.
    """

    obj: object
    status: bytes
    is_shared: bool = False
    unsure: list[bytes] = msgspec.field(default_factory=list)

    def differs_from(self, status: bytes) -> bool:
        """Return whether a status is still to be written."""
        return status != self.status or bool(self.unsure)

    def merged(self, wanted: bytes, stored: bytes) -> msgspec.Raw:
        """Return the stored status with the changes that lead to what is wanted."""
        for base in (self.status, *self.unsure):
            stored = merged_status(base, wanted, stored)
        return msgspec.Raw(stored)

    def written(self, status: bytes) -> None:
        """Take note of a write that is complete."""
        self.status = bytes(status)
        self.unsure.clear()


_base: ContextVar[StatusBase | None] = ContextVar("kaiwu_status_base", default=None)


@contextmanager
def status_base(obj: object, status: bytes, *, is_shared: bool = False) -> Iterator[StatusBase]:
    """Keep what other writers make of an object's status: what is written in this context are the changes to a base.

    Args:
        obj: The object; a copy of it is another.
        status: Its status as it was read.
        is_shared: Whether other field managers have applied to it: then each write costs a read, which tells what is
            theirs. What they alone apply, and what stays as it is, is not sent.
    """
    base = StatusBase(obj, status, is_shared)
    token = _base.set(base)
    try:
        yield base
    finally:
        _base.reset(token)


def base_of(obj: object) -> StatusBase | None:
    """Return what the status of an object is made from; None outside of a `status_base` of this very object."""
    base = _base.get()
    return base if base is not None and base.obj is obj else None
