"""Exceptions as sentences: the one place that turns an error into a line for a log, a message or a response.

What an error means and what to do about it is said where it is known: in the error itself, or in the module that
catches it.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from kaiwu_runtime._redaction import redact
from kaiwu_runtime.errors import CallbackError, KaiwuError

_MAX_CAUSES = 8
_MAX_MEMBERS = 3
_MAX_FIELDS = 3

written_patterns: dict[str, str] = {}
"""Patterns as pydantic checks them, and as the project wrote them: messages show the latter."""


def encodable(text: str) -> str:
    """Return a text with question marks for halves of surrogate pairs, as names of files may have: JSON has none."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def one_line(error: BaseException) -> str:
    """Return the text of an exception in one line; empty when its class cannot give one."""
    try:
        return encodable(" ".join(str(error).split()))
    except BaseException:  # noqa: BLE001 - an exception class of the user's
        return ""


def summary(error: BaseException) -> str:
    """Return the text of an exception in one line, or its class's name where it has no text."""
    return one_line(error) or type(error).__name__


def reason(error: BaseException) -> str:
    """Return in a few words why a file, a connection or a TLS handshake failed: ``Connection refused``."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {getattr(error, 'verify_message', '') or summary(error)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'reason', '') or summary(error)}"  # which Python's own instances have
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)  # asyncio's own words are "Connect call failed"
    return getattr(error, "strerror", "") or summary(error)


def describe(error: BaseException, *, depth: int = 3) -> str:
    """Return an error and what caused it, in one line, the causes last and credentials hidden.

    Args:
        error: The exception.
        depth: How many groups inside groups are spelled out.
    """
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and len(parts) < _MAX_CAUSES:
        if isinstance(current, CallbackError) and current.__cause__ is not None:
            current = current.__cause__
        text = one_line(current)
        if not isinstance(current, KaiwuError) or not text:
            text = f"{type(current).__name__}: {text}" if text else type(current).__name__
        if isinstance(current, BaseExceptionGroup) and depth > 0:
            members = [describe(member, depth=depth - 1) for member in current.exceptions[:_MAX_MEMBERS]]
            text += f" [{'; '.join(members)}{'; ...' if len(current.exceptions) > _MAX_MEMBERS else ''}]"
        parts.append(text)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return redact("; caused by ".join(parts))


def invalid_fields(found: Sequence[Mapping[str, Any]]) -> str:
    """Return pydantic's errors in one line, each with its field first; never the values, which may be secret.

    Args:
        found: What ``ValidationError.errors()`` returned, with the errors' context.
    """
    lines = [f"{'.'.join(str(part) for part in item['loc']) or '(object)'}: {_message(item)}" for item in found]
    return "; ".join(lines[:_MAX_FIELDS]) + (
        f" and {len(lines) - _MAX_FIELDS} more" if len(lines) > _MAX_FIELDS else ""
    )


def _message(item: Mapping[str, Any]) -> str:
    message: str = item["msg"]
    if item["type"] != "string_pattern_mismatch":
        return message
    pattern = item["ctx"]["pattern"]
    return message.replace(pattern, written_patterns.get(pattern, pattern))
