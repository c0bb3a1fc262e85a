"""Which fields of an object belong to whom by an apply, as one number.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import msgspec

from kaiwu_runtime.rest._deep_json import UNREADABLE


class _Entry(msgspec.Struct, rename="camel", gc=False):
    manager: str = ""
    operation: str = ""
    api_version: str = ""
    subresource: str = ""
    fields_v1: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(list[_Entry]).decode


def ownership(managed_fields: bytes) -> int:
    """Return a number that is equal for states of an object in which every apply owns the same fields.

    What clients own that update the object does not count, nor what belongs to the status: both change all the time.

    Args:
        managed_fields: The JSON of metadata.managedFields; may be empty.

    Returns:
        0 if no apply owns a field, and for what cannot be read.
    """
    if b'"Apply"' not in managed_fields:
        return 0
    try:
        entries = _decode(managed_fields)
    except UNREADABLE:
        return 0
    # Their order depends on their times.
    applies = frozenset(
        (entry.manager, entry.api_version, bytes(entry.fields_v1))
        for entry in entries
        if entry.operation == "Apply" and not entry.subresource
    )
    return hash(applies) if applies else 0
