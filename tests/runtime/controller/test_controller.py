"""What a controller does with whatever its reconciler returns, raises or leaves hanging."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, cast

import pytest

from kaiwu_runtime import Manager, ObjectKey, Reconciler, Request, Result, RetryAfter, TerminalError
from kaiwu_runtime._error_text import describe
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.controller import Controller, ControllerOptions
from kaiwu_runtime.errors import APIConnectionError, ConflictError, KaiwuError, ServerError
from kaiwu_runtime.queue import ExponentialBackoff
from kaiwu_runtime.testing import virtual_time

KEY = Request("team", "x")
NO_SOURCES = cast("Cache", None)  # a controller that watches nothing asks no cache


class Asynchronous(Reconciler):
    def __init__(self, work: Callable[[Request], Awaitable[Any]]) -> None:
        self.work = work
        self.runs = 0

    def setup_with_manager(self, manager: Manager) -> None:
        raise AssertionError("not called here")

    async def reconcile(self, request: Request) -> Any:
        self.runs += 1
        return await self.work(request)


class Synchronous(Reconciler):
    def __init__(self, work: Callable[[Request], Any]) -> None:
        self.work = work

    def setup_with_manager(self, manager: Manager) -> None:
        raise AssertionError("not called here")

    def reconcile(self, request: Request) -> Any:
        return self.work(request)


class Counting:
    """Keeps what a controller reports."""

    def __init__(self) -> None:
        self.results: list[str] = []
        self.panics = self.terminals = self.timeouts = self.active = 0

    def started(self) -> None:
        self.active += 1

    def finished(self, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.active -= 1
        self.results.append(result)

    def terminal(self) -> None:
        self.terminals += 1

    def panicked(self) -> None:
        self.panics += 1

    def timed_out(self) -> None:
        self.timeouts += 1


@asynccontextmanager
async def running(reconciler: Reconciler, **options: Any) -> AsyncIterator[tuple[Controller, Counting]]:
    options.setdefault("rate_limiter", ExponentialBackoff(0.001, 0.01))
    metrics = Counting()
    controller = Controller("tested", reconciler, [], NO_SOURCES, ControllerOptions(**options), metrics=metrics)
    task = asyncio.create_task(controller.run())
    try:
        yield controller, metrics
    finally:
        await controller.stop(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is state of another task
            await asyncio.sleep(0.002)


async def cancelled_elsewhere(_: Request) -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


async def sys_exit(_: Request) -> None:
    raise SystemExit(3)


async def stop_iteration(_: Request) -> None:
    next(iter(()))


async def wrong_type(_: Request) -> str:
    return "done"


@pytest.mark.parametrize("work", [cancelled_elsewhere, sys_exit, stop_iteration, wrong_type])
async def test_whatever_a_reconciler_raises_the_worker_lives_and_retries(
    work: Callable[[Request], Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: reconciler.runs >= 3)
        assert metrics.results[:2] == ["error", "error"]
        assert metrics.panics >= 2
    assert any(record.getMessage() == "Reconciler error" for record in caplog.records)


@pytest.mark.parametrize("error", [SystemExit(1), StopIteration(), ValueError("no")])
async def test_whatever_a_synchronous_reconciler_raises_the_worker_lives(error: BaseException) -> None:
    runs = 0

    def work(_: Request) -> None:
        nonlocal runs
        runs += 1
        raise error

    async with running(Synchronous(work)) as (controller, _):
        controller.queue.add(KEY)
        await until(lambda: runs >= 3)


@pytest.mark.parametrize(
    ("result", "outcome", "again"),
    [
        pytest.param(None, "success", False, id="None"),
        pytest.param(Result(), "success", False, id="nothing to do"),
        pytest.param(Result(requeue_after=0.001), "requeue_after", True, id="seconds"),
        pytest.param(Result(requeue_after=timedelta(milliseconds=1)), "requeue_after", True, id="timedelta"),
        pytest.param(Result(requeue_after=3600), "requeue_after", False, id="much later"),
        pytest.param(Result(requeue_after=0), "requeue", True, id="at once means with back-off"),
        pytest.param(Result(requeue_after=timedelta(seconds=-5)), "requeue", True, id="passed already"),
    ],
)
async def test_a_result_says_when_to_come_back(result: Result | None, outcome: str, again: bool) -> None:
    async def work(_: Request) -> Result | None:
        return result

    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.results)
        assert metrics.results[0] == outcome
        if again:
            await until(lambda: reconciler.runs >= 3)
        else:
            controller.queue.add(Request("team", "other"))
            await until(lambda: len(metrics.results) >= 2)
            assert controller.queue.failures(KEY) == 0
            assert reconciler.runs == 2


async def test_a_synchronous_reconcile_beyond_its_timeout_never_has_a_second_one_beside_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inside = most = runs = 0
    lock = threading.Lock()
    finish = threading.Event()

    def work(_: Request) -> None:
        nonlocal inside, most, runs
        with lock:
            inside += 1
            runs += 1
            most = max(most, inside)
        finish.wait(10)
        with lock:
            inside -= 1

    async with running(Synchronous(work), reconcile_timeout=0.05, max_concurrent_reconciles=4) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.timeouts == 1)
        controller.queue.add(KEY)
        assert controller.queue.processing == 1
        finish.set()
        await until(lambda: runs == 2 and not controller.queue.processing)
    assert most == 1
    assert any("reconcile_timeout" in record.getMessage() for record in caplog.records)


async def test_synchronous_reconciles_run_in_as_many_threads_as_there_are_workers() -> None:
    together = threading.Barrier(20)
    passed = 0

    def work(_: Request) -> None:
        nonlocal passed
        together.wait(10)
        passed += 1

    async with running(Synchronous(work), max_concurrent_reconciles=20) as (controller, metrics):
        for number in range(20):
            controller.queue.add(Request("team", str(number)))
        await until(lambda: len(metrics.results) == 20)
    assert passed == 20


async def test_stopping_does_not_wait_for_a_thread_that_hangs() -> None:
    hang = threading.Event()
    loop = asyncio.get_running_loop()
    async with running(Synchronous(lambda _: hang.wait(60))) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.active)
        began = loop.time()
    assert loop.time() - began < 5
    hang.set()


async def test_an_asynchronous_reconcile_beyond_its_timeout_is_cancelled_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(_: Request) -> None:
        await asyncio.sleep(60)

    reconciler = Asynchronous(work)
    async with running(reconciler, reconcile_timeout=0.02) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: reconciler.runs >= 2)
        assert metrics.timeouts
        assert not metrics.panics
    error = next(record for record in caplog.records if record.getMessage() == "Reconciler error")
    assert "longer than its reconcile_timeout of 0.02 s" in error.error  # type: ignore[attr-defined]


async def fails_in_a_group(_: Request) -> None:
    async def fail() -> None:
        raise ValueError("no")

    async with asyncio.TaskGroup() as group:  # before Python 3.13 it leaves the task marked as being cancelled
        group.create_task(fail())


async def survives_a_group_and_hangs(request: Request) -> None:
    with suppress(ExceptionGroup):
        await fails_in_a_group(request)
    await asyncio.sleep(60)


async def cancels_itself(_: Request) -> None:
    current = asyncio.current_task()
    assert current is not None
    current.cancel()


async def cancels_itself_and_waits(request: Request) -> None:
    await cancels_itself(request)
    await asyncio.sleep(60)


async def takes_its_cancellation_back(request: Request) -> None:
    await cancels_itself(request)
    current = asyncio.current_task()
    assert current is not None
    current.uncancel()  # before Python 3.13 the next await is cancelled all the same


@pytest.mark.parametrize(
    "work",
    [
        fails_in_a_group,
        survives_a_group_and_hangs,
        cancels_itself,
        cancels_itself_and_waits,
        takes_its_cancellation_back,
    ],
)
async def test_a_reconcile_that_cancels_its_task_costs_no_worker(work: Callable[[Request], Awaitable[None]]) -> None:
    runs = Counter[str]()

    async def reconcile(request: Request) -> None:
        runs[request.name] += 1
        if request.name == "bad" and runs["bad"] <= 2:
            await work(request)
        elif request.name == "slow" and runs["slow"] == 1:
            await asyncio.sleep(60)

    async with running(Asynchronous(reconcile), reconcile_timeout=0.05) as (controller, metrics):
        for name in ("bad", "slow", "bad", "slow"):
            before = runs[name]
            controller.queue.add(Request("team", name))
            await until(lambda: runs[name] > before)  # noqa: B023
        await until(lambda: controller.is_idle and not controller.queue.delayed)
        assert runs["bad"] >= 2
        assert metrics.timeouts
        assert metrics.results[-1] == "success"


async def test_a_timeout_after_a_group_that_failed_is_a_timeout(caplog: pytest.LogCaptureFixture) -> None:
    async with running(Asynchronous(survives_a_group_and_hangs), reconcile_timeout=0.05) as (controller, metrics):
        controller.queue.add(KEY)
        await until(lambda: metrics.results)
    assert metrics.timeouts
    assert not metrics.panics
    error = next(record for record in caplog.records if record.getMessage() == "Reconciler error")
    assert "longer than its reconcile_timeout of 0.05 s" in error.error  # type: ignore[attr-defined]


@pytest.mark.parametrize("busy", [True, False])
async def test_a_worker_that_foreign_code_cancels_goes_on(busy: bool) -> None:
    async def work(_: Request) -> None:
        await asyncio.sleep(60 if busy and reconciler.runs == 1 else 0)

    reconciler = Asynchronous(work)
    async with running(reconciler) as (controller, metrics):
        await until(lambda: controller.is_idle)
        if busy:
            controller.queue.add(KEY)
            await until(lambda: metrics.active)
        next(task for task in asyncio.all_tasks() if task.get_name() == "tested worker 0").cancel()
        await asyncio.sleep(0)
        controller.queue.add(Request("team", "other"))
        await until(lambda: "success" in metrics.results)


async def test_cancelling_every_task_ends_a_controller() -> None:
    before = asyncio.all_tasks()
    begun = asyncio.Event()

    async def work(_: Request) -> None:
        begun.set()
        await asyncio.sleep(60)

    reconciler = Asynchronous(work)
    controller = Controller("tested", reconciler, [], NO_SOURCES, ControllerOptions())
    task = asyncio.create_task(controller.run())
    controller.queue.add(KEY)
    controller.queue.add(Request("team", "other"))
    await begun.wait()
    tasks = asyncio.all_tasks() - before
    for each in tasks:
        each.cancel()
    done, _ = await asyncio.wait(tasks, timeout=10)
    assert done == tasks
    assert task.cancelled()
    assert reconciler.runs == 1


async def test_a_worker_that_ends_ends_the_controller_with_an_error() -> None:
    controller = Controller("tested", Asynchronous(fails_in_a_group), [], NO_SOURCES, ControllerOptions())
    task = asyncio.create_task(controller.run())
    await asyncio.sleep(0)
    # Before its first step, where none of its own code can take the cancellation.
    next(each for each in asyncio.all_tasks() if each.get_name() == "tested worker 0").cancel()
    with pytest.raises(RuntimeError, match="a worker of the controller 'tested' has ended"):
        await asyncio.wait_for(task, 10)


OWNED = ConflictError(
    'conflict with "other-operator": .spec.replicas',
    code=409,
    reason="Conflict",
    details={"causes": [{"reason": "FieldManagerConflict", "field": ".spec.replicas"}]},
)
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
