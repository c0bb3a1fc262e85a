"""The lines of a watch: changes as a watch with selectors sees them, bookmarks, and the error of an old version.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._refusals import refusal
from kaiwu_runtime.testing._storage import COMPACT, Change

Selects = Callable[[dict[str, Any]], bool]


def watch_event(change: Change, selects: Selects) -> bytes | None:
    """Return a change as a watch with selectors sees it, or None when it does not see it.

    An object that begins to match was added, and one that ceases to was deleted.
    """
    was = change.before is not None and selects(change.before)
    now = change.after is not None and selects(change.after)
    if now:
        return json.dumps({"type": "MODIFIED" if was else "ADDED", "object": change.after}, separators=COMPACT).encode()
    if was and change.before is not None:
        gone = {**change.before, "metadata": {**change.before["metadata"], "resourceVersion": str(change.version)}}
        return json.dumps({"type": "DELETED", "object": gone}, separators=COMPACT).encode()
    return None


def bookmark_line(kind: FakeKind, version: int) -> bytes:
    """Return a bookmark.

    Args:
        kind: What is watched.
        version: The resourceVersion up to which every change was sent.
    """
    # With the null that older API servers write, so that clients are tested with it.
    obj = {
        "apiVersion": kind.identity.api_version,
        "kind": kind.identity.kind,
        "metadata": {"resourceVersion": str(version), "creationTimestamp": None},
    }
    return json.dumps({"type": "BOOKMARK", "object": obj}).encode()


def expired_line(version: str) -> bytes:
    """Return the error that ends a watch from a version that is too old."""
    expired = refusal(410, f"too old resource version: {version}")
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": str(expired)}
    return json.dumps({"type": "ERROR", "object": status}).encode()


def check_watch_options(params: Mapping[str, str]) -> None:
    """Reject the options of a watch that the fake API server does not support.

    Raises:
        InvalidError: The watch is to begin with a list.
    """
    if "sendInitialEvents" in params:
        raise refusal(422, "sendInitialEvents: Forbidden: the fake API server offers no streaming lists")
