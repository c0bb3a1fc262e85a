"""Which fields of an object belong to whom by an apply, as one number, and who applies its status.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import sys

import msgspec

from kaiwu_runtime.rest._deep_json import UNREADABLE


class _Entry(msgspec.Struct, rename="camel", gc=False):
    manager: str = ""
    operation: str = ""
    api_version: str = ""
    subresource: str = ""
    fields_v1: msgspec.Raw = msgspec.Raw()


_NONE = (0, "")
_decode = msgspec.json.Decoder(list[_Entry]).decode


def ownership(managed_fields: bytes) -> int:
    """Return a number that is equal for states of an object in which every apply owns the same fields; see `owners`."""
    return owners(managed_fields)[0]


def owners(managed_fields: bytes) -> tuple[int, str]:
    """Return what applies own in an object, and who applies its status.

    Args:
        managed_fields: The JSON of metadata.managedFields; may be empty.

    Returns:
        A number that is equal for states of an object in which every apply owns the same fields, 0 if none owns any.
        What clients own that update the object does not count, nor what belongs to the status: both change all the
        time. Then the field managers of applies of the status, a line each. For what cannot be read, 0 and no line.
    """
    if b'"Apply"' not in managed_fields:
        return _NONE
    try:
        entries = _decode(managed_fields)
    except UNREADABLE:
        return _NONE
    applies, appliers = [], []
    for entry in entries:
        if entry.operation != "Apply":
            continue
        if not entry.subresource:
            applies.append((entry.manager, entry.api_version, bytes(entry.fields_v1)))
        elif entry.subresource == "status":
            appliers.append(entry.manager)
    # Their order depends on their times.
    found = "\n".join(sorted(set(appliers))) if len(appliers) > 1 else "".join(appliers)
    return hash(frozenset(applies)) if applies else 0, sys.intern(found)
