"""What is waited for after a write, and what ends the wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection

import pytest

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.cache import CachedObject
from kaiwu_runtime.cache import _own_writes as own_writes
from kaiwu_runtime.cache._own_writes import OwnWrites
from kaiwu_runtime.cache._store import Store

KEY = ObjectKey("x", "a")


def state(version: str, uid: str = "u", name: str = "a") -> CachedObject:
    metadata = {"name": name, "namespace": "x", "uid": uid, "resourceVersion": version}
    return CachedObject.parse(json.dumps({"metadata": metadata}).encode())


class Seen:
    """A store, and the writes to its objects, as an informer keeps them."""

    def __init__(self) -> None:
        self.store = Store()
        self.writes = OwnWrites(self.store)
        self.writes.complete = True  # the first list is there

    def put(self, obj: CachedObject) -> None:
        self.store.put(obj)
        self.writes.seen(obj)

    def remove(self, obj: CachedObject) -> None:
        self.store.remove(obj)
        self.writes.gone(obj)

    def replace(
        self, *objects: CachedObject, version: str = "", namespace: str = "", besides: Collection[str] = ()
    ) -> None:
        self.store.replace(objects, besides=besides)
        self.writes.listed(namespace, version, besides)


Step = Callable[[Seen], None]


@pytest.mark.parametrize(
    ("before", "write", "then", "ends"),
    [
        ("5", "7", lambda seen: seen.put(state("7")), True),
        ("5", "7", lambda seen: seen.put(state("8")), True),
        ("5", "7", lambda seen: seen.put(state("6")), False),
        ("9", "10", lambda seen: seen.put(state("10")), True),
        ("5", "7", lambda seen: seen.put(state("9", name="b")), False),
        ("5", "7", lambda seen: seen.remove(state("8")), True),
        ("5", "7", lambda seen: seen.replace(state("8")), True),
        ("5", "7", lambda seen: seen.replace(state("6")), False),
        ("5", "7", lambda seen: seen.replace(), False),  # listed before the write: its event is still to come
        ("5", "7", lambda seen: seen.replace(version="6"), False),
        ("5", "7", lambda seen: seen.replace(version="7"), True),  # deleted, and the watch did not say so
        ("5", "7", lambda seen: seen.replace(version="12"), True),
        ("5", "7", lambda seen: seen.replace(version="12", namespace="elsewhere"), False),
        ("5", "7", lambda seen: seen.replace(version="12", besides={"x"}), False),  # its namespace was not listed
        ("", "7", lambda seen: seen.put(state("7")), True),
        ("5", "gone", lambda seen: seen.remove(state("8")), True),
        ("5", "gone", lambda seen: seen.put(state("8")), False),
        ("5", "gone", lambda seen: seen.put(state("9", uid="v")), True),
        ("5", "gone", lambda seen: seen.replace(), True),
    ],
)
async def test_what_ends_the_wait(before: str, write: str, then: Step, *, ends: bool) -> None:
    seen = Seen()
    if before:
        seen.put(state(before))
    if write == "gone":
        seen.writes.expect_gone(KEY)
    else:
        seen.writes.expect(KEY, write)
    assert seen.writes.missing(KEY) == seen.writes.missing_in("x") == seen.writes.missing_in("") == [KEY]
    assert seen.writes.missing_in("y") == []
    waiting = asyncio.create_task(seen.writes.wait([KEY], 0.1))
    await asyncio.sleep(0)
    then(seen)
    assert await waiting == (None if ends else KEY)
    assert bool(seen.writes.pending) is not ends


@pytest.mark.parametrize(
    ("then", "ends"),
    [
        (lambda seen: seen.remove(state("7")), True),
        (lambda seen: seen.remove(state("6")), True),  # another client took it out of the selection before
        (lambda seen: seen.put(state("6")), False),
        (lambda seen: seen.put(state("8")), True),  # another client has put it in again
        (lambda seen: seen.replace(version="6"), False),
        (lambda seen: seen.replace(version="7"), True),
        (lambda seen: seen.writes.expect(KEY, "9"), False),
    ],
)
@pytest.mark.parametrize("before", ["5", "about to come"])
async def test_what_does_not_match_a_selector_any_more_is_to_go(before: str, then: Step, *, ends: bool) -> None:
    seen = Seen()
    if before == "5":
        seen.put(state("5"))
    else:
        seen.writes.expect(KEY, "5")
    seen.writes.expect_leave(KEY, "7")
    assert seen.writes.missing(KEY)
    if before != "5":
        seen.put(state("5"))
        assert seen.writes.missing(KEY)
    then(seen)
    assert bool(seen.writes.pending) is not ends


async def test_what_matches_again_is_to_come_whatever_goes_before() -> None:
    seen = Seen()
    seen.put(state("5"))
    seen.writes.expect_leave(KEY, "7")
    seen.writes.expect(KEY, "9")
    seen.remove(state("7"))
    assert seen.writes.pending
    seen.put(state("9"))
    assert not seen.writes.pending


@pytest.mark.parametrize("version", ["7", "abc", ""])
async def test_what_never_matched_is_not_waited_for(version: str) -> None:
    seen = Seen()
    seen.writes.expect_leave(KEY, version)
    assert not seen.writes.pending


@pytest.mark.parametrize("version", ["7", "6", "5", "", "abc", "1.5", "\u0667", "-8"])
async def test_what_is_there_or_cannot_be_compared_is_not_waited_for(version: str) -> None:
    seen = Seen()
    seen.put(state("7"))
    seen.writes.expect(KEY, version)
    assert not seen.writes.pending


async def test_what_was_not_there_needs_not_go() -> None:
    seen = Seen()
    seen.writes.expect_gone(KEY)
    assert not seen.writes.pending


@pytest.mark.parametrize(("uid", "waits"), [("u", True), ("", True), ("before", False)])
async def test_an_object_that_was_created_again_before_the_answer_to_its_deletion_stays(
    uid: str, *, waits: bool
) -> None:
    seen = Seen()
    seen.put(state("5", uid="before"))
    seen.writes.expect(KEY, "6")
    seen.remove(state("7", uid="before"))
    seen.put(state("8", uid="u"))
    seen.writes.expect_gone(KEY, uid)
    assert bool(seen.writes.pending) is waits


async def test_the_newest_write_counts() -> None:
    seen = Seen()
    for version in ("7", "9", "8"):
        seen.writes.expect(KEY, version)
    seen.put(state("8"))
    assert seen.writes.pending
    seen.put(state("9"))
    assert not seen.writes.pending


async def test_many_wait_for_one_and_one_for_many() -> None:
    seen = Seen()
    keys = [ObjectKey("x", name) for name in "abc"]
    for key in keys:
        seen.writes.expect(key, "7")
    tasks = [asyncio.create_task(seen.writes.wait(keys, 5)) for _ in range(3)]
    tasks.append(asyncio.create_task(seen.writes.wait(keys[:1], 5)))
    await asyncio.sleep(0)
    tasks[0].cancel()
    for key in reversed(keys):
        seen.put(state("7", name=key.name))
        await asyncio.sleep(0)
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert done[1:] == [None] * 3
    assert not seen.writes._waiters


async def test_what_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that was deleted by another client, while the watch was cut."""
    monkeypatch.setattr(own_writes, "KEPT_SECONDS", 0.1)
    seen = Seen()
    seen.writes.expect(KEY, "7")
    assert await seen.writes.wait([KEY], 0.05) == KEY
    await asyncio.sleep(0.1)
    assert await seen.writes.wait([KEY], 0.05) is None
    assert not seen.writes.pending


