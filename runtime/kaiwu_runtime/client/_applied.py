"""What a client knows of its own applies, so that one that would change nothing need not be sent."""

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

    def sent(self, kind: type[Any], path: str, manager: str, body: bytes, answer: bytes) -> None:
        """Remember an apply, and the object that the API server answered with."""

    def forget(self, path: str) -> None:
        """Forget an object that is written in another way, so that its next apply is sent; an empty path is for all."""
