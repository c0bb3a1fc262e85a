"""What a user's code raises never ends a task or the process, wherever it is called from."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime import _callback as callback
from kaiwu_runtime.cache import CachedObject, ObjectEvent
from kaiwu_runtime.controller import Channel, ControllerBuilder
from kaiwu_runtime.queue import RateLimiter
from kaiwu_runtime.testing import FakeTransport


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class OwnBase(BaseException):
    pass


def cancelled() -> None:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    future.result()


def raises(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


RAISING = pytest.mark.parametrize(
    "fail",
    [
        pytest.param(raises(ValueError("no")), id="Exception"),
        pytest.param(raises(SystemExit(0)), id="SystemExit"),
        pytest.param(raises(KeyboardInterrupt()), id="KeyboardInterrupt"),
        pytest.param(raises(GeneratorExit()), id="GeneratorExit"),
        pytest.param(raises(asyncio.CancelledError()), id="CancelledError"),
        pytest.param(cancelled, id="a cancelled future"),
        pytest.param(raises(BaseExceptionGroup("two", [SystemExit(1), ValueError("no")])), id="a group"),
        pytest.param(raises(RecursionError()), id="RecursionError"),
        pytest.param(raises(StopIteration()), id="StopIteration"),
        pytest.param(raises(UnprintableError()), id="an exception without a text"),
        pytest.param(raises(OwnBase("mine")), id="a BaseException of the project's"),
    ],
)


class Recording(Reconciler):
    def __init__(self, client: Client, fail: Callable[[], None] | None) -> None:
        super().__init__(client)
        self.fail = fail
        self.names: list[str] = []

    def setup_with_manager(self, manager: Manager) -> None:
        raise AssertionError("not called here")

    async def reconcile(self, request: Request) -> Result | None:
        self.names.append(request.name)
        if self.fail is not None and request.name == "bad":
            self.fail()
        return None


class FailingLimiter(RateLimiter):
    def __init__(self, fail: Callable[[], None]) -> None:
        self.fail = fail

    def when(self, key: object) -> float:
        self.fail()
        return 0.0

    def forget(self, key: object) -> None:
        self.fail()

    def failures(self, key: object) -> int:
        self.fail()
        return 0


class Place:
    """One kind of callback in a manager: fails for what is named bad, and does its work for anything else."""

    def __init__(self, where: str, fail: Callable[[], None]) -> None:
        self.where = where
        self.fail = fail
        self.channel: Channel[str] = Channel()

    def failing(self, name: str) -> None:
        if name == "bad":
            self.fail()

    def build(self, manager: Manager, builder: ControllerBuilder) -> ControllerBuilder:
        def predicate(event: ObjectEvent) -> bool:
            self.failing(event.object.key.name)
            return True

        def mapped(obj: CachedObject) -> Iterable[Request]:
            self.failing(obj.key.name)
            return [Request("x", f"from-{obj.key.name}")]

        def indexed(obj: ConfigMap) -> Iterable[str]:
            self.failing(str(obj.metadata and obj.metadata.name))
            return ["a"]

        def transform(content: dict[str, Any]) -> dict[str, Any]:
            self.failing(content["metadata"]["name"])
            return content

        def sent(item: str) -> Iterable[Request]:
            self.failing(item)
            return [Request("x", item)]

        if self.where == "predicate":
            return builder.for_(ConfigMap, predicate)
        if self.where == "map function":
            builder.watches(Secret, mapped)
        elif self.where == "index":
            manager.cache.index_field(ConfigMap, "data.a", indexed)
        elif self.where == "transform":
            manager.cache.configure(ConfigMap, transform=transform)
        elif self.where == "channel":
            builder.watches_channel(self.channel, sent)
        elif self.where == "rate limiter":
            builder.with_options(rate_limiter=FailingLimiter(self.fail))
        elif self.where == "event handler":
            manager.cache.informer(ConfigMap).add_event_handler(lambda event: self.failing(event.object.key.name))
        elif self.where == "probe":
            manager.add_readyz_check("own", self.fail)
        return builder.for_(ConfigMap)


@asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(manager.start())
    try:
        yield task
    finally:
        manager.stop()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the condition is another task's state
            await asyncio.sleep(0.005)


PLACES = pytest.mark.parametrize(
    "where",
    [
        "predicate",
        "map function",
        "index",
        "transform",
        "channel",
        "rate limiter",
        "event handler",
        "probe",
        "reconciler",
    ],
)


async def play(where: str, fail: Callable[[], None]) -> None:
    """Let a callback fail in a manager that runs, and see that the others of its kind are called."""
    client = Client(FakeTransport())
    options = ManagerOptions(health_probe_bind_address="127.0.0.1:0", grace_period=1.0)
    manager = Manager(options, client=client)
    place = Place(where, fail)
    reconciler = Recording(manager.client, fail if where in {"reconciler", "rate limiter"} else None)
    place.build(manager, controller_managed_by(manager).named("tested")).complete(reconciler)
    async with running(manager) as task:
        for name in ("bad", "good"):
            metadata = ObjectMeta(name=name, namespace="x")
            await client.create(ConfigMap(metadata=metadata))
            await client.create(Secret(metadata=metadata))
            place.channel.send(name)
        await until(lambda: "good" in reconciler.names)
        if where == "map function":
            await until(lambda: "from-good" in reconciler.names)
        if where not in {"predicate", "channel"}:
            await until(lambda: "bad" in reconciler.names)
        url = f"http://127.0.0.1:{manager.probes.port}/readyz"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == (500 if where == "probe" else 200)
        assert not task.done()


@RAISING
@PLACES
async def test_a_callback_that_raises_costs_its_own_event_and_nothing_else(
    where: str, fail: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    await play(where, fail)
    if where != "probe":
        assert any(record.levelno == logging.ERROR for record in caplog.records), "it was said"


@dataclass(frozen=True)
class FrozenError(Exception):
    text: str


CONSTANTS = pytest.mark.parametrize(
    "error", [ValueError("no"), FrozenError("no"), SystemExit(1), ExceptionGroup("two", [ValueError("a")])], ids=repr
)


@CONSTANTS
@PLACES
async def test_a_constant_that_is_raised_again_keeps_no_long_stack(
    where: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "MOST_FRAMES", 0)
    calls = 0

    def fail() -> None:
        nonlocal calls
        calls += 1
        raise error

    await play(where, fail)
    assert calls
    assert error.__traceback__ is None


@CONSTANTS
def test_the_causes_of_what_is_handled_keep_no_long_stack_either(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrap() -> None:
        try:
            raise error
        except BaseException as cause:
            raise LookupError("wrapped") from cause

    with pytest.raises(LookupError) as found:
        wrap()
    callback.forget_stack(found.value)
    assert found.value.__traceback__ is not None, "its owner may still want to see a short one"
    assert error.__traceback__ is not None
    monkeypatch.setattr(callback, "MOST_FRAMES", 0)
    callback.forget_stack(found.value)
    assert found.value.__traceback__ is None
    assert error.__traceback__ is None


@CONSTANTS
def test_a_stack_grows_up_to_a_limit(error: BaseException) -> None:
    longest = 0
    for _ in range(1000):
        with suppress(BaseException):
            raise error
        callback.forget_stack(error)
        longest = max(longest, len(list(traceback.walk_tb(error.__traceback__))))
    assert longest == callback.MOST_FRAMES


def test_causes_may_be_a_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "MOST_FRAMES", 0)
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__context__ = other, one
    try:
        raise other
    except ValueError:
        callback.forget_stack(one)
    assert other.__traceback__ is None
    one.__cause__ = None


def in_group(errors: list[Exception]) -> Exception:
    return ExceptionGroup("all", errors)


def in_groups(errors: list[Exception]) -> Exception:
    return functools.reduce(lambda inner, error: ExceptionGroup("two", [inner, error]), errors)


def in_chain(errors: list[Exception]) -> Exception:
    for one, other in itertools.pairwise(errors):
        one.__cause__ = one.__context__ = other  # as `raise ... from` does
    return errors[0]


def in_cycles(errors: list[Exception]) -> Exception:
    for one, other in zip(errors, reversed(errors), strict=True):
        one.__cause__, one.__context__ = other, errors[0]
    return in_group(errors)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 900])
@pytest.mark.parametrize("shape", [in_group, in_groups, in_chain, in_cycles])
def test_every_exception_that_one_leads_to_is_reached(
    shape: Callable[[list[Exception]], Exception], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "MOST_FRAMES", 0)
    errors: list[Exception] = [ValueError(str(number)) for number in range(count)]
    for error in errors:
        with suppress(ValueError):
            raise error
    callback.forget_stack(shape(errors))
    assert not any(error.__traceback__ for error in errors)
    for error in errors:
        error.__cause__ = error.__context__ = None


@RAISING
async def test_awaited_code_fails_like_any_other(fail: Callable[[], None]) -> None:
    async def work() -> None:
        fail()

    with pytest.raises(Exception) as caught:  # noqa: PT011 - that it is an Exception is what is tested
        await callback.wait(work())
    assert isinstance(caught.value, Exception)


async def test_a_task_that_is_cancelled_stays_cancellable_inside_a_callback() -> None:
    task = asyncio.create_task(callback.wait(asyncio.sleep(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_coroutine_that_is_closed_ends() -> None:
    async def work() -> None:
        await asyncio.sleep(60)

    waiting = callback.wait(work())
    waiting.send(None)
    await asyncio.get_running_loop().run_in_executor(None, waiting.close)
