"""Conditions change only when they change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from pydantic import Field

from kaiwu_runtime.api import (
    APIModel,
    Condition,
    Conditions,
    find_condition,
    is_condition_true,
    remove_condition,
    set_condition,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


class Status(APIModel):
    conditions: Conditions = Conditions()


def ready(**changes: object) -> Condition:
    content: dict[str, object] = {
        "type": "Ready",
        "status": "True",
        "reason": "Up",
        "message": "all up",
        "observedGeneration": 1,
        "lastTransitionTime": NOON,
    }
    return Condition(**content | changes)  # type: ignore[arg-type]


def test_a_new_condition_is_added() -> None:
    conditions: list[Condition] = []
    assert set_condition(conditions, type="Ready", status="False", reason="Starting", message="x", now=NOON)
    assert conditions == [ready(status="False", reason="Starting", message="x", observedGeneration=None)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ready()),
        ({"status": "False"}, ready(status="False", lastTransitionTime=LATER)),
        ({"reason": "Fine"}, ready(reason="Fine")),
        ({"message": "other"}, ready(message="other")),
        ({"observed_generation": 2}, ready(observedGeneration=2)),
        ({"observed_generation": None}, ready()),
    ],
    ids=["nothing", "status", "reason", "message", "generation", "no generation"],
)
def test_only_a_change_of_status_is_a_transition(change: dict[str, object], expected: Condition) -> None:
    conditions = [ready()]
    arguments: dict[str, object] = {
        "type": "Ready",
        "status": "True",
        "reason": "Up",
        "message": "all up",
        "observed_generation": 1,
        "now": LATER,
    }
    changed = set_condition(conditions, **arguments | change)  # type: ignore[arg-type]
    assert conditions == [expected]
    assert changed == (expected != ready())


def test_the_other_conditions_stay() -> None:
    conditions = [ready(type="Healthy"), ready()]
    set_condition(conditions, type="Ready", status=False, reason="Down", now=LATER)
    assert [c.type for c in conditions] == ["Healthy", "Ready"]
    assert conditions[0] == ready(type="Healthy")
    assert conditions[1].status == "False"


def test_seconds_are_the_precision_of_kubernetes() -> None:
    conditions: list[Condition] = []
    set_condition(conditions, type="A", status=True, reason="B", now=NOON.replace(microsecond=123))
    assert conditions[0].lastTransitionTime == NOON


def test_a_long_message_is_cut_to_what_kubernetes_stores() -> None:
    conditions: list[Condition] = []
    set_condition(conditions, type="A", status=True, reason="B", message="x" * 40_000)
    assert len(conditions[0].message) == 32_768
    assert conditions[0].message.endswith("…")
    assert not set_condition(conditions, type="A", status=True, reason="B", message="x" * 40_000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"type": "A", "status": "true", "reason": "B"}, "status 'true' is not one of True, False, Unknown"),
        ({"type": "A", "status": "True", "reason": ""}, "type and reason must not be empty"),
        ({"type": "", "status": "True", "reason": "B"}, "type and reason must not be empty"),
        ({"type": "A", "status": "True", "reason": "two words"}, "reason 'two words' is not a CamelCase word"),
        ({"type": "a b", "status": "True", "reason": "B"}, "type 'a b' is no"),
    ],
)
def test_what_the_api_server_would_refuse(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        set_condition([], **arguments)  # type: ignore[arg-type]


def test_find_and_remove() -> None:
    conditions = [ready(), ready(type="Healthy", status="Unknown")]
    assert find_condition(conditions, "Ready") is conditions[0]
    assert find_condition(conditions, "Other") is None
    assert is_condition_true(conditions, "Ready")
    assert not is_condition_true(conditions, "Healthy")
    assert not is_condition_true(conditions, "Other")
    assert remove_condition(conditions, "Ready")
    assert not remove_condition(conditions, "Ready")
    assert [c.type for c in conditions] == ["Healthy"]


def test_json_round_trip() -> None:
    status = Status(conditions=[ready()])
    text = status.model_dump_json(by_alias=True)
    assert '"lastTransitionTime":"2026-11-24T12:00:00Z"' in text
    assert Status.model_validate_json(text) == status
    assert type(Status.model_validate_json(text).conditions[0]) is Condition


def test_each_status_has_its_own_list() -> None:
    first, second = Status(), Status()
    set_condition(first.conditions, type="A", status=True, reason="B")
    assert second.conditions == []


def test_half_a_character_in_a_message_is_replaced_and_changes_nothing_again() -> None:
    conditions: list[Condition] = []
    for changed in (True, False):
        assert changed is set_condition(conditions, type="A", status=True, reason="B", message="a\udcffb \U0001f680")
    assert conditions[0].message == "a�b \U0001f680"


class Plain(APIModel):
    conditions: Conditions = []  # type: ignore[assignment]  # noqa: RUF012 - as projects write it


class Made(APIModel):
    conditions: Conditions = Field(default_factory=list)  # type: ignore[assignment]


@pytest.mark.parametrize("model", [Status, Plain, Made])
@pytest.mark.parametrize("document", ["{}", '{"conditions": []}'])
def test_conditions_can_be_asked_and_set(model: type[Any], document: str) -> None:
    first, second = model.model_validate_json(document), model.model_validate_json(document)
    conditions = first.conditions
    assert (conditions.get("Ready"), conditions.is_true("Ready")) == (None, False)
    assert conditions.set("Ready", True, reason="Up", observed_generation=3)
    assert not conditions.set("Ready", True, reason="Up", observed_generation=3)
    assert conditions.is_true("Ready")
    assert not conditions.is_false("Ready")
    assert conditions.get("Ready").observedGeneration == 3
    assert conditions.set("Ready", False, reason="Down")
    assert not conditions.is_true("Ready")
    assert conditions.is_false("Ready")
    assert not conditions.is_false("Other")
    assert second.conditions == model().conditions == []  # nothing is shared
    assert json.loads(first.model_dump_json(by_alias=True))["conditions"][0]["reason"] == "Down"


def test_a_null_or_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="conditions"):
        Status.model_validate_json('{"conditions": {"type": "Ready"}}')


class Word(str, Enum):  # noqa: UP042 - as before Python had StrEnum
    TRUE = "True"


def test_a_status_may_be_a_member_of_an_enumeration_of_texts() -> None:
    conditions = Conditions()
    assert conditions.set("Ready", Word.TRUE, reason="Up")
    assert conditions.is_true("Ready")
    assert type(conditions[0].status) is str


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "A" * 317}, r"condition: type 'A{40}\.\.\.' has 317 characters: use at most 316"),
        ({"reason": "A" * 1025}, r"condition: reason 'A{40}\.\.\.' has 1025 characters: use at most 1024"),
    ],
)
def test_what_is_too_long_for_the_api_server_is_refused(change: dict[str, str], message: str) -> None:
    wanted: dict[str, Any] = {"type": "A" * 316, "reason": "A" * 1024}
    assert set_condition([], status="True", **wanted)
    with pytest.raises(ValueError, match=message):
        set_condition([], status="True", **{**wanted, **change})


def test_every_condition_of_a_type_is_removed() -> None:
    """Another client may have stored two; what stays would still be found."""
    conditions = Conditions([ready(), ready(type="Synced"), ready(status="False")])
    assert remove_condition(conditions, "Ready")
    assert [condition.type for condition in conditions] == ["Synced"]
    assert not remove_condition(conditions, "Ready")


@pytest.mark.parametrize("message", [None, ValueError("no disk"), b"text"])
def test_a_message_that_is_not_a_string_is_named(message: Any) -> None:
    conditions = Conditions()
    expected = f"condition Ready: the message is a {type(message).__name__} and not a string"
    with pytest.raises(ValueError, match=expected):
        conditions.set("Ready", False, reason="Down", message=message)
    assert not conditions
