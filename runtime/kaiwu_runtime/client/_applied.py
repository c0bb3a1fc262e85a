"""What a client knows of its own writes, where it reads from a cache."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.errors import APIError, KaiwuError


class AppliedRecords(Protocol):
    """Remembers applies and what the API server made of them."""

    def unchanged(self, kind: type[Any], key: ObjectKey, path: str, manager: str, body: bytes) -> bytes | None:
        """Return the stored object if an apply would leave it as it is, else None.

        Args:
            kind: Its type.
            key: Its namespace, empty for a cluster-scoped kind, and its name.
            path: Its request path.
            manager: The field manager that applies.
            body: The apply.
        """

    def sent(self, kind: type[Any], path: str, manager: str, body: bytes, answer: bytes) -> str:
        """Remember an apply, and the object that the API server answered with, whose resourceVersion is returned."""

    def forget(self, path: str, manager: str = "") -> None:
        """Forget the applies to an object, so that the next one is sent.

        Args:
            path: Its request path; empty for all objects.
            manager: The field manager whose applies are meant; empty for all of them.
        """


Doubts = Mapping[Any, Any]
"""Earlier writes to an object of which it is not known what they have stored, in the form of the observer's own."""


class WriteObserver(Protocol):
    """Hears of every write."""

    def doubts(self, kind: type[Any], key: ObjectKey) -> Doubts:
        """Return what is in doubt of an object, when a write to it begins; to be given to `stored`.

        Args:
            kind: The type of the object.
            key: Its namespace, empty for a cluster-scoped kind, and its name.
        """

    def stored(
        self, kind: type[Any], key: ObjectKey, answer: bytes, version: str = "", doubts: Doubts | None = None
    ) -> None:
        """Take note of a write.

        Args:
            kind: The type of the object.
            key: Its namespace, empty for a cluster-scoped kind, and its name.
            answer: The object after the write, or another one with its metadata.
            version: Its resourceVersion, where that is known already.
            doubts: What was in doubt when the write began: the answer tells what came of it.
        """

    def in_doubt(self, kind: type[Any], key: ObjectKey) -> None:
        """Take note of a write of which it is not known whether it was stored, or what it has stored.

        Args:
            kind: The type of the object.
            key: Its namespace, empty for a cluster-scoped kind, and its name.
        """

    def deleted(self, kind: type[Any], key: ObjectKey, answer: bytes) -> None:
        """Take note of a deletion: the answer is a Status, or the object if finalizers or a grace period keep it."""


class WriteAttempt:
    """A write that is under way, as a context: one that gets no answer may have been stored all the same.

    Args:
        observer: Is told then; None for a write that no cache waits for.
        kind: The type of the object.
        key: Its namespace, empty for a cluster-scoped kind, and its name.
        begun: Something has been stored already, by an earlier request of the same write.
    """

    __slots__ = ("_begun", "_key", "_kind", "_observer")

    def __init__(self, observer: WriteObserver | None, kind: type[Any], key: ObjectKey, *, begun: bool = False) -> None:
        self._begun = begun
        self._observer = observer
        self._kind = kind
        self._key = key

    def __enter__(self) -> Doubts | None:
        return None if self._observer is None else self._observer.doubts(self._kind, self._key)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._observer is not None and (self._begun or _may_be_stored(error)):
            self._observer.in_doubt(self._kind, self._key)


def _may_be_stored(error: BaseException) -> bool:
    if isinstance(error, APIError):
        return error.in_doubt
    if isinstance(error, KaiwuError):
        return False
    # Cancelled, for instance: the transport may know that it was not sent.
    return bool(getattr(error, "in_doubt", True))
