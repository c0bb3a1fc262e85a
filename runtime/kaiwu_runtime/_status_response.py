"""A Status object as an exception carries it: its fields, its causes, and its text.

See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kaiwu_runtime._missing_field import missing_field
from kaiwu_runtime._missing_rule import missing_rule


class StatusResponse(Exception):  # noqa: N818 - the part of kaiwu_runtime.errors.APIStatusError that holds the Status
    """The Status object of a response; see :class:`~kaiwu_runtime.errors.APIStatusError`."""

    def __init__(
        self,
        message: str,
        *,
        code: int,
        reason: str = "",
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.details = details or {}
        self.retry_after = retry_after
        self.warnings = tuple(warnings)

    def __str__(self) -> str:
        hint = missing_rule(self.message) if self.code == 403 else missing_field(self.message)
        return "; ".join(
            text for text in (self.message, hint, *(f"the API server warns: {text}" for text in self.warnings)) if text
        )

    def has_cause(self, reason: str) -> bool:
        """Return whether one of the causes in `details` has a reason, for example ``NamespaceTerminating``."""
        return any(cause.get("reason") == reason for cause in causes_in(self.details))


def causes_in(details: object) -> list[dict[str, Any]]:
    """Return the causes in the ``details`` of a Status; what has another form is left out, since a proxy may send any.

    Args:
        details: JSON from outside.
    """
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
