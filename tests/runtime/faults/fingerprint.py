"""One short text per object that is equal where, and only where, the objects are."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def fingerprint(document: dict[str, Any]) -> str:
    """Return identity, version and digest of an object's content.

    Left out is what depends on the way it was read: lists have no apiVersion and kind in their items, and the cache
    keeps no managedFields.
    """
    metadata = {name: value for name, value in document["metadata"].items() if name != "managedFields"}
    content = {name: value for name, value in document.items() if name not in {"apiVersion", "kind"}}
    text = json.dumps({**content, "metadata": metadata}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"{metadata['uid']}/{metadata['resourceVersion']}/{digest}"
