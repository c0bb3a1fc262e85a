"""Events that the API server rejects or does not answer: tried again, given up, or told of once."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.recorder import EventRecorder

from .scenes import LOST, play, record, warnings
from .scripted import EventStore, refusal


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(LOST, id="connection"),
        pytest.param(ConfigurationError("the token cannot be renewed"), id="credentials"),
        pytest.param(refusal(401), id="401"),
        pytest.param(refusal(409, reason="Conflict"), id="409"),
        pytest.param(refusal(429), id="429"),
        pytest.param(refusal(500), id="500"),
        pytest.param(refusal(503), id="503"),
    ],
)
def test_what_may_pass_is_tried_again_with_longer_pauses(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    store = EventStore()
    store.failures = [error] * 6

    async def scene(recorder: EventRecorder) -> None:
        record(recorder)
        await asyncio.sleep(120)
        assert store.counts == {"BackedUp": 1}

    play(store, scene)
    moments = [moment for moment, _, _ in store.sent]
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    for number, pause in enumerate(pauses):
        assert 0.25 * 2**number <= pause <= 0.5 * 2**number
    assert [line.message for line in warnings(caplog)] == ["Cannot write events; retrying"]


def test_the_server_may_ask_for_a_longer_pause() -> None:
    store = EventStore()
    store.failures = [refusal(429, retry_after=20.0)]

    async def scene(recorder: EventRecorder) -> None:
        record(recorder)
        await asyncio.sleep(25)

    play(store, scene)
    assert [moment for moment, _, _ in store.sent] == [0.0, 20.0]


@pytest.mark.parametrize(("error", "lost"), [(refusal(500), 1), (LOST, 0)], ids=["refusals", "no connection"])
def test_only_refusals_are_given_up(error: Exception, lost: int, caplog: pytest.LogCaptureFixture) -> None:
    store = EventStore()
    store.failures = [error] * 12

    async def scene(recorder: EventRecorder) -> None:
        record(recorder, "First")
        await asyncio.sleep(1000)
        record(recorder, "Second")
        await asyncio.sleep(1)

    play(store, scene)
    assert store.counts == {**({} if lost else {"First": 1}), "Second": 1}
    assert sum(line.message == "Dropped an event: the API server rejected it" for line in warnings(caplog)) == lost


FORBIDDEN = refusal(403, reason="Forbidden")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([("a", FORBIDDEN), ("a", FORBIDDEN)], 1),
        ([("a", FORBIDDEN), ("b", FORBIDDEN)], 1),
        ([("a", FORBIDDEN), ("a", None), ("a", FORBIDDEN)], 2),  # granted and revoked again
        ([("a", FORBIDDEN), ("b", None), ("a", FORBIDDEN)], 1),  # a rule of each namespace
    ],
)
def test_a_missing_rule_is_told_once_until_it_is_granted(
    answers: list[tuple[str, Exception | None]], told: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        for number, (namespace, error) in enumerate(answers):
            store.failures = [error] if error is not None else []
            about = ConfigMap(metadata=ObjectMeta(name="settings", namespace=namespace, uid="1"))
            recorder.event(about, reason=f"Reason{number}", action="Backup", note="")
            await asyncio.sleep(1)

    play(store, scene)
    assert [line.message.partition(":")[0] for line in warnings(caplog)] == ["Cannot create events"] * told


@pytest.mark.parametrize(("granted", "told"), [(False, 1), (True, 2)])
def test_a_missing_rule_to_count_is_told_once_until_it_is_granted(
    granted: bool, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        record(recorder)
        await asyncio.sleep(1)
        for error in (FORBIDDEN, None if granted else FORBIDDEN, FORBIDDEN):
            store.failures = [error] * 9 if error is not None else []
            record(recorder)
            await asyncio.sleep(61)

    play(store, scene)
    assert [line.message.partition(":")[0] for line in warnings(caplog)] == ["Cannot patch events"] * told


def test_one_event_that_fails_does_not_hold_up_the_others() -> None:
    store = EventStore()
    store.failures = [refusal(500)]

    async def scene(recorder: EventRecorder) -> None:
        for reason in ("First", "Second", "Third"):
            record(recorder, reason)
        await asyncio.sleep(5)

    play(store, scene)
    assert list(store.counts) == ["Second", "Third", "First"]


def test_an_answer_that_got_lost_is_no_second_event() -> None:
    store = EventStore()
    store.after = [LOST]

    async def scene(recorder: EventRecorder) -> None:
        record(recorder)
        await asyncio.sleep(0.01)
        record(recorder, times=2)
        await asyncio.sleep(5)
        assert store.counts == {"BackedUp": 3}

    play(store, scene)
    assert len(store.events) == 1


def test_an_event_that_is_gone_is_made_anew_with_its_count() -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        record(recorder)
        await asyncio.sleep(1)
        (first,) = store.events.values()
        store.events.clear()
        record(recorder)
        await asyncio.sleep(1)
        (second,) = store.events.values()
        assert (second["series"]["count"], second["eventTime"]) == (2, first["eventTime"])
        record(recorder)
        await asyncio.sleep(70)
        assert store.counts == {"BackedUp": 3}

    play(store, scene)
    assert [verb for _, verb, _ in store.sent] == ["POST", "PATCH", "POST", "PATCH"]


def test_after_a_success_the_pauses_are_short_again(caplog: pytest.LogCaptureFixture) -> None:
    store = EventStore()

    async def scene(recorder: EventRecorder) -> None:
        for reason in ("First", "Second"):
            store.failures = [LOST] * 5
            record(recorder, reason)
            await asyncio.sleep(60)

    play(store, scene)
    moments = [moment for moment, _, _ in store.sent]
    assert moments[7] - moments[6] <= 0.5
    assert [line.message for line in warnings(caplog)] == ["Cannot write events; retrying"] * 2
