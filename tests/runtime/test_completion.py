"""Work that goes on to its end, whatever its caller is told."""

from __future__ import annotations

import asyncio

import pytest

from kaiwu_runtime._completion import to_the_end

from .cancelling import nothing_left, steps


@pytest.mark.parametrize("cancellations", range(4))
@pytest.mark.parametrize("fails", [False, True], ids=["returns", "fails"])
async def test_a_cancelled_caller(cancellations: int, fails: bool) -> None:
    ended: list[bool] = []

    async def work() -> str:
        await steps(10)
        ended.append(True)
        if fails:
            raise ValueError("no")
        return "done"

    async with nothing_left():
        task = asyncio.create_task(to_the_end(work()))
        for _ in range(cancellations):
            await steps(2)
            task.cancel()
        await asyncio.wait([task])
        assert ended == [True]
        assert task.cancelled() == bool(cancellations)
        if not cancellations and not fails:
            assert task.result() == "done"
        elif not cancellations:
            with pytest.raises(ValueError, match="no"):
                task.result()
