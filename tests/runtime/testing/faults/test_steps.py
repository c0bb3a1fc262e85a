"""A step that is not one, and one that would end the process or never ends, is a finding."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kaiwu_runtime.testing.faults import Plan, check, invariant, step

from .test_declared import Idle


async def exits(*_: object) -> None:
    sys.exit(0)


async def is_cancelled(*_: object) -> None:
    raise asyncio.CancelledError


async def hangs(*_: object) -> None:
    await asyncio.Event().wait()


async def yields(*_: object) -> AsyncIterator[int]:
    yield 1


def plain(*_: object) -> bool:
    return True


NOT_ASYNC = "TypeError: not a coroutine: define it with `async def`, without `yield`"


@pytest.mark.parametrize(
    ("role", "method", "text"),
    [
        ("step", exits, "step act: SystemExit: 0"),
        ("step", is_cancelled, "step act: CancelledError"),
        ("step", hangs, "step act: does not end within 3600 s"),
        ("step", yields, f"step act: {NOT_ASYNC}"),
        ("step", plain, f"step act: {NOT_ASYNC}"),
        ("invariant", exits, "invariant act: SystemExit: 0"),
        ("invariant", plain, f"invariant act: {NOT_ASYNC}"),
        ("settled", exits, "step start: not settled after 3600 s: settled: SystemExit: 0"),
        ("settled", plain, f"step start: not settled after 3600 s: settled: {NOT_ASYNC}"),
    ],
)
def test_what_cannot_be_awaited_to_its_end_is_a_finding(role: str, method: Any, text: str) -> None:
    def act(self: Idle, cluster: object) -> object:
        return method(self, cluster)

    roles: dict[str, Any] = {"step": step, "invariant": invariant, "settled": lambda each: each}
    kind = type("Scene", (Idle,), {"settled" if role == "settled" else "act": roles[role](act)})
    (found,) = check(kind, plan=Plan("none")).findings
    assert found.text == text
