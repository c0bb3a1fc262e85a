"""Fault injection: failures instead of responses, lost responses, and functions that run before a request."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, get_args

from kaiwu_runtime.api._identity import ResourceIdentity

Verb = Literal["get", "list", "watch", "create", "patch", "apply", "delete", "write", "*"]

_WRITES = frozenset({"create", "patch", "apply", "delete"})


@dataclass(slots=True)
class FakeRequest:
    """One request that a fake API server got.

    Attributes:
        verb: ``get``, ``list``, ``watch``, ``create``, ``patch``, ``apply`` or ``delete``.
        identity: The resource.
        namespace: Empty for all, or for a cluster-scoped resource.
        name: Empty for a collection.
        subresource: For example ``status``; empty for the object itself.
        body: The request body; may be empty.
        number: Which request of the server's it is; the first is 1.
        changed: Whether it changed anything that is stored; a dry run, a rejection, an apply of what is there do not.
    """

    verb: str
    identity: ResourceIdentity
    namespace: str
    name: str
    subresource: str
    body: bytes
    number: int = 0
    changed: bool = False

    @property
    def writes(self) -> bool:
        """Whether it is a request to change something."""
        return self.verb in _WRITES


answered: ContextVar[FakeRequest] = ContextVar("kaiwu_fake_answered")
"""The last request that this task, or what it awaited, had answered."""

Hook = Callable[[FakeRequest], Awaitable[None] | None]


Condition = Callable[[FakeRequest], bool]


@dataclass(slots=True)
class _Failure:
    verb: str
    identity: ResourceIdentity | None
    error: Exception
    times: int
    stored: bool
    skipped: int
    condition: Condition | None


class Faults:
    """A fault to inject, and its condition."""

    def __init__(self) -> None:
        self._failures: list[_Failure] = []
        self._hooks: list[tuple[str, ResourceIdentity | None, Hook, bool]] = []
        self._in_hook: ContextVar[bool] = ContextVar("kaiwu_fake_hook", default=False)

    def fail(
        self,
        verb: Verb,
        identity: ResourceIdentity | None,
        error: Exception,
        times: int,
        *,
        stored: bool,
        number: int,
        when: Condition | None,
    ) -> None:
        """Let requests fail; see :class:`~kaiwu_runtime.testing.FakeTransport`."""
        _check(verb)
        for name, value in (("times", times), ("number", number)):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be 1 or more")
        self._failures.append(_Failure(verb, identity, error, times, stored, number - 1, when))

    def hook(self, verb: Verb, identity: ResourceIdentity | None, hook: Hook, *, late: bool) -> None:
        """Call a function before or after requests; see :class:`~kaiwu_runtime.testing.FakeTransport`."""
        _check(verb)
        self._hooks.append((verb, identity, hook, late))

    async def run_hooks(self, request: FakeRequest, *, late: bool) -> None:
        """Call the functions that wait for this request; not for requests that such a function sends itself.

        Args:
            request: The request.
            late: Those that are called after it took effect.
        """
        if self._in_hook.get():
            return
        token = self._in_hook.set(True)
        try:
            for verb, identity, hook, after in list(self._hooks):
                if after == late and _matches(verb, identity, request):
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
                if failure.condition is not None and not failure.condition(request):
                    continue
                if failure.skipped:
                    failure.skipped -= 1
                    continue
                failure.times -= 1
                if not failure.times:
                    self._failures.remove(failure)
                return failure.error
        return None


def _matches(verb: str, identity: ResourceIdentity | None, request: FakeRequest) -> bool:
    verbs = {request.verb, "*"} | ({"patch"} if request.verb == "apply" else set())
    if request.writes:
        verbs.add("write")
    return verb in verbs and identity in {None, request.identity}


def _check(verb: str) -> None:
    if verb not in get_args(Verb):
        raise ValueError(f"verb {verb!r}: use one of {', '.join(get_args(Verb))}")
