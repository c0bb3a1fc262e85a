"""What lives outside Kubernetes: a stand-in whose calls by the operator are counted, and end when it is killed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Protocol

from kaiwu_runtime.testing.faults._changes import Changes


class Life(Protocol):
    """One life of the operator."""

    @property
    def dead(self) -> bool:
        """Whether it was killed."""

    @property
    def tasks(self) -> Collection[asyncio.Task[Any]]:
        """Its tasks."""

    def call(self, text: str) -> tuple[int, str]:
        """Count a call, and return its number and how it fails, or an empty text."""

    def effect(self, text: str, *, call: int) -> None:
        """Count a call that has changed something, which may be the end of this life."""

    def query(self, text: str, call: int) -> None:
        """Note a call that has changed nothing."""

    def failure(self, kind: type[Any], call: str, lost: bool) -> Exception:
        """Return the error of a call that the plan lets fail."""

    async def end(self) -> None:
        """Never return; called by what a killed operator goes on to do."""


class Killed(BaseException):
    """Ends a function of a killed operator that runs in a thread, and its set-up."""


class Counted:
    """Passes calls on to an object; a call that changes one of its attributes is an effect of the operator.

    Args:
        kind: The type of the object.
        changes: Runs the calls.
        life: Whose calls they are.
    """

    def __init__(self, kind: type[Any], changes: Changes, life: Life) -> None:
        self._kaiwu_inner = changes.world[kind]
        self._kaiwu_kind = kind
        self._kaiwu_changes = changes
        self._kaiwu_life = life

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the object has it
        found = getattr(self._kaiwu_inner, name)
        if name.startswith("_") or not callable(found) or inspect.isclass(found):
            return found
        wrap = _asynchronous if is_async(found) else _plain
        return wrap(self._kaiwu_kind, self._kaiwu_changes, found, name, self._kaiwu_life)

    def __repr__(self) -> str:
        return repr(self._kaiwu_inner)


class Call:
    """A call, which the plan may let fail.

    Args:
        text: For people.
        life: Whose call it is.
        failure: Returns the error, given the text and whether it took effect.

    Raises:
        Exception: The plan lets it fail before it takes effect.
    """

    def __init__(self, text: str, life: Life, failure: Callable[[str, bool], Exception]) -> None:
        self._text = text
        self._life = life
        self._failure = failure
        self._is_counted = False
        self._number, self._fails = life.call(text)
        if self._fails == "unsent":
            raise failure(text, False)

    def count(self, *, changed: bool) -> None:
        """Count that it has changed something, or the first time that it has not."""
        if changed:
            self._life.effect(self._text, call=self._number)
        elif not self._is_counted:
            self._life.query(self._text, self._number)
        self._is_counted = True

    def check_answer(self) -> None:
        """Raise the error of a call whose answer is lost, if this is one."""
        if self._fails:
            raise self._failure(self._text, True)


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether a function has to be awaited."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _asynchronous(
    kind: type[Any], changes: Changes, function: Callable[..., Any], name: str, life: Life
) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if life.dead:
            await life.end()
        one = Call(described_call(f"{kind.__name__}.{name}", args, kwargs), life, partial(life.failure, kind))
        ended = await changes.wait(function(*args, **kwargs))
        if life.dead:  # killed by another effect meanwhile
            await life.end()
        one.count(changed=kind in ended.changed)
        if life.dead:
            await life.end()
        one.check_answer()
        return ended.result()

    return call


def _plain(
    kind: type[Any], changes: Changes, function: Callable[..., Any], name: str, life: Life
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if life.dead:
            _end_here(life)
        one = Call(described_call(f"{kind.__name__}.{name}", args, kwargs), life, partial(life.failure, kind))
        ended = changes.run(lambda: function(*args, **kwargs))
        one.count(changed=kind in ended.changed)
        if life.dead:
            _end_here(life)
        one.check_answer()
        return ended.result()

    return call


def _end_here(life: Life) -> None:
    """End what runs: the task, the function in a thread, or the set-up of the operator."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        raise Killed from None
    if task is None or task not in life.tasks:  # the run's own, which sets the operator up
        raise Killed
    task.cancel()  # otherwise the worker would take it for a failure of something that was awaited
    raise asyncio.CancelledError


def described_call(text: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return a call for people: ``DNS.set('home', ttl=60)``."""
    shown = [*(repr(each) for each in args), *(f"{name}={value!r}" for name, value in kwargs.items())]
    return shortened(f"{text}({', '.join(shown)})")


def shortened(line: str) -> str:
    """Return the description of an effect, without its end if it is long."""
    return line if len(line) <= 100 else f"{line[:97]}..."
