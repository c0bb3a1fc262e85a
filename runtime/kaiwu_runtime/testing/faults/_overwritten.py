"""What an operator takes from others: fields that another manager had set in an object of the operator's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from kaiwu_runtime.testing.faults._end_state import SKIPPED, is_ignored
from kaiwu_runtime.testing.faults._outcome import Outcome

Object = Mapping[str, Any]
Path = tuple[str, ...]
"""Members of managed fields, from the outermost: ``("f:metadata", "f:labels", "f:team")``."""

_SHOWN = 5
_OWNERS = ("f:metadata", "f:ownerReferences")


class Overwritten:
    """Follows who has set which field of the objects that the operator made.

    A write that removes or changes a field which the operator has never set itself is a mistake: the operator sends
    fields that are not its own. What it has set once, it may set again when another writer has changed it.

    An object that another writer made is the operator's once it has set an owner of it. It adopts such an object to set
    fields that others have set, so only what it removes counts.

    Args:
        managers: Field managers of the operator, as they become known.
        ignored: Fields that it may take.
        outcome: Gets what it took first.

    Attributes:
        written: Versions that the operator's writes made.
    """

    def __init__(self, managers: Set[str], ignored: Sequence[str], outcome: Outcome) -> None:
        self._managers = managers
        self._ignored = ignored
        self._outcome = outcome
        self.written: set[str] = set()
        self._made: dict[str, str] = {}
        self._adopted: dict[str, str] = {}
        self._held: dict[str, set[Path]] = {}
        self._lost: dict[str, list[tuple[str, str]]] = {}

    def note(self, before: Object | None, after: Object | None) -> None:
        """Note a change of an object by any writer."""
        if after is None or after["kind"] in SKIPPED:
            return
        uid = after["metadata"]["uid"]
        own, others = self._fields(after)
        if before is None:
            self._made[uid], self._held[uid] = str(after["metadata"]["resourceVersion"]), set(own)
            return
        owned_before, had = self._fields(before)
        if (held := self._held.get(uid)) is None:
            return
        version = str(after["metadata"]["resourceVersion"])
        if _sets_owner(own) and not _sets_owner(owned_before):
            self._adopted.setdefault(uid, version)
        taken = {path: manager for path, manager in had.items() if path not in held and path not in others}
        if taken:
            # A manager that has lost each member of a map still has the map, which looks like a field.
            maps = {path[:end] for path in (*had, *held) for end in range(1, len(path))}
            taken = {path: manager for path, manager in taken.items() if path not in maps}
        held.update(own)
        removed = {path: manager for path, manager in taken.items() if path not in own}
        origins = ((self._made[uid], taken), (self._adopted.get(uid, ""), removed))
        texts = [(origin, self._described(after, fields)) for origin, fields in origins]
        if found := [(origin, text) for origin, text in texts if origin and text]:
            self._lost[version] = found

    def look(self, step: str) -> None:
        """Keep what the operator took first; called when a step has settled.

        Args:
            step: Its name.
        """
        by_operator = (
            text for version, found in self._lost.items() for origin, text in found if {origin, version} <= self.written
        )
        taken = next(by_operator, "")
        if taken and not self._outcome.overwritten:
            self._outcome.overwritten = f"after step {step}: {taken}"

    def _fields(self, obj: Object) -> tuple[dict[Path, str], dict[Path, str]]:
        """Return the fields that the operator has set, and those of others, with their managers."""
        own: dict[Path, str] = {}
        others: dict[Path, str] = {}
        for entry in obj["metadata"].get("managedFields") or ():
            manager = entry.get("manager", "")
            fields = own if manager in self._managers else others
            fields.update(dict.fromkeys(_leaves(entry.get("fieldsV1") or {}), manager))
        return own, others

    def _described(self, obj: Object, taken: Mapping[Path, str]) -> str:
        fields: dict[str, str] = {}
        for path, manager in taken.items():
            names = [part[2:] for part in path if part.startswith("f:")]
            if not is_ignored(names, obj["kind"], self._ignored):
                fields.setdefault(".".join(names), manager)
        if not fields:
            return ""
        metadata = obj["metadata"]
        where = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        what = ", ".join([*fields][:_SHOWN]) + (f" (and {len(fields) - _SHOWN} more)" if len(fields) > _SHOWN else "")
        who = ", ".join(dict.fromkeys(fields.values()))
        return f"the operator overwrote {what} of {obj['kind']} {where}, which {who} had set"


def _sets_owner(fields: Iterable[Path]) -> bool:
    return any(path[:2] == _OWNERS for path in fields)


def _leaves(fields: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the paths of fields without fields in them; that a map or an item is there at all does not count.

    An item that has one owner as a whole has nothing in it, as owner references; others have a dot.
    """
    for name, inner in fields.items():
        if inner:
            yield from _leaves(inner, (*path, name))
        elif name != ".":
            yield (*path, name)
