"""From a Status object, or a response without one, to the exception for it.

See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kaiwu_runtime.errors import (
    AlreadyExistsError,
    APIStatusError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
)

REASONS: Mapping[int, str] = MappingProxyType(
    {
        400: "BadRequest",
        401: "Unauthorized",
        403: "Forbidden",
        404: "NotFound",
        405: "MethodNotAllowed",
        409: "Conflict",
        410: "Expired",
        413: "RequestEntityTooLarge",
        415: "UnsupportedMediaType",
        422: "Invalid",
        429: "TooManyRequests",
        500: "InternalError",
        503: "ServiceUnavailable",
        504: "Timeout",
    }
)
"""The usual reason of a Status object for each status code."""

MAX_MESSAGE = 64 << 10
"""Maximum characters of a message: it goes into logs, at each try."""

_BY_CODE: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: TooManyRequestsError,
}


def error_from_status(
    status: dict[str, Any], *, code: int, retry_after: float | None = None, warnings: Sequence[str] = ()
) -> APIStatusError:
    """Return the typed error for a Status object, or for a proxy's response without one.

    Args:
        status: The decoded Status; an empty dictionary if the body was not a Status.
        code: HTTP status code of the response, or the Status's own code for an ERROR event of a watch.
        retry_after: Seconds from the Retry-After header, or None.
        warnings: Texts of the Warning headers.
    """
    # JSON from a proxy may have any value anywhere.
    reason, message, details = status.get("reason"), status.get("message"), status.get("details")
    reason = reason if isinstance(reason, str) else ""
    message = message if isinstance(message, str) and message else f"the API server answered {code}"
    if len(message) > MAX_MESSAGE:
        message = f"{message[:MAX_MESSAGE]}..."
    if reason == "AlreadyExists":
        kind: type[APIStatusError] = AlreadyExistsError
    elif reason == "Expired":
        kind = GoneError
    else:
        kind = _BY_CODE.get(code, ServerError if code >= 500 else APIStatusError)
    known = details if isinstance(details, dict) else None
    return kind(message, code=code, reason=reason, details=known, retry_after=retry_after, warnings=warnings)
