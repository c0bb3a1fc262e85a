"""Fault injection: failures instead of responses, lost responses, and functions that run before a request."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, get_args

from kaiwu_runtime.api._identity import ResourceIdentity

Verb = Literal["get", "list", "watch", "create", "patch", "apply", "delete", "*"]


@dataclass(frozen=True, slots=True)
class FakeRequest:
    """One request that a fake API server got.

    Attributes:
        verb: ``get``, ``list``, ``watch``, ``create``, ``patch``, ``apply`` or ``delete``.
        identity: The resource.
        namespace: Empty for all, or for a cluster-scoped resource.
        name: Empty for a collection.
        subresource: For example ``status``; empty for the object itself.
        body: The request body; may be empty.
    """

    verb: str
    identity: ResourceIdentity
    namespace: str
    name: str
    subresource: str
    body: bytes


Hook = Callable[[FakeRequest], Awaitable[None] | None]


@dataclass(slots=True)
class _Failure:
    verb: str
    identity: ResourceIdentity | None
    error: Exception
    times: int
    stored: bool


class Faults:
    """A fault to inject, and its condition."""

    def __init__(self) -> None:
        self._failures: list[_Failure] = []
        self._hooks: list[tuple[str, ResourceIdentity | None, Hook]] = []
        self._in_hook: ContextVar[bool] = ContextVar("kaiwu_fake_hook", default=False)

    def fail(
        self, verb: Verb, identity: ResourceIdentity | None, error: Exception, times: int, *, stored: bool
    ) -> None:
        """Let requests fail; see :class:`~kaiwu_runtime.testing.FakeTransport`."""
        _check(verb)
        if times < 1:
            raise ValueError(f"times is {times}; it must be 1 or more")
        self._failures.append(_Failure(verb, identity, error, times, stored))

    def before(self, verb: Verb, identity: ResourceIdentity | None, hook: Hook) -> None:
        """Call a function before requests; see :class:`~kaiwu_runtime.testing.FakeTransport`."""
        _check(verb)
        self._hooks.append((verb, identity, hook))

    async def run_hooks(self, request: FakeRequest) -> None:
        """Call the functions that wait for this request; not for requests that such a function sends itself."""
        if self._in_hook.get():
            return
        token = self._in_hook.set(True)
        try:
            for verb, identity, hook in list(self._hooks):
                if _matches(verb, identity, request):
                    waited = hook(request)
                    if inspect.isawaitable(waited):
                        await waited
        finally:
            self._in_hook.reset(token)

    def next_failure(self, request: FakeRequest, *, stored: bool) -> Exception | None:
        """Return what a request fails with, and count it.

        Args:
            request: The request.
            stored: Whether it has taken effect already.
        """
        if self._in_hook.get():
            return None
        for failure in self._failures:
            if failure.stored == stored and _matches(failure.verb, failure.identity, request):
                failure.times -= 1
                if not failure.times:
                    self._failures.remove(failure)
                return failure.error
        return None


def _matches(verb: str, identity: ResourceIdentity | None, request: FakeRequest) -> bool:
    verbs = {request.verb, "*"} | ({"patch"} if request.verb == "apply" else set())
    return verb in verbs and identity in {None, request.identity}


def _check(verb: str) -> None:
    if verb not in get_args(Verb):
        raise ValueError(f"verb {verb!r}: use one of {', '.join(get_args(Verb))}")
