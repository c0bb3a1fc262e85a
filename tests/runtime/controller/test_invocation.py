"""What a reconciler's method may be: whatever can be called, whenever it was put there."""

from __future__ import annotations

import functools
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock

import pytest

from kaiwu_runtime import Manager
from kaiwu_runtime.controller import Reconciler, Request, Result
from kaiwu_runtime.controller._invocation import Invocation
from kaiwu_runtime.controller._options import ControllerOptions

RESULT = Result(requeue_after=1)


class Original(Reconciler):
    def setup_with_manager(self, manager: Manager) -> None:
        """Watch nothing."""

    async def reconcile(self, _request: Request) -> Result:
        return RESULT


async def _later(_request: Request) -> Result:
    return RESULT


class Awaitable:
    def __await__(self) -> Any:
        return _later(Request("a", "b")).__await__()


REPLACEMENTS: list[Any] = [
    None,
    _later,
    functools.partial(_later),
    lambda _request: RESULT,
    lambda request: _later(request),  # noqa: PLW0108 - another kind of function
    lambda _request: Awaitable(),
    AsyncMock(return_value=RESULT),
    MagicMock(return_value=RESULT),
]


@pytest.mark.parametrize("replacement", REPLACEMENTS, ids=range(len(REPLACEMENTS)))
async def test_a_method_that_is_replaced(replacement: Any) -> None:
    reconciler = Original(cast("Any", None))
    invocation = Invocation("test", reconciler, ControllerOptions(), None, is_ending=lambda: True)
    if replacement is not None:
        reconciler.reconcile = replacement  # type: ignore[method-assign]
    assert await invocation.reconcile(Request("a", "b")) == RESULT
