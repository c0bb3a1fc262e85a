"""Times as Kubernetes writes them.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

from datetime import UTC, datetime


def micro_time(moment: datetime) -> str:
    """Return a time as a MicroTime: the API server insists on six digits after the point.

    Args:
        moment: With a time zone.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
