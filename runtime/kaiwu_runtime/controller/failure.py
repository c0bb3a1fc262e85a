"""What a reconcile that raised has to say."""

from __future__ import annotations

from kaiwu_runtime.errors import APIConnectionError, KaiwuError, ServerError, TooManyRequestsError

OUTAGES = (APIConnectionError, ServerError, TooManyRequestsError)
"""Failures of the server: a stack for each of a thousand objects would say nothing about the reconciler."""


def describe(error: BaseException) -> str:
    """Return an error and what caused it, in one line, the causes last."""
    parts: list[str] = []
    current: BaseException | None = error
    while current is not None and len(parts) < 8:
        text = " ".join(str(current).split())
        if not isinstance(current, KaiwuError) or not text:
            text = f"{type(current).__name__}: {text}" if text else type(current).__name__
        parts.append(text)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "; caused by ".join(parts)
