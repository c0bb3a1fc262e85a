"""One line of a watch.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from typing import Any

import msgspec

from kaiwu_runtime._status import error_from_status
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.rest._deep_json import members

_END_OF_INITIAL_EVENTS = "k8s.io/initial-events-end"


class WatchEvent(msgspec.Struct):
    """An event as it is sent.

    Attributes:
        type: ``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK`` or ``ERROR``.
        object: The object, a bookmark, or a Status.
    """

    type: str
    object: msgspec.Raw

    def error(self) -> APIStatusError:
        """Return the failure that an ``ERROR`` stands for."""
        status = _status_decoder.decode(self.object)
        return error_from_status(status, code=int(status.get("code") or 500))

    def bookmark(self) -> Bookmark:
        """Return the content of a ``BOOKMARK``."""
        metadata = _bookmark_decoder.decode(self.object).metadata
        return Bookmark(metadata.resource_version, _END_OF_INITIAL_EVENTS in (metadata.annotations or {}))


class Bookmark(msgspec.Struct, frozen=True):
    """The progress of a watch.

    Attributes:
        version: The resourceVersion to resume from; may be empty.
        ends_initial_events: Everything that existed at the start of a streaming list has been sent.
    """

    version: str
    ends_initial_events: bool


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


# A bookmark carries null where an object's fields are required: only this is ever read of it.
class _BookmarkObject(msgspec.Struct):
    metadata: _Metadata


UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)
"""What reading raises when the bytes are not what the API server's documentation says."""

_parse_line = msgspec.json.Decoder(WatchEvent).decode
_CHANGES = {b'{"type":"%s"' % kind.encode(): kind for kind in ("ADDED", "MODIFIED", "DELETED")}


def split_change(line: bytes) -> tuple[str, bytes] | None:
    """Return type and object of a change that is written as the API server writes it; None for any other line.

    The object is not read, which would be done twice otherwise: what is returned is an event if, and only if, it is
    JSON.
    """
    head, _, rest = line.partition(b',"object":')
    kind = _CHANGES.get(head)
    return (kind, rest[:-1]) if kind is not None and rest.startswith(b"{") and rest.endswith(b"}}") else None


def parse_line(line: bytes) -> WatchEvent:
    """Read a line, however deep its object is nested.

    Raises:
        msgspec.MsgspecError: It is not an event.
    """
    try:
        return _parse_line(line)
    except RecursionError:
        parts = members(line)
        return WatchEvent(
            msgspec.json.decode(parts.get("type", b'""'), type=str), msgspec.Raw(parts.get("object", b"null"))
        )


_bookmark_decoder = msgspec.json.Decoder(_BookmarkObject)
_status_decoder = msgspec.json.Decoder(dict[str, Any])
