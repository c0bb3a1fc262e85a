"""What a client knows of its own writes, where it reads from a cache."""

from __future__ import annotations

from typing import Any, Protocol

from kaiwu_runtime.api._identity import ObjectKey


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


class WriteObserver(Protocol):
    """Hears of every write that the API server has answered."""

    def stored(self, kind: type[Any], key: ObjectKey, answer: bytes, version: str = "") -> None:
        """Take note of a write.

        Args:
            kind: The type of the object.
            key: Its namespace, empty for a cluster-scoped kind, and its name.
            answer: The object after the write, or another one with its metadata.
            version: Its resourceVersion, where that is known already.
        """

    def deleted(self, kind: type[Any], key: ObjectKey, answer: bytes) -> None:
        """Take note of a deletion: the answer is a Status, or the object if finalizers or a grace period keep it."""