class Early(Seen):
    """An informer whose first list is still to come."""

    def __init__(self) -> None:
        super().__init__()
        self.writes.complete = False

    def replace(
        self, *objects: CachedObject, version: str = "", namespace: str = "", besides: Collection[str] = ()
    ) -> None:
        first, self.writes.complete = not self.writes.complete, True
        self.store.replace(objects, besides=besides)
        self.writes.listed(namespace, version, besides, first=first)


@pytest.mark.parametrize(
    ("write", "then", "ends"),
    [
        ("stored", lambda seen: seen.replace(version="7"), True),
        ("stored", lambda seen: seen.replace(state("7"), version="7"), True),
        ("stored", lambda seen: seen.replace(version="6"), False),  # the list is older than the write
        ("stored", lambda seen: seen.replace(state("6"), version="6"), False),
        ("leaves", lambda seen: seen.replace(state("6"), version="6"), False),
        ("leaves", lambda seen: seen.replace(version="6"), True),  # it did not match before either
        ("leaves", lambda seen: seen.replace(version="7"), True),
        ("gone", lambda seen: seen.replace(state("6"), version="6"), False),
        ("gone", lambda seen: seen.replace(version="6"), True),
        ("gone", lambda seen: seen.replace(state("8", uid="v"), version="8"), True),
    ],
)
async def test_a_write_before_the_first_list_is_waited_for(write: str, then: Step, *, ends: bool) -> None:
    seen = Early()
    if write == "stored":
        seen.writes.expect(KEY, "7")
    elif write == "leaves":
        seen.writes.expect_leave(KEY, "7")
    else:
        seen.writes.expect_gone(KEY, "u")
    then(seen)
    assert bool(seen.writes.pending) is not ends


