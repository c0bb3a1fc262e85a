"""What lives outside Kubernetes: a stand-in whose calls by the operator are counted, and end when it is killed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kaiwu_runtime.testing.faults._values import Values


class Life(Protocol):
    """One life of the operator."""

    @property
    def dead(self) -> bool:
        """Whether it was killed."""

    def effect(self, text: str, request: int = 0) -> None:
        """Count an effect, which may be the end of this life."""

    async def end(self) -> None:
        """Never return; called by what a killed operator goes on to do."""


class Killed(BaseException):
    """Ends a function of a killed operator that runs in a thread."""


class Counted:
    """Passes calls on to an object; a call that changes one of its attributes is an effect of the operator.

    Args:
        inner: The object.
        name: Its name for people.
        life: Whose calls they are.
    """

    def __init__(self, inner: object, name: str, life: Life) -> None:
        self._kaiwu_inner = inner
        self._kaiwu_name = name
        self._kaiwu_life = life

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the object has it
        found = getattr(self._kaiwu_inner, name)
        if name.startswith("_") or not callable(found) or inspect.isclass(found):
            return found
        text = f"{self._kaiwu_name}.{name}"
        wrap = _asynchronous if is_async(found) else _plain
        return wrap(self._kaiwu_inner, found, text, self._kaiwu_life)

    def __repr__(self) -> str:
        return repr(self._kaiwu_inner)


def whole(inner: object) -> str:
    """Return all attributes of an object as text: another text after a call means that it changed something."""
    return repr(Values(private=True).attributes(inner))


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether a function has to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _asynchronous(inner: object, function: Callable[..., Any], text: str, life: Life) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if life.dead:
            await life.end()
        before = whole(inner)
        result, failure = None, None
        try:
            result = await function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - of the stand-in, which may have changed something before
            failure = error
        if life.dead:  # killed by another effect meanwhile
            await life.end()
        if whole(inner) != before:
            life.effect(described_call(text, args, kwargs))
        if life.dead:
            await life.end()
        if failure is not None:
            raise failure
        return result

    return call


def _plain(inner: object, function: Callable[..., Any], text: str, life: Life) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if life.dead:
            _end_here()
        before = whole(inner)
        result, failure = None, None
        try:
            result = function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - of the stand-in, which may have changed something before
            failure = error
        if whole(inner) != before:
            life.effect(described_call(text, args, kwargs))
        if life.dead:
            _end_here()
        if failure is not None:
            raise failure
        return result

    return call


def _end_here() -> None:
    """End what runs: the task, or the function in a thread."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        raise Killed from None
    if task is not None:
        task.cancel()  # otherwise the worker would take it for a failure of something that was awaited
    raise asyncio.CancelledError


def described_call(text: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return a call for people: ``DNS.set('home', ttl=60)``."""
    shown = [*(repr(each) for each in args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    return shortened(f"{text}({', '.join(shown)})")


def shortened(line: str) -> str:
    """Return the description of an effect, without its end if it is long."""
    return line if len(line) <= 100 else f"{line[:97]}..."
