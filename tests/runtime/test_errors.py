"""Exceptions survive a copy and a pickle, as where a test or a task runs in another process."""

from __future__ import annotations

import copy
import pickle

import pytest

from kaiwu_runtime import errors
from kaiwu_runtime.errors import (
    APIStatusError,
    CommandError,
    DecodeError,
    ExecInterruptedError,
    ForbiddenError,
    KaiwuError,
    RetryAfter,
)

PLAIN = [
    kind("the text")
    for name in errors.__all__
    if not issubclass(kind := getattr(errors, name), (APIStatusError, CommandError))
]
STATUS = [
    kind("the text", code=499, reason="Odd", details={"causes": []}, retry_after=1.5, warnings=["old"])
    for name in errors.__all__
    if issubclass(kind := getattr(errors, name), APIStatusError)
]
MORE = [
    CommandError(["sh", "-c", "exit 3"], 3, b"out", b"err"),
    DecodeError("bad", kind=int, namespace="x", name="a", decoded=[1]),
    ExecInterruptedError("gone", b"out", b"err"),
    ForbiddenError('User "x" cannot get resource "pods" in API group ""', code=403),
    RetryAfter("later", seconds=5),
]


@pytest.mark.parametrize("error", [*PLAIN, *STATUS, *MORE], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_and_a_copy_are_the_same(error: KaiwuError, protocol: int) -> None:
    error.add_note("a note")
    for again in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
