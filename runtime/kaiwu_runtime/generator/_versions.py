"""The order of API versions: v2 before v1 before v1beta2 before v1beta1 before v1alpha1, then all other names.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from kaiwu_runtime._names import API_VERSION

_VERSION = re.compile(API_VERSION)
_STABILITY = {"alpha": 0, "beta": 1, None: 2}
_OTHER = -1


def version_priority(version: str) -> tuple[int, ...]:
    """Return a sort key that puts the newest and most stable version last, and other names first, in reverse order."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return _OTHER, *(-ord(character) for character in version), 1
    return _STABILITY[match[2]], int(match[1]), int(match[3] or 0)


def stored_version(marks: Mapping[str, bool | None]) -> str | None:
    """Return the version of a kind that the API server stores: the one marked True, else the newest without a mark.

    Args:
        marks: What ``storage=`` of ``@resource`` says, by version; None where it says nothing.

    Returns:
        None when several are marked True, or all False.
    """
    marked = [version for version, mark in marks.items() if mark]
    if marked:
        return marked[0] if len(marked) == 1 else None
    return max((version for version, mark in marks.items() if mark is None), key=version_priority, default=None)
