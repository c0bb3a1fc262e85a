"""Wait in a test until an operator has done something."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from kaiwu_runtime.api._conditions import is_condition_true
from kaiwu_runtime.api._identity import ObjectKey, identify
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._codec import encode_status
from kaiwu_runtime.client._reader import Reader
from kaiwu_runtime.errors import NotFoundError

T = TypeVar("T")


async def eventually(
    check: Callable[[], Awaitable[T]] | Callable[[], T],
    *,
    timeout: float = 30.0,  # noqa: ASYNC109 - says what it waited for
    interval: float = 0.02,
) -> T:
    """Call a function until it returns something true, and return that.

    Args:
        check: A plain or async function. NotFoundError and AssertionError mean "not yet".
        timeout: Seconds to wait at most.
        interval: Seconds between two calls.

    Raises:
        TimeoutError: It did not in time; the message has the last assertion, error or value.
        Exception: Any other exception of the function, at once.
    """
    last: object = "not called"
    clock = asyncio.get_running_loop().time
    end = clock() + timeout
    while True:
        try:
            found: Any = check()
            value: Any = await found if inspect.isawaitable(found) else found
            if value:
                return value  # type: ignore[no-any-return]
            last = repr(value)
        except (NotFoundError, AssertionError) as error:
            last = error
        if clock() >= end:
            raise TimeoutError(f"not within {timeout:g} s: {last or 'an assertion failed'}")
        await asyncio.sleep(interval)


async def wait_for(
    client: Client | Reader,
    kind: type[T],
    key: ObjectKey,
    condition: str | Callable[[T], object] | None = None,
    timeout: float = 30.0,  # noqa: ASYNC109
) -> T:
    """Wait until an object is there and meets a condition, as ``kubectl wait`` does, and return it.

    ::

        site = await wait_for(client, Site, created.key, "Ready")
        await wait_for(client, ConfigMap, created.key, lambda found: found.data == {"title": "home"})

    Args:
        client: Reads the object.
        kind: A project's type or a lightkube kind.
        key: The object's namespace and name.
        condition: The type of a condition in its status that has to be ``True`` for the object's present generation
            where it names one, or a function of the object. None: the object is there.
        timeout: Seconds to wait at most.

    Raises:
        TimeoutError: It did not in time; the message has the object's last status.
        APIError: The object cannot be read.
    """
    last = "it does not exist"

    async def look() -> tuple[T, ...]:
        nonlocal last
        found = await client.get(kind, key)
        if condition is None or (_is_true(found, condition) if isinstance(condition, str) else condition(found)):
            return (found,)  # an object may be false
        last = f"its status is {bytes(encode_status(found)).decode()}"
        return ()

    try:
        found: tuple[T, ...] = await eventually(look, timeout=timeout)
    except TimeoutError:
        wanted = f"condition {condition!r}" if isinstance(condition, str) else "condition"
        raise TimeoutError(f"{identify(kind).kind} {key}: {wanted} not met within {timeout:g} s: {last}") from None
    return found[0]


def _is_true(obj: Any, condition: str) -> bool:  # noqa: ANN401 - a pydantic model or a lightkube kind
    conditions = getattr(obj.status, "conditions", None) or ()
    if not is_condition_true(conditions, condition):
        return False
    found = next(each for each in conditions if each.type == condition)
    observed = getattr(found, "observedGeneration", None)  # not every kind of Kubernetes has it
    return observed is None or observed == obj.metadata.generation
