"""What differs from run to run and says nothing about an operator: uids, times, and names that a server generates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kaiwu_runtime import _clock as clock

TIME, UID = "(time)", "(uid)"

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_UID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])")
_RANDOM_HEX = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9a-f])")
"""A uid without its hyphens; another digest is one of these only by chance."""

_DIGITS = re.compile(
    r"(?<![0-9A-Za-z.])(?:\d{8}[T_-]?\d{4}(?:\d\d)?Z?|(?:\d{10}|\d{13}|\d{16}|\d{19})(?:\.\d+)?)(?![0-9A-Za-z])"
)
_RECENT = timedelta(days=2)
_EPOCH, _LATEST = 1e9, 1e11
_SUFFIX = 5
_HASHES = ("pod-template-hash", "controller-revision-hash", "controller.kubernetes.io/hash")
_HASH = "(hash)"
_DEEPEST = 3


class Masks:
    """Replaces what differs from run to run.

    Args:
        names: What stands for a uid, a generated name, or another value that a server gave out.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        words = sorted((name for name in names if not _UID.fullmatch(name)), key=len, reverse=True)
        pattern = "|".join(map(re.escape, words))
        self._words = re.compile(f"(?<![0-9A-Za-z])(?:{pattern})(?![0-9A-Za-z])") if words else None

    def text(self, value: str) -> str:
        """Return a text in which uids, times and generated names are equal in all runs."""
        value = _TIME.sub(TIME, value)
        value = _UID.sub(lambda found: self._names.get(found[0], UID), value)
        value = _RANDOM_HEX.sub(UID, value)
        value = _DIGITS.sub(lambda found: TIME if _is_recent(found[0]) else found[0], value)
        return self._words.sub(lambda found: self._names[found[0]], value) if self._words is not None else value

    def number(self, value: float) -> float | str:
        """Return a number, or what stands for a port that was given out or for the present time since 1970."""
        if abs(value) >= _EPOCH:
            return TIME if _is_recent(repr(value)) else value
        return self._names.get(repr(value), value)


class Volatile:
    """Remembers the generated names of a run; what names one may still be there when the object is gone.

    Args:
        allocates: The API server gives addresses and ports to Services.
    """

    def __init__(self, *, allocates: bool = False) -> None:
        self._allocates = allocates
        self._names: dict[str, str] = {}

    def note(self, obj: Mapping[str, Any]) -> None:
        """Note an object as it was stored at some time."""
        metadata = obj["metadata"]
        name, prefix = str(metadata["name"]), str(metadata.get("generateName") or "")
        if prefix and name.startswith(prefix):
            self._names[name] = f"{prefix}*"
        elif prefix and prefix.startswith(name[:-_SUFFIX]):  # a long one is cut
            self._names[name] = f"{name[:-_SUFFIX]}*"

    def masks(self, objects: Iterable[Mapping[str, Any]]) -> Masks:
        """Return what to replace, given the objects there are."""
        objects = list(objects)
        for obj in objects:
            self.note(obj)
        names = dict(self._names)
        for obj in objects:
            metadata = obj["metadata"]
            named = f"{obj['kind']} {metadata['name']}"
            uid = _UID.fullmatch(metadata["uid"])
            parts = (uid[0], uid[0].partition("-")[0]) if uid else ()  # names are made of the first part, too
            names |= dict.fromkeys(parts, f"(uid of {named})")
            names |= dict.fromkeys(_hashes(metadata.get("labels") or {}), _HASH)
            if obj["kind"] == "Service" and self._allocates:
                names |= dict.fromkeys(_allocated(obj.get("spec") or {}), f"(allocated to {named})")
        found = Masks(names)
        for _ in range(_DEEPEST):  # names are made of names
            names = {name: found.text(value) for name, value in names.items()}
            found = Masks(names)
        return found


def _hashes(labels: Mapping[str, str]) -> Iterator[str]:
    """Yield hashes of templates, which differ where a template has a generated name."""
    for name in _HASHES:
        if name in labels:
            yield labels[name].rpartition("-")[2]


def _allocated(service: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses and ports of a Service."""
    ports = [each.get("nodePort") for each in service.get("ports") or ()]
    for value in (service.get("clusterIP"), *(service.get("clusterIPs") or ()), *ports):
        if value and value != "None":
            yield str(value)


def _is_recent(digits: str) -> bool:
    """Return whether digits are a time of these days: since 1970, or a date and a time without colons."""
    try:
        found = datetime.fromtimestamp(_seconds(digits), UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return any(abs(found - now) <= _RECENT for now in (datetime.now(UTC), clock.now()))


def _seconds(digits: str) -> float:
    plain = re.sub(r"[TZ_-]", "", digits)
    whole = plain.partition(".")[0]
    if len(whole) in {12, 14}:
        form = "%Y%m%d%H%M%S" if len(whole) == 14 else "%Y%m%d%H%M"
        return datetime.strptime(whole, form).replace(tzinfo=UTC).timestamp()
    found = float(plain)
    while found > _LATEST:  # in milliseconds, microseconds or nanoseconds
        found /= 1000
    return found
