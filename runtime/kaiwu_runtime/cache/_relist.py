"""When a watch that is rejected gives up the version it starts from, and lists again."""

from __future__ import annotations

from kaiwu_runtime._unsigned import unsigned
from kaiwu_runtime.errors import APIStatusError, KaiwuError

RELIST_AFTER_FAILURES = 3
"""Number of rejections in a row."""


def gives_up_version(error: KaiwuError, failures: int) -> bool:
    """Return whether a new list may solve a failure; not for missing permissions, overload or an unreachable server.

    An API server whose etcd was restored from a backup, for instance, rejects versions that it has not reached yet.

    Args:
        error: The failure.
        failures: How many there were in a row.
    """
    blames_version = isinstance(error, APIStatusError) and error.code not in {401, 403, 404, 429, 503}
    return blames_version and failures % RELIST_AFTER_FAILURES == 0


def went_back(version: str, bookmark: str) -> bool:
    """Return whether a bookmark is older than what was seen before it: etcd was restored from a backup.

    The API server lets a watch wait at a version that it has not reached yet, and what happens until then is lost.

    Args:
        version: The last resourceVersion of the watch.
        bookmark: That of the bookmark.
    """
    seen, told = unsigned(version), unsigned(bookmark)
    return seen is not None and told is not None and told < seen
