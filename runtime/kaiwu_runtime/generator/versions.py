"""The order of API versions: v2 before v1 before v1beta2 before v1beta1 before v1alpha1.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority
"""

from __future__ import annotations

import re

_VERSION = re.compile(r"v([0-9]+)(?:(alpha|beta)([0-9]+))?")
_STABILITY = {"alpha": 0, "beta": 1, None: 2}


def version_priority(version: str) -> tuple[int, int, int]:
    """Return a key by which the newest and most stable version sorts last.

    Raises:
        ValueError: It is no version such as ``v1`` or ``v1beta1``.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"{version!r} is no API version such as v1 or v1beta1")
    return _STABILITY[match[2]], int(match[1]), int(match[3] or 0)
