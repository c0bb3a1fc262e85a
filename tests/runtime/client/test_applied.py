"""Which failed writes may have been stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.client._applied import WriteAttempt
from kaiwu_runtime.errors import APIConnectionError, APIError, ConflictError, CredentialsError, DecodeError, ServerError
from kaiwu_runtime.testing import FakeTransport

KEY = ObjectKey("x", "a")


class Doubts:
    """An observer that counts the doubts."""

    def __init__(self) -> None:
        self.found: list[ObjectKey] = []

    def doubts(self, kind: type[Any], key: ObjectKey) -> dict[Any, Any]:
        return {}

    def stored(
        self, kind: type[Any], key: ObjectKey, answer: bytes, version: str = "", doubts: Mapping[Any, Any] | None = None
    ) -> None:
        return None

    def in_doubt(self, kind: type[Any], key: ObjectKey) -> None:
        self.found.append(key)

    def deleted(self, kind: type[Any], key: ObjectKey, answer: bytes) -> None:
        return None


def unsent(error: BaseException) -> BaseException:
    error.in_doubt = False  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "begun", "in_doubt"),
    [
        (APIConnectionError("reset"), False, True),
        (unsent(APIConnectionError("refused")), False, False),
        (ServerError("failed", code=500), False, True),
        (ConflictError("changed", code=409), False, False),
        (ConflictError("changed", code=409), True, True),
        (CredentialsError("none"), False, False),
        (APIError("not sent: this process has given up its leadership"), False, False),
        (DecodeError("unfit"), False, False),
        (asyncio.CancelledError(), False, True),
        (unsent(asyncio.CancelledError()), False, False),
        (unsent(asyncio.CancelledError()), True, True),
        (RuntimeError("of a transport"), False, True),
        (None, True, False),
    ],
    ids=repr,
)
def test_what_may_be_stored(error: BaseException | None, begun: bool, in_doubt: bool) -> None:
    doubts = Doubts()
    with suppress(BaseException), WriteAttempt(doubts, FakeTransport, KEY, begun=begun):
        if error is not None:
            raise error
    assert bool(doubts.found) is in_doubt
