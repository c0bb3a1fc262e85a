"""Of calls at the same time, each change belongs to the one that made it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.testing.faults._changes import Changes, Ended


class Database:
    def __init__(self) -> None:
        self.rows: list[int] = []
        self.busy = 0


Act = tuple[str, int]
ACTS = st.lists(st.tuples(st.sampled_from(["wait", "write", "busy"]), st.integers(1, 3)), max_size=4)


async def work(database: Database, acts: list[Act], *, fails: bool) -> str:
    for act, number in acts:
        if act == "wait":
            for _ in range(number):
                await asyncio.sleep(0)
        elif act == "write":
            database.rows.append(number)
        else:  # and back
            database.busy += number
            database.busy -= number
    if fails:
        raise ValueError("after its writes")
    return "done"


@given(st.lists(st.tuples(ACTS, st.booleans()), max_size=5))
def test_call_has_changed_what_it_wrote(calls: list[tuple[list[Act], bool]]) -> None:
    async def follow() -> list[Ended]:
        database = Database()
        changes = Changes({Database: database})
        waits = [changes.wait(work(database, acts, fails=fails)) for acts, fails in calls]
        return await asyncio.gather(*waits)

    for (acts, fails), ended in zip(calls, asyncio.run(follow()), strict=True):
        assert ended.changed == ({Database} if any(act == "write" for act, _ in acts) else set())
        assert isinstance(ended.failure, ValueError) == fails
        if not fails:
            assert ended.result() == "done"


async def in_a_task(database: Database) -> None:
    await asyncio.create_task(work(database, [("write", 1)], fails=False))


async def in_a_thread(database: Database) -> None:
    await asyncio.to_thread(database.rows.append, 1)


async def after_a_timeout(database: Database) -> None:
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        database.rows.append(1)


@pytest.mark.parametrize("function", [in_a_task, in_a_thread, after_a_timeout])
async def test_change_that_others_make_for_a_call_is_not_lost(function: Callable[[Database], Awaitable[None]]) -> None:
    database = Database()
    changes = Changes({Database: database})
    assert (await changes.wait(function(database))).changed == {Database}
    reading = changes.wait(work(database, [("wait", 3)], fails=False))
    found = await asyncio.gather(changes.wait(function(database)), reading)
    assert found[0].changed == {Database}


async def test_change_before_a_call_is_not_its_own() -> None:
    database, other = Database(), {"a": 1}
    changes = Changes({Database: database, dict: other})
    database.rows.append(1)
    assert changes.run(lambda: "done").changed == set()
    assert changes.run(lambda: database.rows.append(2)).changed == {Database}


def add(database: Database) -> Any:
    database.rows.append(1)
    raise ValueError("after its write")


async def test_cancelled_call_is_not_under_way_any_longer() -> None:
    database = Database()
    changes = Changes({Database: database})
    task = asyncio.create_task(changes.wait(work(database, [("wait", 3)] * 100, fails=False)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert changes._under_way == []
    ended = changes.run(lambda: add(database))
    assert ended.changed == {Database}
    with pytest.raises(ValueError, match="after its write"):
        ended.result()
