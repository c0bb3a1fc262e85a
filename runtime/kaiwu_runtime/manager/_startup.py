"""What a manager waits for when it starts, and what it says when that does not come."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from kaiwu_runtime._clock import monotonic
from kaiwu_runtime._error_text import one_line
from kaiwu_runtime._redaction import redact
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.errors import (
    APIConnectionError,
    CredentialsError,
    KaiwuError,
    UnauthorizedError,
)

UNREACHABLE_SECONDS = 5.0
"""How long a manager that starts tries to reach the API server: a wrong address should not take two minutes."""


async def wait_until_synced(cache: Cache, informers: Sequence[Informer[Any]], stop: asyncio.Event) -> None:
    """Wait for the caches, except for problems that waiting cannot solve: a missing CRD or rule, an invalid token.

    Args:
        cache: Runs the informers.
        informers: What to wait for.
        stop: Ends the wait.

    Raises:
        ConfigurationError: A change is needed first; the message names it.
        APIConnectionError: The API server cannot be reached, or the cache's time is over.
    """
    if not informers:
        return
    await unless_stopped(_synced(cache, informers), stop)


async def unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Await some work, or return when the manager is stopped first; the work is cancelled then.

    Args:
        work: What to await; what it raises is raised.
        stop: Ends the wait.
    """
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _synced(cache: Cache, informers: Sequence[Informer[Any]]) -> None:
    waiting = asyncio.create_task(_all_synced(cache, informers))
    began = monotonic()
    try:
        while not waiting.done():
            await asyncio.wait({waiting}, timeout=0.1)
            for informer in informers:
                informer.raise_if_hopeless()
            unreachable = all(isinstance(informer.error, APIConnectionError) for informer in informers)
            if unreachable and monotonic() - began > UNREACHABLE_SECONDS:
                credentials = any(isinstance(informer.error, CredentialsError) for informer in informers)
                raise (CredentialsError if credentials else APIConnectionError)(informers[0].last_error)
        await waiting
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _all_synced(cache: Cache, informers: Sequence[Informer[Any]]) -> None:
    for informer in informers:
        await cache.wait_for(informer)


def explain(error: KaiwuError) -> str:
    """Return what stopped a manager, and what to do about it, in one line."""
    text = redact(one_line(error))
    if isinstance(error, UnauthorizedError):
        return f"the API server does not accept the credentials: {text}; check the kubeconfig's user or token"
    if isinstance(error, CredentialsError):
        return f"no credentials for the API server: {text}"
    if isinstance(error, APIConnectionError) and "sync" not in text:
        return f"the API server gives no answer: {text}; check the kubeconfig's server and that it runs"
    return text
