"""What an exception means does not depend on how it is wrapped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime._callback import contained
from kaiwu_runtime._error_text import describe
from kaiwu_runtime.controller._failure import fingerprint, is_panic, meaning
from kaiwu_runtime.errors import (
    APIConnectionError,
    CallbackError,
    ConflictError,
    NotFoundError,
    ServerError,
    TerminalError,
    TooManyRequestsError,
)

MEANT: list[Callable[[], Exception]] = [
    lambda: TerminalError("give up"),
    lambda: ConflictError("changed", code=409),
    lambda: APIConnectionError("no answer"),
    lambda: ServerError("etcd", code=500),
    lambda: TooManyRequestsError("slowly", code=429),
]


def caused(error: BaseException) -> Exception:
    outer = RuntimeError("cannot do it")
    outer.__cause__ = error
    return outer


def grouped(error: BaseException) -> BaseException:
    return BaseExceptionGroup("unhandled errors in a TaskGroup", [error])


def twice(error: Exception) -> Exception:
    return ExceptionGroup("two of a kind", [error, type(error)("another", **_code(error))])


def _code(error: Exception) -> dict[str, int]:
    return {"code": error.code} if hasattr(error, "code") else {}


WRAPPING = st.lists(st.sampled_from([caused, grouped, twice]), max_size=5)


@given(st.sampled_from(MEANT), WRAPPING)
def test_a_meaning_survives_groups_and_causes(make: Callable[[], Exception], wrapping: list[Callable]) -> None:  # type: ignore[type-arg]
    plain = make()
    error: BaseException = plain
    for wrap in wrapping:
        error = caused(error) if wrap is twice and error is not plain else wrap(error)
    assert type(meaning(error)) is type(plain)
    assert not is_panic(error)
    assert "\n" not in describe(error)


@pytest.mark.parametrize(
    "other", [APIConnectionError("no answer"), ValueError("no"), NotFoundError("gone", code=404)], ids=type
)
def test_what_has_to_be_retried_makes_its_group_retried(other: Exception) -> None:
    group = ExceptionGroup("both", [TerminalError("give up"), other])
    assert not isinstance(meaning(group), TerminalError)


def test_the_outermost_meaning_counts() -> None:
    conflict = ConflictError("changed", code=409)
    conflict.__cause__ = TerminalError("inner")
    assert meaning(conflict) is conflict


def test_what_was_handled_before_means_nothing() -> None:
    def cleanup() -> None:
        try:
            raise TerminalError("handled")
        except TerminalError:
            raise ValueError("in the cleanup")  # noqa: B904 - the case that is tested

    with pytest.raises(ValueError, match="cleanup") as caught:
        cleanup()
    assert meaning(caught.value) is caught.value


class OwnKeyError(KeyError):
    pass


class BackendError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Frozen:
    field: int = 1


def stop_iteration() -> BaseException:
    async def work() -> None:
        raise StopIteration

    try:
        work().send(None)
    except RuntimeError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "panic"),
    [
        (TypeError(), True),
        (AttributeError(), True),
        (NameError(), True),
        (UnboundLocalError(), True),
        (KeyError("a"), True),
        (IndexError(), True),
        (ZeroDivisionError(), True),
        (OverflowError(), True),
        (AssertionError(), True),
        (RecursionError(), True),
        (NotImplementedError(), True),
        (MemoryError(), True),
        (contained(SystemExit(1)), True),
        (CallbackError("x"), True),
        (stop_iteration(), True),
        (ExceptionGroup("g", [BackendError(), ExceptionGroup("h", [TypeError()])]), True),
        (BackendError("503"), False),
        (OwnKeyError("raised on purpose"), False),
        (ValueError(), False),
        (RuntimeError("backend is down"), False),
        (OSError(), False),
        (TimeoutError(), False),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "x"), False),
        (ExceptionGroup("g", [BackendError(), OSError()]), False),
    ],
    ids=repr,
)
def test_a_panic_is_a_mistake_in_the_code(error: BaseException, panic: bool) -> None:
    assert is_panic(error) is panic


def test_the_place_makes_a_fingerprint_and_the_text_does_not() -> None:
    def fail(text: str) -> BaseException:
        try:
            raise ValueError(text)
        except ValueError as error:
            return error

    def elsewhere() -> BaseException:
        try:
            raise ValueError("one")
        except ValueError as error:
            return error

    assert fingerprint(fail("one")) == fingerprint(fail("two"))
    assert fingerprint(fail("one")) != fingerprint(elsewhere())
