"""The client of a reconciler that is written as a plain function, which runs in a thread and cannot await."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar, cast

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.rest._answer_polling import end_pauses

T = TypeVar("T")


def wait_in_thread(awaitable: Awaitable[T], loop: asyncio.AbstractEventLoop | None) -> T:
    """Return the result of an awaitable, from a thread without an event loop.

    Args:
        awaitable: What to wait for; anything else is returned as it is.
        loop: The event loop it runs in; None runs it in one of its own, as in a test without a manager.

    Raises:
        RuntimeError: An event loop runs in this thread, which must not be blocked.
    """
    if not inspect.isawaitable(awaitable):
        return cast("T", awaitable)
    if _has_loop():
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise RuntimeError("wait() would block the event loop: it is for a plain `def reconcile`; use await here")
    work: Coroutine[Any, Any, T] = _result(awaitable)
    if loop is None:
        return asyncio.run(work)
    end_pauses()
    try:
        result = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError:  # the loop is closed: the manager has stopped
        work.close()
        if inspect.iscoroutine(awaitable):
            awaitable.close()
        raise
    return result.result()


class ThreadedClient(Client):
    """A client whose methods return their results in a thread without an event loop; elsewhere it is like any other.

    Args:
        client: Sends the requests.
        loop: The event loop that it belongs to.
    """

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            client.transport,
            field_manager=client.field_manager,
            namespace=client.namespace,
            field_validation=client.field_validation,
        )
        self.inner = client
        self.loop = loop

    def logs(self, *args: Any, follow: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401 - as the client's own
        """Return a container's log, or follow it; see :class:`~kaiwu_runtime.client.Client`."""
        inner: Any = self.inner
        found = inner.logs(*args, follow=follow, **kwargs)
        if _has_loop():
            return found
        return self._lines(found) if follow else wait_in_thread(found, self.loop)

    def _lines(self, lines: AsyncGenerator[str, None]) -> Iterator[str]:
        try:
            while (line := wait_in_thread(anext(lines, None), self.loop)) is not None:
                yield line
        finally:
            wait_in_thread(lines.aclose(), self.loop)

    def namespace_for(self, identity: ResourceIdentity, namespace: str) -> str:
        """Return the namespace that a request goes to, as the client behind it does."""
        return self.inner.namespace_for(identity, namespace)


def _waiting(name: str) -> Callable[..., Any]:
    def method(self: ThreadedClient, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the client's own
        coroutine = getattr(self.inner, name)(*args, **kwargs)
        return coroutine if _has_loop() else wait_in_thread(coroutine, self.loop)

    method.__name__, method.__doc__ = name, getattr(Client, name).__doc__
    return method


for _name, _method in inspect.getmembers(Client, inspect.iscoroutinefunction):
    if not _name.startswith("_"):
        setattr(ThreadedClient, _name, _waiting(_name))


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _result(awaitable: Awaitable[T]) -> T:
    return await awaitable
