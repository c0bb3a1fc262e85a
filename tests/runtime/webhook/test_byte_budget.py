"""How much of the pod's memory large requests may take together."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.webhook._byte_budget import (
    MAX_BYTES,
    MIB,
    SMALL,
    BudgetExhaustedError,
    ByteBudget,
    Share,
    budget_bytes,
)


@given(st.none() | st.integers(64 * MIB, 2**40))
def test_the_budget_leaves_room_for_the_process(limit: int | None) -> None:
    found = budget_bytes(limit)
    assert 8 * MIB <= found <= MAX_BYTES
    if limit is not None:
        assert 3 * found <= limit / 2


@given(st.lists(st.tuples(st.integers(1, 3 * SMALL), st.booleans(), st.booleans()), max_size=25))
def test_never_more_than_the_total_is_held_and_all_of_it_comes_back(requests: list[tuple[int, bool, bool]]) -> None:
    async def main() -> None:
        budget = ByteBudget(4 * SMALL)

        async def one(size: int, pieces: bool, gives_up: bool) -> str:
            try:
                async with asyncio.timeout(0.001 if gives_up else 20):
                    with Share(budget, 10.0) as share:
                        for _ in range(4 if pieces else 1):
                            await share.add(size // 4 if pieces else size)
                            assert budget.used <= budget.total
                            await asyncio.sleep(0)
            except TimeoutError:
                return "given up"
            return "done"

        found = await asyncio.gather(*(one(*request) for request in requests if not request[1]))
        assert all(
            outcome == "done" or request[2]
            for outcome, request in zip(found, [r for r in requests if not r[1]], strict=True)
        )
        for request in requests:
            if request[1]:
                await one(*request)
        assert budget.used == 0

    asyncio.run(main())


async def test_a_share_that_does_not_come_in_time_is_refused() -> None:
    budget = ByteBudget(MIB)
    with Share(budget, 0.05) as first, Share(budget, 0.05) as second, Share(budget, 0.05) as third:
        await first.add(MIB)
        with pytest.raises(BudgetExhaustedError, match="too many large requests"):
            await second.add(SMALL + 1)
        await third.add(SMALL)  # small ones never wait
    assert budget.used == 0
    with Share(budget, 0.05) as again:
        await again.add(MIB)


async def test_a_large_request_is_not_passed_by_small_ones_for_ever() -> None:
    budget = ByteBudget(MIB)
    order: list[int] = []

    async def one(number: int, size: int) -> None:
        with Share(budget, 10.0) as share:
            await share.add(size)
            order.append(number)
            await asyncio.sleep(0.001)

    await asyncio.gather(one(0, MIB // 2), one(1, MIB), *(one(number, 2 * SMALL) for number in range(2, 10)))
    assert order[:2] == [0, 1]


@pytest.mark.parametrize("waiting", [2, 3, 10])
async def test_shares_that_do_not_come_in_time_are_refused_together(waiting: int) -> None:
    budget = ByteBudget(MIB)
    await budget.reserve(MIB, 1.0)
    found = await asyncio.gather(*(budget.reserve(1, 0.02) for _ in range(waiting)), return_exceptions=True)
    assert {type(each) for each in found} == {BudgetExhaustedError}
    budget.release(MIB)
    assert budget.used == 0


@pytest.mark.parametrize("released_too", [False, True])
async def test_requests_that_are_cancelled_together_leave_nothing_behind(released_too: bool) -> None:
    budget = ByteBudget(MIB)
    await budget.reserve(MIB, 1.0)
    tasks = [asyncio.create_task(budget.reserve(MIB // 4, 10.0)) for _ in range(6)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    if released_too:
        budget.release(MIB)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in found)
    if not released_too:
        budget.release(MIB)
    assert budget.used == 0
    assert not budget.is_wanted
