"""Names of fields as CEL writes them.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from __future__ import annotations

import re

_WORDS = (
    "true false null in as break const continue else for function if import let loop package namespace return var "
    "void while"
)
_RESERVED = frozenset(_WORDS.split())
_WRITABLE = re.compile(r"[A-Za-z_.\-/][A-Za-z0-9_.\-/]*")


def cel_name(key: str) -> str | None:
    """Return a field name as CEL writes it, with what has another use escaped; None if CEL cannot write it."""
    if not _WRITABLE.fullmatch(key):
        return None
    if key in _RESERVED:
        return f"__{key}__"
    escaped = key.replace("__", "__underscores__")
    return escaped.replace(".", "__dot__").replace("-", "__dash__").replace("/", "__slash__")