async def test_a_list_that_never_comes_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_writes, "_MOST_EARLY", 10)
    seen = Early()
    for number in range(100):
        seen.writes.expect(ObjectKey("x", str(number)), "7")
        seen.writes.expect_gone(ObjectKey("y", str(number)), "u")
    assert len(seen.writes.pending) == 10
    assert ObjectKey("y", "99") in seen.writes.pending


@pytest.mark.parametrize(
    ("then", "version", "pending"),
    [
        (lambda seen: seen.remove(state("8")), "7", False),
        (lambda seen: seen.remove(state("8")), "8", False),
        (lambda seen: seen.remove(state("8")), "9", True),  # it was created again
        (lambda seen: (seen.remove(state("8")), seen.remove(state("6", name="b"))), "7", False),
        (lambda seen: seen.replace(version="8"), "7", False),
        (lambda seen: seen.replace(version="8", namespace="x"), "8", False),
        (lambda seen: seen.replace(version="8"), "9", True),
        (lambda seen: seen.replace(version="8", namespace="y"), "7", True),
        (lambda seen: (seen.remove(state("8")), seen.replace(version="3")), "7", True),  # etcd was restored
        (lambda seen: (seen.remove(state("8")), seen.replace(version="3", namespace="y")), "7", False),
        (lambda seen: None, "7", True),
    ],
)
def test_an_answer_that_comes_after_the_deletion(then: Step, version: str, pending: bool) -> None:
    """Watch and answer have a connection each; nothing will ever be seen of an object that is gone."""
    seen = Seen()
    then(seen)
    seen.writes.expect(KEY, version)
    assert bool(seen.writes.pending) is pending


def test_not_every_deletion_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_writes, "_MOST_DELETED", 2)
    seen = Seen()
    for name in ("a", "b", "c"):
        seen.remove(state("8", name=name))
    for name in ("a", "b", "c"):
        seen.writes.expect(ObjectKey("x", name), "7")
    assert list(seen.writes.pending) == [KEY]


async def test_objects_in_doubt_that_nobody_reads_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_writes, "_MOST_IN_DOUBT", 3)
    seen = Seen()
    keys = [ObjectKey("x", str(number)) for number in range(5)]
    seen.writes.expect(KEY, "7")
    for key in keys:
        seen.writes.doubt(key)
    assert [key for key in keys if seen.writes.in_doubt(key)] == keys[-2:]
    assert seen.writes.missing(KEY), "it is not in doubt"


@pytest.mark.parametrize(
    ("present", "listed", "waits"),
    [("", "7", False), ("6", "7", True), ("7", "7", True), ("8", "7", False), ("6", "", True), ("x", "y", True)],
)
async def test_what_a_list_lacks_goes_unless_it_is_newer(present: str, listed: str, waits: bool) -> None:
    seen = Seen()
    if present:
        seen.put(state(present))
    seen.writes.expect_absent(KEY, listed)
    assert bool(seen.writes.missing(KEY)) is waits


async def test_a_doubt_ends_the_wait_for_what_was_written_before() -> None:
    seen = Seen()
    seen.writes.expect(KEY, "7")
    waiting = asyncio.create_task(seen.writes.wait([KEY], 5))
    await asyncio.sleep(0)
    seen.writes.doubt(KEY)
    assert await waiting is None
    assert seen.writes.in_doubt(KEY)


@pytest.mark.parametrize(
    "answer",
    [
        lambda writes: writes.expect(KEY, "9"),
        lambda writes: writes.expect_leave(KEY, "9"),
        lambda writes: writes.expect_gone(KEY, "u"),
        lambda writes: writes.doubt(KEY),
    ],
)
async def test_another_write_makes_it_a_new_doubt(answer: Callable[[OwnWrites], None]) -> None:
    seen = Seen()
    seen.put(state("5"))
    seen.writes.doubt(KEY)
    doubt = seen.writes.in_doubt(KEY)
    assert doubt is not None
    answer(seen.writes)
    assert not seen.writes.settle(KEY, doubt)
    assert seen.writes.in_doubt(KEY)


async def test_what_is_deleted_before_it_came_is_waited_for_until_it_has_gone() -> None:
    seen = Seen()
    seen.writes.expect(KEY, "7")
    seen.writes.expect_gone(KEY, "u")
    seen.put(state("7"))
    assert seen.writes.missing(KEY)
    seen.remove(state("8"))
    assert not seen.writes.missing(KEY)
