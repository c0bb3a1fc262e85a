"""What a write did."""

from __future__ import annotations

import enum


class OperationResult(enum.Enum):
    """What `Client.apply_with_result` or `create_or_update` did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
