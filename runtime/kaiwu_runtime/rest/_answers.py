"""Read the body of an answer, which may be another program's: a proxy that asks for a login, for instance."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._deep_json import UNREADABLE

T = TypeVar("T")


def read_answer(decoder: msgspec.json.Decoder[T], answer: bytes, what: str) -> T:
    """Return the content of an answer.

    Args:
        decoder: Of what is expected.
        answer: The body.
        what: Names the request in errors.

    Raises:
        APIConnectionError: It is something else. The error can be retried, as for no answer at all.
    """
    try:
        return decoder.decode(answer)
    except UNREADABLE as error:
        raise unexpected(what, error) from None


def unexpected(what: str, error: Exception) -> APIConnectionError:
    """Return the error for an answer that is not what an API server sends.

    Args:
        what: Names the request.
        error: Why it could not be read; it does not quote the answer.
    """
    return APIConnectionError(f"{what}: the answer is not an API server's ({error})")
