"""Waiting for objects, and stand-ins for recorder and clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.testing import FakeClock, FakeEvent, FakeRecorder, FakeTransport, eventually, wait_for

from .api import Gadget, GadgetStatus


async def test_eventually_returns_what_is_true() -> None:
    answers = iter([0, "", None, "yes", "no"])

    async def later() -> Any:
        return next(answers)

    assert await eventually(later, interval=0) == "yes"
    assert await eventually(lambda: next(answers)) == "no"


async def test_an_assertion_means_not_yet_and_another_exception_is_raised() -> None:
    calls = 0

    def check() -> bool:
        nonlocal calls
        calls += 1
        assert calls > 2, "too early"
        return True

    assert await eventually(check, interval=0)
    with pytest.raises(KeyError):
        await eventually(lambda: dict[str, int]()["x"])


@pytest.mark.parametrize(
    ("check", "message"),
    [(list, r"not within 0.01 s: \[\]"), (lambda: exec("assert 0, 'why'"), "not within 0.01 s: why")],
)
async def test_a_wait_that_is_over_says_what_was_last(check: Any, message: str) -> None:
    with pytest.raises(TimeoutError, match=message):
        await eventually(check, timeout=0.01, interval=0.005)


async def test_an_object_is_waited_for() -> None:
    client = Client(FakeTransport(Gadget), namespace="fake")
    key = ObjectKey("fake", "a")
    with pytest.raises(TimeoutError, match=r"Gadget fake/a: condition not met within 0.05 s: it does not exist"):
        await wait_for(client, Gadget, key, timeout=0.05)
    created = await client.create(Gadget(metadata=ObjectMeta(name="a", namespace="fake")))
    assert await wait_for(client, Gadget, key) == created
    with pytest.raises(TimeoutError, match=r"condition 'Ready' not met within 0.05 s: its status is {}"):
        await wait_for(client, Gadget, key, "Ready", 0.05)
    created.status = GadgetStatus()
    created.status.conditions.set("Ready", True, reason="Up", observed_generation=1)
    await client.apply_status(created)
    found = await wait_for(client, Gadget, key, "Ready")
    assert found.status is not None
    await client.patch(Gadget, "a", {"spec": {"size": 3}}, namespace="fake")
    with pytest.raises(TimeoutError, match='"reason":"Up"'):  # true for the generation before
        await wait_for(client, Gadget, key, "Ready", 0.05)
    await wait_for(client, Gadget, key, lambda gadget: gadget.spec is not None and gadget.spec.size == 3)


def test_a_recorder_keeps_events_and_refuses_wrong_ones() -> None:
    recorder = FakeRecorder()
    about = ConfigMap(metadata=ObjectMeta(name="a", namespace="x"))
    recorder.event(about, type="Warning", reason="NoSpace", action="Upload", note="full")
    assert recorder.events == [FakeEvent("Warning", "NoSpace", "Upload", "full", "ConfigMap", ObjectKey("x", "a"))]
    with pytest.raises(ValueError, match="reason"):
        recorder.event(about, reason="", action="Upload", note="full")


def test_a_clock_is_moved_by_the_test() -> None:
    clock = FakeClock(datetime(2026, 3, 1, tzinfo=UTC))
    clock.advance(90)
    clock.advance(timedelta(days=1))
    assert clock.now() == datetime(2026, 3, 2, 0, 1, 30, tzinfo=UTC)
