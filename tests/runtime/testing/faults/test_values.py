"""What stand-ins remember is compared by its content, whatever objects hold it."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.testing.faults._changes import whole
from kaiwu_runtime.testing.faults._end_state import differences, outside_state


class Level(Enum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: int


class Record:
    """An object with neither a text nor an equality of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._secret = id(self)

    @cached_property
    def parts(self) -> list[str]:
        return self.address.split(".")


@dataclass
class Backup:
    name: str
    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    number: uuid.UUID = field(default_factory=uuid.uuid4)


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class StandIn:
    def __init__(self, content: object) -> None:
        self.content = content


def state(content: object, ignored: tuple[str, ...] = ()) -> dict[str, Any]:
    return outside_state({StandIn: StandIn(content)}, [], ignored)


EQUAL: list[tuple[Any, Any]] = [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
    (Counter(a=1, b=0), Counter(a=1)),
    ({f"n{number}" for number in range(50)}, {f"n{number}" for number in reversed(range(50))}),
    ({"a": Record("1.2")}, {"a": Record("1.2")}),
    ([Slotted(Record("1.2"))], [Slotted(Record("1.2"))]),
    (Record, Record),
    (lambda: Record("a"), lambda: Record("a")),
    ([Backup("a"), Backup("b")], [Backup("a"), Backup("b", dt.datetime(2020, 1, 1, tzinfo=dt.UTC))]),
    ({str(uuid.uuid4()): "a", str(uuid.uuid4()): "b"}, {str(uuid.uuid4()): "b", str(uuid.uuid4()): "a"}),
    ({uuid.uuid4().hex: Backup("a")}, {uuid.uuid4().hex: Backup("a")}),
    ({"at": time.time()}, {"at": time.time() + 60}),
    ({"at": int(time.time())}, {"at": int(time.time()) + 60}),
    (f"home-{dt.datetime.now():%Y%m%d-%H%M%S}", f"home-{dt.datetime.now() + dt.timedelta(minutes=1):%Y%m%d-%H%M%S}"),
    (f"home-{time.time_ns() // 1_000_000}", f"home-{time.time_ns() // 1_000_000 + 77}"),
    (f"taken at {dt.datetime.now()}", f"taken at {dt.datetime.now() + dt.timedelta(minutes=1)}"),
    (threading.Lock(), threading.Lock()),
    (asyncio.Lock(), asyncio.Lock()),
    (float("nan"), float("nan")),
    (SimpleNamespace(a=1, b=Record("c")), SimpleNamespace(b=Record("c"), a=1)),
    (ValueError(Record("a")), ValueError(Record("a"))),
    (defaultdict(list, a=1), {"a": 1}),
]
UNEQUAL: list[tuple[Any, Any]] = [
    ([1, 2], [2, 1]),
    ({"a": 1}, {"a": True}),
    ({1, 2}, {1, 3}),
    (Record("1.2"), Record("1.3")),
    (Slotted(1), Slotted(2)),
    (Point(1, 2), Point(2, 1)),
    (Backup("a"), Backup("b")),
    ([Backup("a")], [Backup("a"), Backup("a")]),
    ({uuid.uuid4(): "a"}, {uuid.uuid4(): "a", uuid.uuid4(): "a"}),
    (Decimal("1.0"), Decimal("1.1")),
    (Path("a"), Path("b")),
    (ip_address("10.0.0.1"), ip_address("10.0.0.2")),
    (dt.timedelta(seconds=1), dt.timedelta(seconds=2)),
    (dt.date(2020, 1, 1), dt.date(2020, 1, 2)),
    (deque([1, 2]), deque([2, 1])),
    (b"a", b"b"),
    (ValueError("a"), ValueError("b")),
    ("migration 20200101120000", "migration 20200101120001"),
    (2_147_483_648, 2_147_483_649),
    ("d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661"),
    (Level.LOW, "low"),
    (None, "None"),
]


@pytest.mark.parametrize(("one", "other"), EQUAL, ids=map(str, range(len(EQUAL))))
def test_what_differs_by_chance_is_equal(one: object, other: object) -> None:
    assert differences(state(one), state(other)) == ""


@pytest.mark.parametrize(("one", "other"), UNEQUAL, ids=map(str, range(len(UNEQUAL))))
def test_what_an_operator_has_done_otherwise_is_not(one: object, other: object) -> None:
    assert differences(state(one), state(other))
    assert whole(StandIn(one)) != whole(StandIn(other))


def test_a_difference_names_its_place() -> None:
    assert differences(state({"home": Record("1")}), state({"home": Record("2")})) == (
        "outside: StandIn.content.home.address is '2', not '1'"
    )
    assert differences(state([Backup("a"), Backup("b")]), state([Backup("a"), Backup("c")])) == (
        "outside: StandIn.content[1].name is 'c', not 'b'"
    )


def test_fields_can_be_ignored() -> None:
    one = {"home": {"address": "1", "serial": 7}, "away": {"address": "2", "serial": 8}}
    other = {"home": {"address": "1", "serial": 70}, "away": {"address": "2", "serial": 80}}
    for path in ("StandIn.content.*.serial", "content.*.serial"):
        assert differences(state(one, (path,)), state(other, (path,))) == ""
    assert differences(state(one, ("DNS.content",)), state(other, ("DNS.content",)))
    assert state([{"a": 1, "b": [{"c": 2, "d": 3}]}], ("StandIn.content.b.c", "content.a")) == {
        "outside: StandIn": {"content": [{"b": [{"d": 3}]}]}
    }


def test_uids_and_generated_names_of_objects_are_told_apart() -> None:
    def seen(uid: str, name: str, content: object) -> dict[str, Any]:
        metadata = {"name": name, "generateName": "job-", "namespace": "x", "uid": uid}
        return outside_state({StandIn: StandIn(content)}, [{"kind": "Job", "metadata": metadata}])

    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    assert seen(one, "job-bbbbb", {one: "x/job-bbbbb-data"}) == seen(other, "job-ccccc", {other: "x/job-ccccc-data"})
    assert seen(one, "job-bbbbb", one) != seen(one, "job-bbbbb", other), "another object's"


def test_objects_that_contain_themselves() -> None:
    one, other = Record("a"), Record("b")
    one.self, other.self = [one], [other]  # type: ignore[attr-defined]
    assert state(one) != state(other)
    assert state([one, one])["outside: StandIn"]["content"][1]["address"] == "a", "twice is not within itself"


def test_a_mock_can_stand_in() -> None:
    one, other = Mock(), Mock()
    one.set("a", ttl=1)
    before = whole(other)
    other.set("a", ttl=1)
    assert whole(other) != before
    assert outside_state({Mock: one}, []) == outside_state({Mock: other}, [])
    other.set("b")
    assert outside_state({Mock: one}, []) != outside_state({Mock: other}, [])


def test_a_change_deep_inside_is_one() -> None:
    record = Record("a")
    stand_in = StandIn({"home": [record]})
    before = whole(stand_in)
    assert whole(stand_in) == before
    record.address = "b"
    assert whole(stand_in) != before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(max_value=10**6) | st.text("abc", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_plain_values_stay_as_they_are(value: Any) -> None:
    assert state(value)["outside: StandIn"]["content"] == value
