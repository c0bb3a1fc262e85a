"""Convert failed responses and broken connections to errors, and decide whether to retry the request."""

from __future__ import annotations

import math
import random
from typing import Any

import msgspec

from kaiwu_runtime._status import error_from_status
from kaiwu_runtime.config._route import ProxyError
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.rest._connection import BrokenConnectionError
from kaiwu_runtime.rest._deep_json import UNREADABLE
from kaiwu_runtime.rest._response import Response
from kaiwu_runtime.rest._warnings import parse_warnings

CONNECTION_ERRORS = (BrokenConnectionError, ProxyError, OSError)
"""The exceptions that a connection raises."""

QUOTED_BYTES = 4096
"""Bytes of a body without a Status that its error quotes from."""

_status_decoder = msgspec.json.Decoder(dict[str, Any])


def refusal(method: str, path: str, response: Response, body: bytes) -> APIStatusError:
    """Return the error for a response with status 300 or above; it quotes the first words of a proxy's page."""
    try:
        status = _status_decoder.decode(body)
    except UNREADABLE:
        text = " ".join(body[:QUOTED_BYTES].decode(errors="replace").split())[:300]
        status = {"message": f"{method} {path}: {text or response.status}"}
    warnings = parse_warnings(response.headers)
    return error_from_status(status, code=response.status, retry_after=_retry_after(response), warnings=warnings)


def pause_before_retry(error: APIStatusError) -> float | None:
    """Return the seconds to wait before the request is retried, or None if it must not be retried."""
    if error.retry_after is None or (error.code != 429 and error.code < 500):
        return None
    # With jitter, so that clients that were rejected at the same time do not retry at the same time.
    return error.retry_after * random.uniform(1.0, 1.1)  # noqa: S311


def is_broken(cause: BaseException | None) -> bool:
    """Return whether an established connection broke, unlike a refused connection, a bad certificate or a time-out."""
    return isinstance(cause, BrokenConnectionError)


def _retry_after(response: Response) -> float | None:
    try:
        seconds = float(response.header(b"retry-after") or "")
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
