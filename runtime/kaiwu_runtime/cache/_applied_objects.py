"""Applies that would change nothing, found by what was applied before and by what the cache shows.

An apply is known to change nothing if the same body was applied before, and the object has the same content and the
same ownership of fields as right after that. The content is everything but the status, where that is a subresource, and
what the API server counts with: so an object whose status changes all the time needs no write, and a field that another
client has changed is put right, also if the client then put the old value back: the field manager no longer owns the
field, so a later apply would not remove it.
Where the kind has no status subresource, equal content is an equal resourceVersion.

An object that is deleted and created again has another uid, which is part of the content.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from kaiwu_runtime._clock import monotonic
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._object import CachedObject, without_managed_fields
from kaiwu_runtime.cache._ownership import ownership
from kaiwu_runtime.client._apply_body import kept_version
from kaiwu_runtime.client._subresources import has_status_subresource
from kaiwu_runtime.rest._deep_json import UNREADABLE

RESEND_SECONDS = 3600.0
"""How long an apply may be left out: defaults and admission webhooks of the API server change without the objects."""

_MOST = 1 << 17
"""Maximum number of objects that are remembered, 250 bytes for each manager; to apply one once more does no harm."""

_MOST_MANAGERS = 4
"""Maximum number of field managers of an object whose applies are remembered."""

_type_names = re.compile(rb'\{(?:"(?:kind|apiVersion)":"[^"\\]*",)+').match
"""Finds kind and apiVersion at the start, which a list of a built-in kind does not have."""


class _Metadata(msgspec.Struct, rename="camel"):
    managed_fields: msgspec.Raw = msgspec.Raw()


class _Record(msgspec.Struct, gc=False):
    """What is remembered of an apply: hashes of it and of the content."""

    manager: str
    body: int
    content: int
    until: float
    other: _Record | None
    """Of another field manager."""


class _Object(msgspec.Struct):
    metadata: _Metadata
    status: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Object).decode


class Finder(Protocol):
    """Finds what the cache has of an object."""

    def whole(self, kind: type[Any], key: ObjectKey) -> CachedObject | None:
        """Return the object, or None where the cache has it not, or not all of it."""


class AppliedObjects:
    """Remembers the last applies to each object, by hash; an :class:`~kaiwu_runtime.client._applied.AppliedRecords`.

    Args:
        finder: Finds the objects.
        resend_seconds: How long an apply may be left out; each time differs by up to a tenth.
        clock: Monotonic clock in seconds, for tests.
    """

    def __init__(
        self, finder: Finder, *, resend_seconds: float = RESEND_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self.finder = finder
        self._resend_seconds = resend_seconds
        self._clock = clock
        self._records: dict[int, _Record] = {}

    def unchanged(self, kind: type[Any], key: ObjectKey, path: str, manager: str, body: bytes) -> bytes | None:
        """Return the stored object if an apply would leave it as it is, else None."""
        record = self._records.get(_place(path))
        while record is not None and record.manager != manager:
            record = record.other
        # Python's hash of bytes is SipHash with a key of the process: values that collide cannot be chosen.
        if record is None or record.body != hash(body) or record.until < self._clock():
            return None
        cached = self.finder.whole(kind, key)
        if cached is None:
            return None
        # Not by the resourceVersion alone: after etcd was restored from a backup, one may be given a second time.
        content = _content(kind, cached.raw, cached.resource_version, cached.ownership)
        return cached.raw if content == record.content else None

    def sent(self, kind: type[Any], path: str, manager: str, body: bytes, answer: bytes) -> str:
        """Remember an apply, and the object that the API server answered with, whose resourceVersion is returned."""
        version = kept_version(answer)
        content = _content(kind, answer, version) if version else None
        if content is None:
            return version
        place = _place(path)
        other = _without(self._records.pop(place, None), manager)  # or it would keep its place in the order
        if len(self._records) >= _MOST:
            del self._records[next(iter(self._records))]
        seconds = self._resend_seconds * random.uniform(0.9, 1.1)  # noqa: S311 - not all at the same time
        until = self._clock() + seconds
        self._records[place] = _Record(manager, hash(body), content, until, other)
        return version

    def forget(self, path: str, manager: str = "") -> None:
        """See :class:`~kaiwu_runtime.client._applied.AppliedRecords`."""
        if not path:
            self._records.clear()
            return
        place = _place(path)
        record = self._records.pop(place, None)
        kept = _without(record, manager) if manager else None
        if kept is not None:
            self._records[place] = kept


def _without(record: _Record | None, manager: str) -> _Record | None:
    """Return the records of the other field managers, the latest first, and not more of them than there is room for."""
    found = []
    while record is not None:
        if record.manager != manager:
            found.append(record)
        record = record.other
    kept = None
    for each in reversed(found[: _MOST_MANAGERS - 1]):
        each.other, kept = kept, each
    return kept


def _place(path: str) -> int:
    """Return a value that is equal for the paths of an object in all API versions of its kind."""
    if path.startswith("/apis/"):
        _, _, group, _, rest = path.split("/", 4)
        return hash((group, rest))
    return hash(path.split("/", 3)[-1])


def _content(kind: type[Any], stored: bytes, version: str, owned: int | None = None) -> int | None:
    """Return a value that is equal for states of an object with equal content; None if it cannot be read.

    What does not count is cut out of the bytes, which costs a third of taking them apart. A cut at a wrong place, in a
    field of that name and value before the metadata, makes contents differ that do not; never the other way round.

    Args:
        kind: Of the object.
        stored: Its JSON.
        version: Its resourceVersion.
        owned: The ownership of its fields; None to take it from the JSON.
    """
    separate_status = has_status_subresource(kind)  # type: ignore[arg-type]  # a class is hashable
    if separate_status is False:
        return hash(version)  # which only a change of the content changes
    try:
        found = _decode(stored)
    except UNREADABLE:
        return None
    managed_fields = found.metadata.managed_fields
    if owned is None:
        owned = ownership(bytes(managed_fields))
    stored = stored.rstrip(b"\n")  # with which an answer ends, and an object of a watch does not
    names = _type_names(stored)
    if names is not None:
        stored = b"{" + stored[names.end() :]
    if managed_fields:
        stored = without_managed_fields(stored, bytes(managed_fields))
    stored = stored.replace(b'"resourceVersion":"%s"' % version.encode(), b"", 1)
    if found.status and separate_status:
        status = b',"status":' + bytes(found.status)
        if stored.endswith(status + b"}"):  # as the API server writes most objects
            stored = stored[: -len(status) - 1] + b"}"
        elif stored.count(status) == 1:
            stored = stored.replace(status, b"", 1)
        else:  # a field like it could have moved
            return None
    return hash((stored, owned))
