"""The protocol of what a reflector keeps equal to a collection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from kaiwu_runtime.cache._object import CachedObject


class ReflectorStore(Protocol):
    """Takes what a reflector finds."""

    def known(self, obj: CachedObject) -> CachedObject:
        """Return the same state of the same object where it is there already, else what was given."""

    def replace(self, objects: Iterable[CachedObject], namespace: str, version: str = "") -> None:
        """Take a complete list of a namespace (empty: of all), and its resourceVersion."""

    def put(self, obj: CachedObject) -> None:
        """Take an object that was added or modified."""

    def remove(self, obj: CachedObject) -> None:
        """Take the last state of an object that was deleted."""
