"""What an operator has made and leaves: objects without an owner, when all it was made for is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from typing import Any

from kaiwu_runtime.testing.faults._end_state import SKIPPED

Object = Mapping[str, Any]


class Leftovers:
    """Follows the objects that the operator is made for, and finds what it leaves when they are gone.

    Args:
        managers: Field managers of the operator, as they become known.
    """

    def __init__(self, managers: Set[str]) -> None:
        self._managers = managers
        self._others: set[str] = set()
        self._served: set[str] = set()
        self._served_any = False

    def note(self, before: Object | None, after: Object | None) -> None:
        """Note a change of an object."""
        obj = after if after is not None else before
        assert obj is not None  # noqa: S101 - for mypy
        uid = obj["metadata"]["uid"]
        if after is None:
            self._others.discard(uid)
            self._served.discard(uid)
        elif before is None and not self._is_the_operators(after):
            self._others.add(uid)
        elif uid in self._others and self._is_the_operators(after):
            self._served.add(uid)
            self._served_any = True

    def found(self, objects: Iterable[Object], kept: Collection[str]) -> list[str]:
        """Return the objects that are left, such as ``ConfigMap default/a``.

        Args:
            objects: All there are.
            kept: Kinds that the operator leaves on purpose.
        """
        if self._served or not self._served_any:
            return []
        return [
            _named(obj)
            for obj in objects
            if obj["kind"] not in SKIPPED
            and obj["kind"] not in kept
            and obj["metadata"]["uid"] not in self._others
            and not obj["metadata"].get("ownerReferences")
            and not obj["metadata"].get("deletionTimestamp")
            and self._is_the_operators(obj)
        ]

    def _is_the_operators(self, obj: Object) -> bool:
        return any(entry.get("manager") in self._managers for entry in obj["metadata"].get("managedFields") or ())


def _named(obj: Object) -> str:
    metadata = obj["metadata"]
    return f"{obj['kind']} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"
