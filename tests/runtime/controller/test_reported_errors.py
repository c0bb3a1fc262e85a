"""What a controller logs and counts of the errors that its reconciler raises."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

import pytest

from kaiwu_runtime import ObjectKey, Request, RetryAfter, TerminalError
from kaiwu_runtime._error_text import describe
from kaiwu_runtime.errors import (
    APIConnectionError,
    ConflictError,
    ForbiddenError,
    KaiwuError,
    MethodNotAllowedError,
    NotFoundError,
    ServerError,
)
from kaiwu_runtime.testing import virtual_time

from .reconcilers import KEY, Asynchronous, running, until

OWNED = ConflictError(
    'conflict with "other-operator": .spec.replicas',
    code=409,
    reason="Conflict",
    details={"causes": [{"reason": "FieldManagerConflict", "field": ".spec.replicas"}]},
)


GOING = 'gauges.example.com "a" is forbidden: create not allowed while custom resource definition is terminating'
EMPTYING = {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}
DENIED = 'gauges.example.com "a" is forbidden: User "u" cannot patch resource "gauges" in API group "example.com"'
STALE = ConflictError("the object has been modified", code=409, reason="Conflict")


@pytest.mark.parametrize(
    ("error", "runs", "loud"),
    [
        pytest.param(STALE, 3, 0, id="a few conflicts are not errors"),
        pytest.param(STALE, 7, 2, id="conflicts without end are"),
        pytest.param(OWNED, 3, 3, id="a field of another owner is an error from the first conflict on"),
    ],
)
async def test_which_conflicts_are_told(
    error: ConflictError, runs: int, loud: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(_: Request) -> None:
        if reconciler.runs <= runs:
            raise error

    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: "success" in metrics.results)
        assert controller.queue.failures(KEY) == 0
    assert sum(record.levelno >= logging.ERROR for record in caplog.records) == loud


class Uncounted:
    """A rate limiter that counts no failures, as TokenBucket does."""

    def when(self, _: object) -> float:
        return 0.001

    def forget(self, _: object) -> None: ...

    def failures(self, _: object) -> int:
        return 0


async def test_conflicts_without_end_are_told_whatever_the_rate_limiter_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(_: Request) -> None:
        if reconciler.runs not in {4, 12}:  # the first three are followed by a success
            raise STALE

    reconciler = Asynchronous(work)
    async with running(reconciler, rate_limiter=Uncounted()) as (controller, metrics):
        for successes in (1, 2):
            controller.queue.add(KEY)
            await until(lambda: metrics.results.count("success") == successes)  # noqa: B023
    told = [record.failures for record in caplog.records if record.levelno >= logging.ERROR]  # type: ignore[attr-defined]
    assert told == [6, 7]


async def test_a_description_says_how_long_a_reconcile_takes_on_the_clock_of_the_event_loop() -> None:
    async def work(_: Request) -> None:
        await asyncio.sleep(3600)

    with virtual_time() as clock:
        async with running(Asynchronous(work)) as (controller, metrics):
            controller.queue.add(KEY)
            await until(lambda: metrics.active)
            await clock.advance(timedelta(seconds=90))
            assert "working=1 (team/x for 90.0 s)" in controller.describe()


@pytest.mark.parametrize(
    ("error", "stack"),
    [
        pytest.param(APIConnectionError("no answer"), False, id="the server is away"),
        pytest.param(ServerError("etcd is slow", code=500), False, id="the server failed"),
        pytest.param(NotFoundError("PATCH /apis/...: 404 page not found", code=404), False, id="an unknown kind"),
        pytest.param(ForbiddenError(GOING, code=403, reason="Forbidden"), False, id="a kind that is deleted"),
        pytest.param(MethodNotAllowedError(GOING, code=405), False, id="a kind that is deleted by an older server"),
        pytest.param(ForbiddenError("new", code=403, details=EMPTYING), False, id="a namespace that is deleted"),
        pytest.param(NotFoundError("no secret", code=404, reason="NotFound"), True, id="an unknown object"),
        pytest.param(ForbiddenError(DENIED, code=403, reason="Forbidden"), False, id="a missing rule, which is named"),
        pytest.param(ForbiddenError("no", code=403, reason="Forbidden"), True, id="a rejection that names no rule"),
        pytest.param(KeyError("image"), True, id="a mistake in the code"),
    ],
)
async def test_a_stack_is_shown_for_mistakes_in_the_code(
    error: Exception, stack: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(_: Request) -> None:
        raise error

    async with running(Asynchronous(work)) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.results)
    record = next(record for record in caplog.records if record.getMessage() == "Reconciler error")
    assert bool(record.exc_info) is stack


async def test_a_terminal_error_starts_the_next_change_afresh() -> None:
    async def work(_: Request) -> None:
        if reconciler.runs < 3:
            raise ValueError("not yet")
        raise TerminalError("spec.version 9 does not exist")

    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.terminals == 1)
        assert controller.queue.failures(KEY) == 0
        assert controller.queue.delayed == 0


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("image"), "KeyError: 'image'"),
        (ValueError(), "ValueError"),
        (KaiwuError("no kubeconfig"), "no kubeconfig"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (caused(KaiwuError("outer"), ValueError("inner")), "outer; caused by ValueError: inner"),
    ],
)
def test_an_error_and_its_causes_in_one_line(error: BaseException, text: str) -> None:
    assert describe(error) == text


def test_an_error_that_was_raised_while_another_was_handled_names_both() -> None:
    def wrapped() -> None:
        try:
            raise KeyError("image")
        except KeyError:
            raise RuntimeError("cannot roll back")  # noqa: B904 - the case that is tested

    with pytest.raises(RuntimeError) as caught:
        wrapped()
    assert describe(caught.value) == "RuntimeError: cannot roll back; caused by KeyError: 'image'"


@pytest.mark.parametrize(
    ("raised", "outcome", "again"),
    [
        pytest.param(RetryAfter("it answers 503", 0.001), "requeue_after", True, id="seconds"),
        pytest.param(RetryAfter("it answers 503", timedelta(hours=1)), "requeue_after", False, id="timedelta"),
        pytest.param(RetryAfter("it answers 503"), "requeue", True, id="with back-off"),
        pytest.param(
            ExceptionGroup("two", [RetryAfter("a"), RetryAfter("503", 3600)]), "requeue_after", False, id="group"
        ),
    ],
)
async def test_retry_after_is_no_error(
    raised: Exception, outcome: str, again: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def work(_: Request) -> None:
        raise raised

    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: reconciler.runs >= (2 if again else 1))
        await asyncio.sleep(0.02)
        assert set(metrics.results) == {outcome}
        assert again or reconciler.runs == 1
        assert (metrics.panics, metrics.terminals) == (0, 0)
    told = [record for record in caplog.records if record.message == "Retrying later"]
    assert {record.levelname for record in told} == {"INFO"}
    assert all(record.exc_info is None for record in told)
    assert "503" in told[0].reason  # type: ignore[attr-defined]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_a_group_with_a_mistake_beside_retry_after_is_an_error() -> None:
    async def work(_: Request) -> None:
        raise ExceptionGroup("two", [RetryAfter("a", 3600), TypeError("b")])

    async with running(Asynchronous(work)) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.panics > 0)


@pytest.mark.parametrize("seconds", [float("inf"), float("nan")])
def test_retry_after_takes_a_finite_time(seconds: float) -> None:
    with pytest.raises(ValueError, match="use a finite number"):
        RetryAfter("it answers 503", seconds)


def test_a_request_is_a_key() -> None:
    request = Request("team", "x")
    assert (request, request.key, str(request)) == (ObjectKey("team", "x"), request, "team/x")
